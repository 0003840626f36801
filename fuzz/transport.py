"""The product's own driver with the lab behind it in place of SSH."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Any, Protocol

from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Result
from fuzz.runs import Try, current
from hooks import clock, symcli
from hooks.symcli import SymcliHook

PRODUCT = ("clones", "hooks", "operators", "sensors", "triggers")
LOST = "the SSH session was lost"


class Wire(Protocol):
    """What carries the commands: the case that is played."""

    def send(self, one: Try, command: Command, turns: Turns) -> Result: ...
    def now(self) -> float: ...
    def awake(self) -> float:
        """Seconds of the clock by which the age of looks is told."""
        ...


class Plugged:
    """Where the driver is plugged in, and whose time it is."""

    wire: Wire


class DirectHook(SymcliHook):  # type: ignore[misc]
    """Everything but the connection is the product's."""

    def _client(self, host: str) -> Any:
        return host

    def expect(self, hosts: Sequence[str]) -> None:
        """Nobody logs in."""

    def _execute(self, client: Any, command: Command, turns: Turns) -> Result:
        return Plugged.wire.send(current(), command, turns)


class _AnyDatetime(type(datetime)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class LabTime(datetime, metaclass=_AnyDatetime):
    """The time of day by the lab's clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(Plugged.wire.now(), tz)


def plug_in() -> None:
    """Let the product's modules that are loaded use the lab's transport and its clock."""
    clock.awake = lambda: Plugged.wire.awake()
    clock.process_age = lambda: None
    symcli.SymcliHook = DirectHook  # for those who load it when they need it
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] not in PRODUCT or module is symcli:
            continue
        for here, value in list(vars(module).items()):
            if value is SymcliHook:
                setattr(module, here, DirectHook)
            elif value is datetime:
                setattr(module, here, LabTime)
