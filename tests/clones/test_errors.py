"""Which errors are tried again, and that each has its rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clones import errors
from clones.errors import RETRIES, CloneError

TRIED_AGAIN = {
    "TornForNow": True,
    **dict.fromkeys(("ConfigError", "Mistyped", "Refused", "Torn", "Missing", "NotApproved"), False),
    **dict.fromkeys(("TryAgain", "Locked", "NotMyTurn", "Fenced", "Stale", "NotDone"), True),
    **dict.fromkeys(("MustWait", "Unknown", "Unreadable"), True),
}


def test_what_was_typed_acts_on_no_terminal() -> None:
    """A key of services.yaml, a field of a form or of a connection."""
    error = errors.Refused("no service \x1b[2J", "name one\x07 of:\n  two")
    assert (error.what, error.remedy) == ("no service \\x1b[2J", "name one\\x07 of:\n  two")
    assert str(error) == "no service \\x1b[2J\nWhat to do: name one\\x07 of:\n  two"


def below(kind: type[CloneError]) -> Iterator[type[CloneError]]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def made(kind: type[CloneError]) -> CloneError:
    """One without the words that some of them want."""
    return kind.__new__(kind)


@pytest.mark.parametrize(("name", "again"), TRIED_AGAIN.items())
def test_what_is_tried_again(name: str, again: bool) -> None:
    error = made(getattr(errors, name))
    rule = next(rule for rule in RETRIES if isinstance(error, rule.kind))
    assert rule.again is again


def test_every_error_has_its_rule() -> None:
    ours = {kind.__name__ for kind in below(CloneError) if kind.__module__ == "clones.errors"}
    assert ours == set(TRIED_AGAIN)


def test_what_it_quotes_acts_on_nothing() -> None:
    error = CloneError("key 'a\x1b[2J' is not known.\nIt is refused", "remove \x9b2J")
    assert str(error) == "key 'a\\x1b[2J' is not known.\nIt is refused\nWhat to do: remove \\x9b2J"
    assert error.what.endswith("It is refused") and error.remedy == "remove \\x9b2J"
