"""An array and hosts that answer what a test has written down, for procedures of the domain without SSH."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from xml.sax.saxutils import escape

from clones.asking.steps import Command, Finished, Note, Result, Steps, T, answer
from clones.backends.symclone.commands import CLOCK_MARK
from tests.clones.one_by_one import one_by_one

SYMID = "000190101234"


@dataclass
class Copy:
    """One session, as the array prints it."""

    source: int
    target: int
    state: str
    at: datetime | None = None
    percent: int | None = None


@dataclass
class Array:
    """What the control host would print.

    :param groups: device number of each logical name, by device group.
    :param sizes: megabytes of each device that the array has; None when it does not print it.
    """

    clock: datetime
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
    sizes: dict[int, int | None] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    symid: str = SYMID

    def group(self, name: str) -> str:
        """``symdg -g NAME list ld -output xml_e``."""
        devices = "".join(
            f"<Device><Dev_Info><dev_name>{number:04X}</dev_name><ld_name>{escape(ld)}</ld_name></Dev_Info></Device>"
            for ld, number in self.groups.get(name, {}).items()
        )
        info = f"<DG_Info><name>{escape(name)}</name><symid>{self.symid}</symid></DG_Info>"
        return f"<SymCLI_ML><DG>{info}{devices}</DG></SymCLI_ML>"

    def devices(self, asked: Sequence[int]) -> str:
        """``symdev list -v -devs ASKED -output xml_e`` behind the clock; without devices that it has not."""
        shown = "".join(self._device(number) for number in asked if number in self.sizes)
        info = f"<Symm_Info><symid>{self.symid}</symid></Symm_Info>"
        clock = f"{CLOCK_MARK} {self.clock:%Y-%m-%dT%H:%M:%S}"
        return f"{clock}\n<SymCLI_ML><Symmetrix>{info}{shown}</Symmetrix></SymCLI_ML>"

    def _device(self, number: int) -> str:
        size = self.sizes[number]
        capacity = "" if size is None else f"<Capacity><megabytes>{size}</megabytes></Capacity>"
        sessions = "".join(
            f"<CLONE_Device><state>{escape(copy.state)}</state>"
            + ("" if copy.at is None else f"<last_action>{copy.at:%a %b %d %H:%M:%S %Y}</last_action>")
            + ("" if copy.percent is None else f"<percent_copied>{copy.percent}</percent_copied>")
            + f"<SRC><dev_name>{copy.source:05X}</dev_name></SRC>"
            f"<TGT><dev_name>{copy.target:04X}</dev_name></TGT></CLONE_Device>"
            for copy in self.copies
            if number in (copy.source, copy.target)
        )
        return f"<Device><Dev_Info><dev_name>{number:05X}</dev_name></Dev_Info>{capacity}{sessions}</Device>"

    def result(self, command: Command) -> Result:
        """The answer to a command that looks at the array."""
        words = command.words
        if words[-1] == "query":  # it shows no tracks
            return Result(command, 1)
        if "-devs" in words:
            asked = [int(number, 16) for number in words[words.index("-devs") + 1].split(",")]
            return Result(command, 0, stdout=self.devices(asked))
        assert words[-5:-2] == (words[-5], "list", "ld"), f"not a command that looks at it: {command.line()}"
        return Result(command, 0, stdout=self.group(words[-5]))


def drive(
    steps: Steps[T],
    array: Array,
    others: Callable[[Command], Result | None] = lambda command: None,
    sent: list[Command] | None = None,
) -> T:
    """Run a procedure to its end.

    :param others: asked first; answers what is not for the array, or what it would answer otherwise.
    :param sent: every command is added to it.
    """
    steps = one_by_one(steps)
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            asked = answer(steps)
            continue
        if sent is not None:
            sent.append(asked)
        asked = answer(steps, others(asked) or array.result(asked))
    return asked.value


def exits(codes: Mapping[str, int | None]) -> Callable[[Command], Result | None]:
    """Answers by an exit code alone, for commands with a word that ends so."""

    def answered(command: Command) -> Result | None:
        for ending, code in codes.items():
            if any(word.endswith(ending) for word in command.words):
                return Result(command, code, stderr="It said so.", lost="" if code is not None else "cut")
        return None

    return answered
