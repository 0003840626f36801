"""A host's account: whether it is root, what it is refused, and the programs by which it becomes root."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from lab.config.rights import RightsConfig
from lab.rights import programs, sudoers
from lab.rights.refused import Refused, refused
from lab.shell.call import Program

_EVERYTHING = "ALL ALL=(ALL) NOPASSWD: ALL"
_parsed = lru_cache(maxsize=64)(sudoers.parse)


class Account:
    """:param rights: None: nobody asks what the account may do."""

    def __init__(self, family: str, rights: RightsConfig | None) -> None:
        self._family = family
        self.rights = rights

    def may_all(self, login: str) -> bool:
        return self.rights is None or login == "root"

    def refused(self, login: str, argv: Sequence[str]) -> Refused | None:
        """What it is told instead of what that program does; None: it may run it."""
        if self.rights is None or login == "root":
            return None
        return refused(self._family, argv, self.rights.root_only)

    def change(self, **texts: str) -> None:
        """Put other rule files in place.

        :raises ValueError: nobody asks what the account may do, or a program had no rules so far.
        """
        if self.rights is None or any(self._text(name, None) is None for name in texts):
            raise ValueError("it has no rights that could be changed: give them in the configuration")
        self.rights = self.rights.model_copy(update=texts)

    def programs(self) -> dict[str, Program]:
        """sudo and the like, as far as there are rules for them."""
        made: dict[str, Program] = {
            "sudo": programs.sudo(lambda: _parsed(self._text("sudo") if self.rights else _EVERYTHING)),
            "doas": programs.doas(lambda: self._text("doas")),
            "pfexec": programs.pfexec(lambda: self._text("pfexec")),
            "pbrun": programs.pbrun(lambda: self._text("pbrun")),
        }
        return {name: made[name] for name in made if self._text(name, None) is not None}

    def _text(self, name: str, otherwise: str | None = "") -> str:
        found: str | None = getattr(self.rights, name, None)
        return otherwise if found is None else found  # type: ignore[return-value]
