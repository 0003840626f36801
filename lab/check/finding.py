"""One thing that is wrong, and where the journal shows it."""

from __future__ import annotations


class Finding(str):
    """The text, with `invariant`, `seq` (the journal's line), `host` and `pair` where they are known."""

    invariant: int
    seq: int
    host: str | None
    pair: str | None

    def __new__(
        cls, invariant: int, seq: int, text: str, *, host: str | None = None, pair: str | None = None
    ) -> Finding:
        where = f"{host}: " if host and not text.startswith(f"{host}: ") else ""
        made = super().__new__(cls, f"invariant {invariant}, line {seq}: {where}{text}")
        made.invariant, made.seq, made.host, made.pair = invariant, seq, host, pair
        return made
