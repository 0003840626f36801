"""The one shape of every resource driver."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from clones.asking.steps import Command, Result


class Use(enum.StrEnum):
    """What a probe says of a resource."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Probe:
    """The reading of one probe.

    :param use: unknown whenever the output is not one that is known to mean up or down (D2).
    :param at: where between stopped and started the resource is, in the driver's own words (a volume group
        can be `exported`, `imported` or `active`); start and stop go on from there.
    :param evidence: the line of output that shows it.
    """

    use: Use
    at: str
    evidence: str


@dataclass(frozen=True)
class Failure:
    """Why a command that came to its end did not do its work.

    :param what: how it ended and what it said, to stand behind the command's name.
    :param remedy: what a person does.
    :param final: whether trying again cannot help.
    """

    what: str
    remedy: str
    final: bool = False


class Driver(Protocol):
    """One resource on one host. Drivers build commands and read results; they run nothing."""

    @property
    def label(self) -> str:
        """How logs and errors name it, e.g. ``fs /aaststcvi``."""
        ...

    @property
    def started(self) -> str:
        """Where the resource is once `start` has brought it up, as `Probe.at`."""
        ...

    @property
    def stopped(self) -> str:
        """Where the resource is once `stop` has taken it down, as `Probe.at`."""
        ...

    @property
    def prepared(self) -> str | None:
        """Where `prepare` leaves it, as `Probe.at`; None for what serves as soon as it is up.

        A group is `started` then and serves nothing yet, a file system is `stopped`, and checked. What is up
        anywhere else is in use.
        """
        ...

    def probe(self) -> Command:
        """A command that only looks."""
        ...

    def read(self, result: Result) -> Probe:
        """The reading of the probe's result; never raises: what cannot be read is `unknown`."""
        ...

    def start(self, at: str) -> list[Command]:
        """What brings it up from where it is; empty when it is up."""
        ...

    def prepare(self, at: str) -> list[Command]:
        """What of `start` can be done while the service still runs on another copy, from where it is."""
        ...

    def stop(self, at: str) -> list[Command]:
        """What takes it down from where it is; empty when there is nothing left to take down."""
        ...

    def failure(self, command: Command, result: Result) -> Failure | None:
        """Why one of its own commands that has an exit status did not do its work; None when it did."""
        ...
