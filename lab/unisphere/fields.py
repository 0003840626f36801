"""The fields of a body: what is there, of the right kind, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lab.array.refused import Refused


def only(body: dict[str, Any], known: Collection[str]) -> None:
    """:raises Refused: a field that the call does not know."""
    for name in body:
        if name not in known:
            raise Refused("unknown_field", field=name)


def text(body: dict[str, Any], name: str) -> str:
    """:raises Refused: it is not there, or no text."""
    if name not in body:
        raise Refused("missing_field", field=name)
    value = body[name]
    if not isinstance(value, str) or not value:
        raise Refused("bad_field", field=name, value=value)
    return value


def flag(body: dict[str, Any], *names: str) -> bool:
    """Of the first of these names that is there. Booleans as text are taken, too (relied on)."""
    for name in names:
        if name in body:
            value = body[name]
            if isinstance(value, bool):
                return value
            if isinstance(value, str) and value.lower() in ("true", "false"):
                return value.lower() == "true"
            raise Refused("bad_field", field=name, value=value)
    return False


def number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Refused("bad_field", field=name, value=value)


def inner(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The object of an action; without it the action has no options."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise Refused("bad_field", field=name, value=value)
    return value
