"""Control actions: confirm, wait for locks, act on all pairs or none, say so, journal the states."""

from __future__ import annotations

from collections.abc import Callable

from lab import states
from lab.array.refused import Refused
from lab.shell.call import Call
from lab.shell.streams import Output
from lab.symcli import lock, messages, scope
from lab.symcli.action import Action
from lab.symcli.options import Options
from lab.symcli.scope import Scope
from lab.symcli.symclone import activate, create, establish, recreate, restore, split, terminate

FLAGS = frozenset({"-noprompt", "-v", "-force", "-tgt", "-star", "-skip"})
VALUES = frozenset({"-g", "-sid", "-f", "-i", "-c"})

Part = Callable[[Call, Options, Scope], None]


async def _run(call: Call, options: Options, part: Part, name: str) -> int:
    making = name == "create" or (name == "establish" and "-full" in options.flags)
    found = scope.resolve(call, options, making=making)
    call.record.about(found.array.key(p) for p in found.pairs)
    word = name.capitalize()
    interval, count = options.number("-i"), options.number("-c")
    switches = found.array.switches
    stream = call.stdout if switches.control_messages_on == "stdout" else call.stderr
    if "-noprompt" not in options.flags and not await _confirmed(call, stream, word, found):
        stream.write(messages.text("not_confirmed"))
        return switches.not_confirmed_exit
    await lock.acquire(
        call, control=True, interval=interval, count=count, default=switches.default_interval
    )  # fmt: skip
    before = found.array.snapshot(found.pairs)
    try:
        _act(call, options, part, found, stream, word, name)
    except Refused as refused:
        stream.write(messages.text(refused.key, **{"action": word, "command": call.name, **refused.words}))
        return refused.exit
    finally:
        call.record.control(before, found.array.snapshot(found.pairs))
    found.array.audit.append((call.host.clock.now(), call.host.name, call.login, f"{word} {found.title}"))
    return 0


def _act(
    call: Call, options: Options, part: Part, found: Scope, stream: Output, word: str, name: str
) -> None:
    if not found.pairs:
        raise Refused("no_session_to_terminate" if name == "terminate" else "not_a_session")
    _refuse_without_effect(options)
    verbose = "-v" in options.flags
    group_text = "group_verbose" if verbose else "group"
    for key, words in _targets(found):
        key = group_text if key == "group" else key
        stream.write(messages.text("progress_" + key, action=word, **words))
    if verbose and found.whole:
        _select(stream, found)
    part(call, options, found)
    if verbose:
        stream.write(messages.text("verbose_steps", action=word.upper()))
    for key, words in _targets(found):
        key = group_text if key == "group" else key
        stream.write(messages.text("done_" + key, action=word, verb=_verb(options, found, name), **words))
    _fail_pair(call, found)


def _refuse_without_effect(options: Options) -> None:
    """-both_sides is for pairs with a remote partner, which the lab's arrays have not."""
    if "-both_sides" in options.flags:
        raise Refused("no_remote_partner")


def _verb(options: Options, found: Scope, name: str) -> str:
    """`initiated` was captured for recreate -precopy, `executed` for create, activate and terminate."""
    if name == "recreate" and "-precopy" in options.flags:
        return "initiated"
    if name in ("recreate", "establish", "restore"):
        return found.array.switches.verb_not_seen
    return "executed"


def _select(stream: Output, found: Scope) -> None:
    """What -v says of a whole group. Captured for create."""
    names = [(found.array.name(s), found.array.name(t)) for s, t in found.pairs]
    stream.write(messages.text("verbose_sources"))
    for source in dict.fromkeys(s for s, _ in names):
        stream.write(messages.text("verbose_device", device=source))
    stream.write(messages.text("verbose_targets"))
    for _, target in names:
        stream.write(messages.text("verbose_device", device=target))
    stream.write(messages.text("verbose_pairing"))
    for source, target in names:
        stream.write(messages.text("verbose_pair", source=source, target=target))


def _targets(found: Scope) -> list[tuple[str, dict[str, str]]]:
    """What the messages name: every pair of the line, else the group or the file as a whole."""
    if found.group is None:
        return [("file", {"file": str(found.file)})]
    if found.whole:
        return [("group", {"group": found.group})]
    names = [found.names[p] for p in found.pairs]
    return [("pair", {"group": found.group, "source": s, "target": t}) for s, t in names]


async def _confirmed(call: Call, stream: Output, word: str, found: Scope) -> bool:
    """The default of the prompt is no, and so is the end of input."""
    for key, words in _targets(found):
        stream.write(messages.text("prompt_" + key, action=word, **words))
        answer = await call.stdin.readline()
        if answer.strip().lower() not in ("y", "yes"):
            return False
    return True


def _fail_pair(call: Call, found: Scope) -> None:
    names = (call.host.name, call.host.connection_id)
    fault = call.host.world.faults.control("fail_pair", names, call.record.command)
    if fault:
        source, _, target = str(fault.config.pair).partition(">")
        pair = (int(source, 16), int(target, 16))
        session = found.array.sessions.get(pair)
        if session:
            session.enter(states.FAILED, call.host.clock.now())
            call.record.faults.append("fail_pair")


def _action(name: str, part: Part, *flags: str) -> Action:
    async def run(call: Call, options: Options) -> int:
        return await _run(call, options, part, name)

    return Action(FLAGS | frozenset(flags), VALUES, run, words=None)


ACTIONS = {
    "create": _action(
        "create", create.part, "-precopy", "-diff", "-nodiff", "-copy", "-nocopy", "-concurrent", "-vse"
    ),
    "recreate": _action("recreate", recreate.part, "-precopy", "-copy", "-concurrent"),
    "activate": _action(
        "activate", activate.part, "-consistent", "-not_ready", "-concurrent", "-both_sides"
    ),
    "establish": _action(
        "establish", establish.part, "-full", "-diff", "-nodiff", "-copy", "-nocopy", "-concurrent",
        "-not_ready", "-both_sides",
    ),
    "restore": _action("restore", restore.part, "-not_ready"),
    "split": _action("split", split.part),
    "terminate": _action("terminate", terminate.part, "-restored", "-symforce"),
}  # fmt: skip
