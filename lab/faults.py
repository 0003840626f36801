"""Faults: what goes wrong, on which host, for which command, how often.

| kind         | what happens                                                                              |
|--------------|-------------------------------------------------------------------------------------------|
| lock         | SYMCLI answers `exit` 2 (database), 3 (array), 19 (gatekeeper) or 49 (devices)             |
| cut_before   | the connection drops, nothing is executed: lost before it was accepted                     |
| cut_after    | executed and journaled, then the connection drops without an exit status                   |
| cut_bytes    | executed and journaled; the connection drops after `bytes` bytes of output                 |
| cut_output   | executed, and its exit status is its own; only the first `bytes` bytes of stdout arrive     |
| cut_running  | the connection drops at once; the command goes on alone, `seconds` lab seconds later       |
| delay        | executed and journaled, then the reply is held: for `seconds` real seconds, or until the   |
|              | fault is cleared                                                                          |
| slow         | executed and journaled; the output comes at `rate` bytes a lab second                      |
| hang         | nothing is executed and nothing is answered until the client goes away                     |
| exit         | not executed: `exit`, `stdout`, `stderr` are the answer                                    |
| stall        | a program starts and is listed, the connection drops; it goes on `seconds` lab s. later    |
| silent       | executed, but nothing of its output is printed; the exit status is its own                 |
| noise        | `stdout` is printed before the command's own output                                        |
| partial      | activate takes the first `pairs` pairs, then fails                                         |
| fail_pair    | a control command succeeds, then `pair` (SRC>TGT) goes Failed                              |
| down         | `host` has no listener and its connections drop: for `seconds` lab seconds, else until the |
|              | fault is cleared. At once; with `match` when such a command comes, which is not executed   |
| disk_full    | `host`: a write to a file whose path `path` is found in fails after `bytes` bytes (0)      |
| skew         | `host`: its clock is `skew` seconds ahead (negative: behind), and in zone `timezone`       |
| admin        | right after the command a second administrator's `run` is executed, on host `on` (the same)|

Of these, a Unisphere's REST calls are met by cut_before, cut_after, cut_bytes, cut_running, delay, hang,
down, lock, partial and fail_pair (of link and relink), skew, admin, and:

| kind         | what happens                                                                              |
|--------------|-------------------------------------------------------------------------------------------|
| http         | the answer is `status`, `body` and `type`; not executed, but with `work` first            |
| late         | the answer comes `seconds` lab seconds later; executed at once, with `work` last then     |
| job          | the job that the call begins never ends, or ends in `state` when that is given; its change |
|              | is made only with `work` first                                                            |
| restart      | Unisphere restarts before the call: its jobs and lists of pages are gone. What the jobs   |
|              | had not done yet is never done, but with `work` last                                      |
| other_ca     | `host` shows a certificate of another CA, until the fault is cleared                      |

They are searched for in `METHOD PATH?QUERY BODY`, the body as JSON; the path is that below the API's root.
What a second administrator runs on a Unisphere is `METHOD PATH BODY`.

A stall is searched for in the words of each program that a command starts, not in the command; what
came over no connection, as a second administrator's, does not stall.

The command is searched for the regular expression `match` (or `command`, the same). `count` (or `attempts`)
is how many commands (for a lock: attempts; for a full disk: writes) it meets before it is used up, none for
ever; `after` lets that many matching commands pass first. A lock with `seconds` instead is held for lab
seconds from the moment it was set; `SYMCLI_WAIT_ON_DB=1` and `SYMCLI_WAIT_ON_GK=1` wait for such a lock (2
and 19), but not for one that counts attempts. Without `match`, locks 3 and 49 meet control commands only.

What a second administrator does is journaled with `actor` "admin". `draw` sets faults by seed, from the
configuration's `random_faults`: the same seed draws the same faults, whatever the commands are.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from lab.clock import Clock
from lab.config.faults import FaultConfig, RandomFaultConfig
from lab.journal import Journal

TRANSPORT = frozenset({
    "cut_before", "cut_after", "cut_bytes", "cut_running", "delay", "slow", "hang", "exit", "silent", "noise",
    "down", "admin", "cut_output",
})  # fmt: skip
OF_REST = frozenset({
    "cut_before", "cut_after", "cut_bytes", "cut_running", "delay", "hang", "down", "admin", "http", "late",
    "restart",
})  # fmt: skip
"""Those of the line that a REST call meets."""
# A command meets one of these at a time, in the order they were set: the next one waits for the next command.
ALONE = frozenset({"cut_before", "cut_after", "cut_bytes", "cut_running", "hang", "exit", "down", "http"})
CONTROL_ONLY_LOCKS = frozenset({3, 49})


@dataclass(eq=False)
class Fault:
    id: int
    config: FaultConfig
    since: float
    left: int | None
    skip: int
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, names: tuple[str, str], command: str) -> bool:
        if self.left == 0 or (self.config.host is not None and self.config.host not in names):
            return False
        return self.config.match is None or re.search(self.config.match, command) is not None

    @property
    def exit(self) -> int:
        return 2 if self.config.exit is None else self.config.exit

    def held_until(self) -> float | None:
        """When a lock that is held for a time ends, in lab seconds since the epoch."""
        return None if self.config.seconds is None else self.since + self.config.seconds

    async def hold(self) -> None:
        """Wait for its real seconds, or until it is cleared."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.cleared.wait(), self.config.seconds or 0)


class Faults:
    def __init__(self, clock: Clock, journal: Journal) -> None:
        self.clock = clock
        self.journal = journal
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)
        # Told of every fault that is set (True) or cleared (False).
        self.watchers: list[Callable[[Fault, bool], None]] = []

    def add(self, config: FaultConfig | None = None, **words: Any) -> int:
        if config is None:
            try:
                config = FaultConfig.model_validate(words)
            except ValidationError as error:
                raise ValueError("; ".join(f"{e['loc']}: {e['msg']}" for e in error.errors())) from None
        count = config.count
        if config.kind == "lock" and count is None and config.seconds is None:
            count = 1
        fault = Fault(next(self._ids), config, self.clock.now(), count, config.after)
        self._faults.append(fault)
        self._tell(fault, True)
        return fault.id

    def draw(self, seed: int, choices: list[RandomFaultConfig]) -> list[int]:
        """Set what the seed picks of the choices. Returns the faults' numbers."""
        chance = random.Random(seed)
        drawn: list[int] = []
        for choice in choices:
            for _ in range(choice.draws):
                # Both numbers are drawn each time, so that one choice does not shift the next one's.
                hit, skip = chance.random() < choice.probability, chance.randint(0, choice.within)
                if hit:
                    after = choice.fault.after + skip
                    drawn.append(self.add(choice.fault.model_copy(update={"after": after})))
        chosen = [f for f in self.describe() if f["id"] in drawn]
        self.journal.event("seed", seed=seed, drawn=chosen)
        return drawn

    def clear(self, id: int | None = None) -> None:
        gone = [f for f in self._faults if id is None or f.id == id]
        self._faults = [f for f in self._faults if f not in gone]
        for fault in gone:
            fault.cleared.set()
            self._tell(fault, False)

    def _tell(self, fault: Fault, there: bool) -> None:
        for watcher in self.watchers:
            watcher(fault, there)

    def standing(self, kind: str, names: tuple[str, str]) -> list[Fault]:
        """Faults of a kind that are there for a host, without using them."""
        return [f for f in self._faults if f.config.kind == kind and f.left != 0 and f.config.host in names]

    def full(self, names: tuple[str, str], path: str) -> int | None:
        """How many bytes of a write to this path still fit; None when the disk has room."""
        for fault in self.standing("disk_full", names):
            if re.search(fault.config.path or "", path) and self._use(fault, names, path):
                return fault.config.bytes or 0
        return None

    def describe(self) -> list[dict[str, Any]]:
        return [
            {"id": f.id, "left": f.left, **f.config.model_dump(exclude_defaults=True)} for f in self._faults
        ]

    def _use(self, fault: Fault, names: tuple[str, str], command: str) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.left is not None:
            fault.left -= 1
        self.journal.event("fault", kind=fault.config.kind, id=fault.id, host=names[0], matched=command)
        return True

    def transport(
        self, names: tuple[str, str], command: str, kinds_there: frozenset[str] = TRANSPORT
    ) -> list[Fault]:
        """The faults of the line that meet this command; they are used by asking."""
        taken: list[Fault] = []
        for fault in self._faults:
            kind = fault.config.kind
            kinds = {f.config.kind for f in taken}
            if kind not in kinds_there or kind in kinds or (kind in ALONE and kinds & ALONE):
                continue
            if kind == "down" and fault.config.match is None:
                continue  # took effect when it was set
            if fault.meets(names, command) and self._use(fault, names, command):
                taken.append(fault)
        return taken

    def stall(self, names: tuple[str, str], program: str) -> float:
        """For how many lab seconds this program, given by its words, stands still once it was started."""
        for fault in self._faults:
            if fault.config.kind == "stall" and fault.meets(names, program):
                return (fault.config.seconds or 0.0) if self._use(fault, names, program) else 0.0
        return 0.0

    def lock(self, names: tuple[str, str], command: str, control: bool) -> Fault | None:
        """The lock that this attempt of a SYMCLI command runs into, if any."""
        for fault in self._faults:
            if fault.config.kind != "lock" or not fault.meets(names, command):
                continue
            if fault.config.match is None and fault.exit in CONTROL_ONLY_LOCKS and not control:
                continue
            until = fault.held_until()
            if until is not None and self.clock.now() >= until:
                continue
            if self._use(fault, names, command):
                return fault
        return None

    def locks(self, names: tuple[str, str]) -> set[int]:
        """Exit codes of the locks that a host's control commands would run into now, without using them."""
        return {
            f.exit
            for f in self._faults
            if f.config.kind == "lock"
            and f.left != 0
            and (f.config.host is None or f.config.host in names)
            and (f.config.seconds is None or self.clock.now() < (f.held_until() or 0.0))
        }

    def control(self, kind: str, names: tuple[str, str], command: str) -> Fault | None:
        """The first `partial`, `fail_pair` or `job` that meets this control command or call."""
        for fault in self._faults:
            if fault.config.kind == kind and fault.meets(names, command) and self._use(fault, names, command):
                return fault
        return None
