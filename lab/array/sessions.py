"""The sessions of an array, found by pair, by source and by target, and those that need the clock."""

from __future__ import annotations

from collections import UserDict

from lab.array.session import Session

Pair = tuple[int, int]


class Sessions(UserDict[Pair, Session]):
    """A mapping of pair to session. `busy` holds every session that moves tracks or waits for a moment to
    pass, and perhaps a few that no longer do: whoever looks at the clock needs no others."""

    def __init__(self) -> None:
        super().__init__()
        self.busy: dict[Session, None] = {}
        self._of_source: dict[int, dict[Pair, Session]] = {}
        self._of_target: dict[int, dict[Pair, Session]] = {}

    def __setitem__(self, pair: Pair, session: Session) -> None:
        self.pop(pair, None)
        self.data[pair] = session
        self._of_source.setdefault(pair[0], {})[pair] = session
        self._of_target.setdefault(pair[1], {})[pair] = session
        session.busy = self.busy
        session.be_busy()

    def __delitem__(self, pair: Pair) -> None:
        session = self.data.pop(pair)
        del self._of_source[pair[0]][pair]
        del self._of_target[pair[1]][pair]
        self.busy.pop(session, None)
        session.busy = None

    def of_source(self, number: int) -> list[Session]:
        return list(self._of_source.get(number, {}).values())

    def of_target(self, number: int) -> list[Session]:
        return list(self._of_target.get(number, {}).values())

    def pairs_of_source(self, number: int) -> list[Pair]:
        """The pairs of one source, by target."""
        return sorted(self._of_source.get(number, {}))
