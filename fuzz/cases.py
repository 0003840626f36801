"""What is tried: a case, in one line of text, and how cases are drawn or counted up."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fuzz.sites import VARIANTS, Variant

ACTIONS = {
    "aastmphpux": ("refresh", "update", "start", "merge_back", "provision", "retire"),
    "lnxpp": ("refresh", "update", "start", "merge_back", "provision", "retire"),
    "reporting_copies": ("refresh", "resync", "break", "provision", "retire"),
    "lnxts": ("refresh", "rewind", "update", "start"),
    "hpxts": ("refresh", "rewind"),
    "sunts": ("refresh", "rewind"),
}
"""By service, the runs that it has: an action of its own DAG, or one of the other DAGs."""

KILLED = ("killed-before", "killed-after", "killed-running")
LOST = ("lost-before", "lost-after", "lost-unbegun", "lost-running", "cut")
ANSWERS = ("exit-255", "exit-19", "exit-2", "short", "unreachable")
PAUSED = (
    "paused-next-try", "paused-next-run", "paused-cleared", "paused-beside", "paused-other-airflow",
    "paused-cloned-airflow",
)  # fmt: skip
ADMIN = (
    "admin-terminate", "admin-recreate", "admin-activate", "admin-restore", "admin-group", "admin-start",
)  # fmt: skip
KINDS = (*KILLED, *LOST, *ANSWERS, *PAUSED, *ADMIN)
"""What happens at a command.

killed: the worker dies before it sends it, when it has come back, or while it runs, which it does to its end.
lost: the session is lost before it is run, when it has run, before its shell begins (it is run later all the
same), while it runs, or (cut) within its output. exit: that is the answer, and it was not run. short: less
was printed, and the exit code is kept. paused: the worker stands still, others go on, then it goes on, at
their end or in their middle. admin: right after it a second administrator does that; group: he lets its
names stand for the pair of another service; start: he mounts the service's file system by hand.
"""

NEAR = 20
WAYS = ("trigger", "clear", "mark", "outside")
"""How it is run again: by a new run; by Clear, Only failed tasks; or a person marks the run as failed at the
fault already, and clears it; or does so, and clears its first task that is not green with Downstream."""


@dataclass(frozen=True)
class Fault:
    """:param at: number of the command, from 0, counted over all that act."""

    at: int
    kind: str

    def __str__(self) -> str:
        return f"{self.at}:{self.kind}"

    @classmethod
    def read(cls, text: str) -> Fault:
        at, _, kind = text.partition(":")
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; one of {', '.join(KINDS)}")
        return cls(int(at), kind)


@dataclass(frozen=True)
class Case:
    """:param salt: draws what else there is to draw: how much is cut, how long something takes."""

    service: str
    action: str
    variant: Variant
    faults: tuple[Fault, ...] = ()
    way: str = "trigger"
    salt: int = 0

    def __str__(self) -> str:
        faults = ",".join(map(str, self.faults)) or "none"
        return f"{self.service} {self.action} {self.variant} {faults} {self.way} {self.salt}"

    @classmethod
    def read(cls, text: str) -> Case:
        """:raises ValueError: it is none."""
        service, action, variant, faults, way, salt = text.split()
        if action not in ACTIONS.get(service, ()) or way not in WAYS:
            raise ValueError(f"{text!r}: no such service, action or way")
        read = () if faults == "none" else tuple(Fault.read(fault) for fault in faults.split(","))
        return cls(service, action, Variant.read(variant), read, way, int(salt))


def drawn(
    chance: random.Random,
    commands: Callable[[Case], int],
    kinds: Sequence[str] = KINDS,
    ways: Sequence[str] = WAYS,
) -> Case:
    """A case by chance, all the same likely; every second has two faults.

    :param commands: how many an undisturbed run of a case sends.
    """
    service = chance.choice(list(ACTIONS))
    plain = Case(service, chance.choice(ACTIONS[service]), chance.choice(VARIANTS))
    number = commands(plain)
    faults = [Fault(chance.randrange(number), chance.choice(kinds))]
    if chance.random() < 0.5:
        # The second comes soon after, or anywhere: it may meet whoever has come to help.
        near = chance.random() < 0.5
        at = faults[0].at + chance.randrange(1, NEAR) if near else chance.randrange(2 * number)
        faults.append(Fault(at, chance.choice(kinds)))
    return Case(
        service, plain.action, plain.variant, tuple(sorted(faults, key=lambda f: f.at)), chance.choice(ways),
        chance.randrange(1000),
    )  # fmt: skip


def every(
    service: str,
    commands: Callable[[Case], int],
    kinds: Sequence[str] = KINDS,
    ways: Sequence[str] = WAYS,
    actions: Sequence[str] = (),
    step: int = 1,
) -> Iterator[Case]:
    """Of one service as it is: each kind of fault at each command of each action, run again in each way.

    :param actions: by default all that it has.
    :param step: at each so many-th command.
    """
    for action in actions or ACTIONS[service]:
        plain = Case(service, action, Variant())
        for at, kind, way in itertools.product(range(0, commands(plain), step), kinds, ways):
            yield Case(service, action, plain.variant, (Fault(at, kind),), way, at)
