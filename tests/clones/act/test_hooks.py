"""Hooks: what is sent where, and what its end means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clones.act.hooks import command_of, run_hook
from clones.asking.steps import Command, Finished, Note, Result, answer
from clones.config import Hook
from clones.config.scope import Scope
from clones.errors import CloneError, NotDone, Unknown
from hooks.configuration import load

CONFIG = load(Path(__file__).parents[3] / "config" / "services.yaml")
SCOPE = Scope("lnxpp", CONFIG.services["lnxpp"], CONFIG.symcli)
UNREACHABLE = Unknown("lnxpp01 cannot be reached over SSH: no route. Nothing was sent.")


def hook(**given: Any) -> Hook:
    return Hook.model_validate(
        {"name": "drain", "command": ["/opt/site/drain", "a b"], "timeout": 5, **given}
    )


def ended(hook: Hook, code: int | CloneError | None, said: str = "") -> list[Note]:
    """Run it with a written end; what it notes."""
    steps = run_hook(SCOPE, hook, "before_stop")
    asked = answer(steps)
    assert isinstance(asked, Command)
    notes = []
    if isinstance(code, CloneError):
        asked = answer(steps, error=code)
    else:
        asked = answer(steps, Result(asked, code, stderr=said, lost="" if code is not None else "cut"))
    while not isinstance(asked, Finished):
        assert isinstance(asked, Note)
        notes.append(asked)
        asked = answer(steps)
    return notes


@pytest.mark.parametrize(("given", "host"), [({}, "lnxpp01"), ({"connection": "oracle"}, "oracle")])
def test_where_and_how(given: dict[str, str], host: str) -> None:
    command = command_of(SCOPE, hook(**given))
    assert (command.host, command.line(), command.timeout) == (host, "/opt/site/drain 'a b'", 5)


def test_exit_code_0_is_done() -> None:
    assert ended(hook(), 0) == []


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (1, NotDone, r"hook drain \(before_stop\) on lnxpp01: `/opt/site/drain 'a b'` .* exit code 1: no"),
        (127, NotDone, "exit code 127"),
        (None, Unknown, r"no exit status \(cut\); it is not known whether it took effect"),
        (UNREACHABLE, Unknown, "cannot be reached"),
    ],
)
def test_any_other_end_fails_or_warns(code: Any, kind: type[CloneError], says: str) -> None:
    with pytest.raises(kind, match=says):
        ended(hook(), code, "no")
    (warning,) = ended(hook(blocking=False), code, "no")
    assert warning.warning and "`blocking: false`" in warning.title
