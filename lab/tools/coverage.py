"""`python -m lab coverage [--check]`: what the lab answers and how sure each is, from tables, as two pages.

The table is `coverage.yaml`. `answers()` says by reflection what there is to cover; tests hold the table
against it.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field

from lab import states
from lab.config.arrays import Switches
from lab.symcli import ACTIONS, lock, messages, options
from lab.symcli.layout import LAYOUTS
from lab.tools import coverage_rest

TABLE = Path(__file__).with_name("coverage.yaml")
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "symcli-coverage.md"

Sure = Literal["captured", "documented", "relied on", "assumed"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Entry(Strict):
    """How sure one answer is. `source` is a key of the table's sources; `to` is a transition's end."""

    sure: Sure
    source: str
    note: str = ""
    to: str = ""


class Setting(Strict):
    """One setting of a switch: what this product makes of it.

    `success`, or `refused: ` and words of the refusal. `product` is for a refresh: stop, recreate, activate,
    start; `create` for a first copy.
    """

    set: Any
    sure: Sure
    source: str
    product: str = Field(pattern=r"^(success|refused: .+)$")
    create: str = Field(default="success", pattern=r"^(success|refused: .+)$")


class Switch(Strict):
    about: str
    settings: list[Setting] = Field(min_length=2)


class Form(Strict):
    """A command line as it is typed, for the demo's arrays, and the exit code that it has there."""

    line: str
    exit: int = 0
    stdin: str = ""
    sure: Sure
    source: str
    note: str = ""


class Table(Strict):
    sources: dict[str, str]
    forms: list[Form]
    actions: dict[str, Entry]
    options: dict[str, Entry]
    spellings: dict[str, Entry]
    environment: dict[str, Entry]
    states: dict[str, Entry]
    transitions: dict[str, Entry]
    again: dict[str, Entry]
    layouts: dict[str, Entry]
    messages: dict[str, Entry]
    exits: dict[str, Entry]
    switches: dict[str, Switch]


ENTRIES = ("actions", "options", "spellings", "environment", "states", "transitions", "again", "layouts",
           "messages", "exits")  # fmt: skip


@cache
def table() -> Table:
    raw = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    for section in ENTRIES:
        raw[section] = {
            key: entry
            for keys, words in raw[section].items()
            for key, entry in _entries(section, keys, words)
        }
    return Table.model_validate(raw)


def _entries(section: str, keys: Any, words: list[str]) -> list[tuple[str, dict[str, str]]]:
    """`recreate: Copied Split` stands for two transitions, `53 54` for two exit codes."""
    words = list(words)
    entry = {"to": words.pop(0)} if section == "transitions" else {}
    entry |= dict(zip(("sure", "source", "note"), words, strict=False))
    if section in ("transitions", "again"):
        action, _, names = str(keys).partition(": ")
        return [(f"{action}: {name}", entry) for name in names.split()]
    if section == "exits":
        return [(code, entry) for code in str(keys).split()]
    return [(str(keys), entry)]


def answers() -> dict[str, set[str]]:
    """Section -> what the lab answers, found in the lab itself."""
    flags = {c: {o for a in actions.values() for o in a.flags | a.values} for c, actions in ACTIONS.items()}
    return {
        "actions": {f"{c} {a}".strip() for c, actions in ACTIONS.items() for a in actions},
        "options": {f"{c} {o}" for c, found in flags.items() for o in found},
        "spellings": set(options.SAME),
        "environment": {*options.ENVIRONMENT, *lock.WAITS.values()},
        "states": {states.NONE, *states.ALL},
        "transitions": {
            *(f"{action}: {state}" for action, found in states.TAKEN_FROM.items() for state in found),
            *(f"by itself: {state}" for state in BY_ITSELF),
            "create: none",
            "create -precopy: none",
            "create -vse: none",
            "establish -full: none",
        },
        "again": {f"{action}: {state}" for action, found in states.LEADS_TO.items() for state in found},
        "layouts": set(LAYOUTS),
        "messages": set(messages.table()),
        "exits": {str(code) for code in exit_codes()},
        "switches": set(Switches.model_fields),
    }


BY_ITSELF = states.MOVING | {states.CREATE_IN_PROG, states.TERMINATE_IN_PROG}


def special_options() -> set[str]:
    """Options with their action, which the table may name apart where that differs."""
    return {
        f"{c} {a} {o}"
        for c, actions in ACTIONS.items()
        for a, x in actions.items()
        for o in x.flags | x.values
    }


def exit_codes() -> set[int]:
    """Every exit code of the SYMCLI commands: of refusals and returns in the source, switches and verify."""
    here = Path(__file__).parents[1]
    found = {0, 1}
    for path in [*(here / "array").glob("*.py"), *(here / "symcli").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "exit")]
                found |= {n.value for n in given if isinstance(n, ast.Constant) and isinstance(n.value, int)}
    found |= {int(key.removeprefix("lock_")) for key in messages.table() if key.startswith("lock_")}
    for _, code in states.VERIFY.values():
        found |= {code, code + 1}
    for name, field in Switches.model_fields.items():
        if name.endswith("_exit"):
            found |= set(get_args(field.annotation))
    return found | {18}


def settings_of(name: str) -> list[Any] | None:
    """All settings of a switch, None where it takes any number or mapping."""
    annotation = Switches.model_fields[name].annotation
    if annotation is bool:
        return [False, True]
    choices = [annotation, *get_args(annotation)]
    found = [v for c in choices if get_origin(c) is Literal for v in get_args(c)]
    if type(None) in choices:
        found.append(None)
    return found or None


def render() -> str:
    t = table()
    lines = [HEAD]

    def add(title: str, about: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        lines.append(f"## {title}\n" + (f"\n{about}\n" if about else ""))
        lines.append("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
        lines.extend("| " + " | ".join(_cell(c) for c in row) + " |" for row in rows)
        lines.append("")

    def rows(section: str) -> list[tuple[str, ...]]:
        found: dict[str, Entry] = getattr(t, section)
        return [(f"`{k}`", e.sure, t.sources[e.source], e.note) for k, e in found.items()]

    plain = ("", "How sure", "Source", "Note")
    add("Forms", "Command lines, tried on the demo's arrays, with the exit code that they have there.",
        ("Form", "Exit", *plain[1:]),
        [(f"`{f.line}`", str(f.exit), f.sure, t.sources[f.source], f.note) for f in t.forms])  # fmt: skip
    add("Commands and actions", ABOUT_ACTIONS, ("Action", *plain[1:]), rows("actions"))
    add("Options", "With the actions that take it. Any other option is refused.",
        ("Option", "Actions", *plain[1:]),
        [(k, _with(k[1:-1]), *rest) for k, *rest in rows("options")])  # fmt: skip
    add("Other spellings", "", ("Spelling", *plain[1:]), rows("spellings"))
    add("Environment", "", ("Variable", *plain[1:]), rows("environment"))
    add("States", "", ("State", *plain[1:]), rows("states"))
    add("Transitions", "From any other state the action is refused as a whole, but for the next table.",
        ("Action and state before", "State after", *plain[1:]),
        [(k, t.transitions[k[1:-1]].to, *rest) for k, *rest in rows("transitions")])  # fmt: skip
    add("Already there", "All pairs are where the action leads to: nothing changes, and the exit code is 18.",
        ("Action and state", *plain[1:]), rows("again"))  # fmt: skip
    add("Output layouts", "", ("Layout", *plain[1:]), rows("layouts"))
    texts = {k: " ".join(m["text"].split()) for k, m in messages.table().items()}
    add("Messages", "Line breaks are left out here.", ("Message", "Text", *plain[1:]),
        [(f"`{k}`", texts.get(k, ""), e.sure, t.sources[e.source], e.note)
         for k, e in t.messages.items()])  # fmt: skip
    add("Exit codes", "", ("Code", *plain[1:]), rows("exits"))
    default = Switches()
    add("Switches", ABOUT_SWITCHES,
        ("Switch", "Setting", "How sure", "Source", "Refresh", "First copy"),
        [(f"`{name}`: {s.about}" if at == 0 else "",
          f"{_shown(x.set)}{' (default)' if x.set == getattr(default, name) else ''}",
          x.sure, t.sources[x.source], x.product, x.create)
         for name, s in t.switches.items() for at, x in enumerate(s.settings)])  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


HEAD = """# What the lab's SYMCLI answers, and how sure it is

Written by `python -m lab coverage` from `lab/tools/coverage.yaml`; a test checks that it is current and
complete.

* **captured**: seen in a real transcript, log or file;
* **documented**: a vendor's or third party's page says so;
* **relied on**: working programs in the field depend on it;
* **assumed**: none of these. What could be otherwise on a real array is a switch, see the last section.
"""
ABOUT_ACTIONS = "An action word may be shortened to three letters or more."
ABOUT_SWITCHES = """What is assumed could be otherwise. `switches:` of an array in the lab's YAML sets it;
the last columns say what the operators do under that setting, in a refresh and for a first copy
(`tests/lab/test_switches_with_the_product.py`)."""


def _with(key: str) -> str:
    command, *action, option = key.split()
    if action:
        return " ".join(action)
    return ", ".join(a for a, x in ACTIONS[command].items() if option in x.flags | x.values and a) or "(none)"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def main(words: list[str]) -> int:
    """Write the pages; with --check only say whether they are current."""
    if words not in ([], ["--check"]):
        print("usage: python -m lab coverage [--check]", file=sys.stderr)
        return 2
    current = True
    for path, page in ((PAGE, render()), (coverage_rest.PAGE, coverage_rest.render())):
        if not words:
            path.write_text(page, encoding="utf-8")
            print(path)
        elif not path.exists() or path.read_text(encoding="utf-8") != page:
            print(f"{path} is not current: run `python -m lab coverage`", file=sys.stderr)
            current = False
    return 0 if current else 1
