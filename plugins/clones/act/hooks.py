"""Hooks: the site's own commands, at their places of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clones.asking.steps import Command, Steps, note, run
from clones.become import Become
from clones.config import Hook
from clones.config.scope import Scope
from clones.errors import CloneError, ConfigError, Fenced, NotDone, Unknown


def command_of(scope: Scope, hook: Hook, *, fenced: bool = True) -> Command:
    """What a hook sends. Nobody knows what it does, so it counts as a change."""
    become = Become.read(hook.become)
    return Command(
        scope.service.host_of(hook),
        become(*hook.command),
        hook.timeout,
        changes=True,
        fenced=fenced,
        as_root=become.needs(hook.command),
    )


def hook_named(hooks: Sequence[Hook], name: str) -> Hook:
    """:raises ConfigError: it is not configured there any more."""
    for hook in hooks:
        if hook.name == name:
            return hook
    raise ConfigError(f"There is no hook {name!r} here.", "check services.yaml: was it renamed or taken out?")


def run_hook(scope: Scope, hook: Hook, place: str, *, fenced: bool = True) -> Steps[None]:
    """Run one hook; with `blocking: false` only warn of its failure.

    :param place: where it stands, for messages: ``before_stop``, or ``before_activate of sync data``.
    :param fenced: only for the newest try; false for what must always run.
    :raises Fenced: a newer try works there, whatever `blocking` says.
    :raises NotDone: its exit code is not 0.
    :raises Unknown: there is no exit status; it may have taken effect.
    """
    command = command_of(scope, hook, fenced=fenced)
    subject = (
        f"Service {scope.name}: hook {hook.name} ({place}) on {command.host}: `{command.line()}` ended with"
    )
    try:
        result = yield from run(command)
        if result.exit_code is None:
            raise Unknown(
                f"{subject} {result.ending()}; it is not known whether it took effect.",
                "wait for the retry; check on the host what it did, and raise its `timeout` if needed",
            )
        if result.exit_code != 0:
            raise NotDone(
                f"{subject} {result.ending()}: {result.said()}",
                "wait for the retry; if it keeps failing, fix what it says and clear this task",
            )
    except CloneError as error:
        if hook.blocking or isinstance(error, Fenced):
            raise
        yield from note(f"{error.what} The run continues: `blocking: false`.", warning=True)


def run_hooks(scope: Scope, hooks: Iterable[Hook], place: str) -> Steps[None]:
    """Run hooks in order, until one fails.

    :raises CloneError: as :func:`run_hook`.
    """
    for hook in hooks:
        yield from run_hook(scope, hook, place)
