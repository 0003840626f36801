"""SYMCLI's command line: options in any place and any case, every unknown one refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.array.refused import Refused
from lab.shell.call import Call

# The variables that give an option its default.
ENVIRONMENT = ("SYMCLI_SID", "SYMCLI_DG", "SYMCLI_NOPROMPT", "SYMCLI_OUTPUT_MODE")

# Other spellings of an option.
SAME = {
    "-file": "-f", "-nop": "-noprompt", "-nopr": "-noprompt", "-differential": "-diff", "-dev": "-devs",
    "-out": "-output",
}  # fmt: skip


@dataclass
class Options:
    """`flags` are those given without a value, `values` those with one; `words` is all the rest."""

    command: str
    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def number(self, option: str) -> int | None:
        value = self.values.get(option)
        if value is None:
            return None
        if not value.isdigit() or int(value) == 0:
            raise Refused("bad_value", command=self.command, option=option, value=value)
        return int(value)

    def allow(self, flags: frozenset[str], values: frozenset[str]) -> None:
        """Refuse what the action does not know. A retry count or an output mode is never ignored either."""
        for option in [*self.flags, *self.values]:
            if option not in flags and option not in values:
                raise Refused("unknown_option", command=self.command, option=option)

    @property
    def xml(self) -> bool:
        mode = self.values.get("-output")
        if mode is not None and mode.lower() not in ("xml", "xml_e", "xml_element"):
            raise Refused("bad_value", command=self.command, option="-output", value=mode)
        return mode is not None


def read(call: Call, flags: frozenset[str], values: frozenset[str]) -> Options:
    """`flags` and `values` are all options that any action of the command has."""
    options = Options(call.name)
    words = list(call.words)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            options.words.append(word)
            continue
        option = SAME.get(word.lower(), word.lower())
        if option in values:
            if not words:
                raise Refused("option_value", command=call.name, option=option)
            options.values[option] = words.pop(0)
        elif option in flags:
            options.flags.add(option)
        else:
            raise Refused("unknown_option", command=call.name, option=word)
    _from_environment(call, options, flags, values)
    return options


def given(call: Call) -> set[str]:
    """Options that stand on the line, and not only in the environment."""
    return {SAME.get(w.lower(), w.lower()) for w in call.words if w.startswith("-")}


def _from_environment(call: Call, options: Options, flags: frozenset[str], values: frozenset[str]) -> None:
    env = call.env
    if "-sid" in values and env.get("SYMCLI_SID"):
        options.values.setdefault("-sid", env["SYMCLI_SID"])
    if "-g" in values and env.get("SYMCLI_DG") and "-f" not in options.values:
        options.values.setdefault("-g", env["SYMCLI_DG"])
    if "-noprompt" in flags and env.get("SYMCLI_NOPROMPT", "0") not in ("", "0"):
        options.flags.add("-noprompt")
    mode = env.get("SYMCLI_OUTPUT_MODE", "")
    if "-output" in values and mode.upper() in ("XML", "XML_ELEMENT", "XML_E"):
        options.values.setdefault("-output", "xml_e")
