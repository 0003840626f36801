"""symclone as a back end (:class:`clones.backends.BackEnd`): looks, rules, and what is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from clones.asking.steps import Command, Steps, run
from clones.backends.symclone import commands, output
from clones.backends.symclone.exit_codes import Outcome, classify
from clones.backends.symclone.observe import TOOLS as TOOLS
from clones.backends.symclone.observe import ask_precopied as ask_precopied
from clones.backends.symclone.observe import locate as locate
from clones.backends.symclone.observe import observe as observe
from clones.backends.symclone.running import still_running as still_running
from clones.backends.symclone.shared import first_asked as first_asked
from clones.backends.symclone.shared import look_at as look_at
from clones.backends.symclone.shared import look_key as look_key
from clones.backends.symclone.shared import looks as looks
from clones.backends.symclone.shared import seen_at as seen_at
from clones.config import Sync
from clones.config.scope import Scope
from clones.decide import rules
from clones.decide.rules import Decision
from clones.errors import ConfigError
from clones.states import PairSeen, SyncSeen


def survey(scope: Scope, sync: Sync, snapshots: Mapping[str, int] = MappingProxyType({})) -> Steps[SyncSeen]:
    """All that matters of a sync is in every look."""
    return (yield from observe(scope, sync))


def decide_create(sync: Sync, seen: SyncSeen) -> Decision:
    return rules.decide_create(seen)


def decide_resync(sync: Sync, seen: SyncSeen) -> Decision:
    return rules.decide_resync(sync, seen)


def decide_break(sync: Sync, seen: SyncSeen, *, mend: bool) -> Decision:
    return rules.decide_break(seen, mend=mend, while_copying=sync.recreate_while_copying)


def decide_rewind(sync: Sync, seen: SyncSeen) -> Decision:
    """:raises ConfigError: always: a session has one copy, and none before it."""
    raise no_former_copy(sync)


def no_former_copy(sync: Sync) -> ConfigError:
    """The error of every way back."""
    return ConfigError(
        f"Sync {sync.name} has no former copy: a recreate discards it.",
        "use two target sets, which keep the former copy (docs/how-to/two-sets.md)",
    )


def decide_retire(sync: Sync, seen: SyncSeen) -> Decision:
    return rules.decide_retire(seen)


def sends(
    scope: Scope, sync: Sync, seen: SyncSeen, action: str, pairs: Sequence[PairSeen]
) -> tuple[Command, ...]:
    made = {
        "create": commands.create,
        "resync": commands.recreate,
        "break": commands.activate,
        "retire": commands.terminate,
    }[action]
    return (made(scope, sync, seen.symid, pairs),)


def differing(scope: Scope, sync: Sync, seen: SyncSeen) -> Steps[dict[tuple[int, int], int]]:
    result = yield from run(commands.query(scope, sync, seen.symid, seen.pairs))
    return output.read_tracks(result.stdout) if classify(result.exit_code) is Outcome.DONE else {}
