"""What a host must allow, in the form of sudo (tests/clones/cases/sudoers.yaml)."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clones.asking.steps import Command
from clones.become import Become, Free
from clones.config import Config
from clones.policy.catalogue import by_connection, sent_to
from clones.policy.sent import Part, Sent
from clones.privileges import sudoers
from clones.privileges.needs import Asked, Need, Written, needs
from hooks.configuration import load
from tests.clones.cases_in_tables import CASES
from tests.conftest import ROOT
from tests.support.tables import load_yaml

COMMANDS: list[dict[str, Any]] = load_yaml((CASES / "sudoers.yaml").read_text())["commands"]
NOW = datetime(2026, 1, 5, 11, tzinfo=UTC)
BEFORE = "symclone ALL=(root) NOPASSWD: "


def word(written: Any) -> str:
    match written:
        case list():
            return Free("WORD", written)
        case dict():
            return Free("WORD", (), written["expression"])
        case _:
            return str(written)


def need(case: dict[str, Any]) -> Need:
    return Need(tuple(map(word, case["words"])), f"one: {case['name']}")


def write(*some: Need, until: datetime | None = None) -> Written:
    asked = Asked("host", "symclone", Become.read("sudo"), some, NOW, "/usr/symcli/bin", until)
    return sudoers.write(asked)


def rules(made: Written) -> list[str]:
    return [line for line in made.text.splitlines() if line.startswith("symclone ")]


@pytest.mark.parametrize("case", COMMANDS, ids=lambda case: str(case["name"]))
def test_command(case: dict[str, Any]) -> None:
    made = write(need(case))
    assert rules(made) == [BEFORE + rule for rule in case.get("rules", [])]
    assert [case["left_out"] in one and case["name"] in one for one in made.left_out] == (
        [True] if "left_out" in case else []
    )
    assert (f"# one: {case['name']}" in made.text.splitlines()) is ("rules" in case)


def accepted(text: str, folder: Path) -> None:
    """By the program that reads such files."""
    path = folder / "rules"
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o440)
    checked = subprocess.run(["visudo", "-cf", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_visudo_accepts_every_rule(tmp_path: Path) -> None:
    accepted(write(*map(need, COMMANDS), until=NOW).text, tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sudoers")


@settings(deadline=None, max_examples=25)
@given(words=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), max_size=4))
def test_any_words_are_one_rule_or_left_out(folder: Path, words: list[str]) -> None:
    made = write(Need(("/opt/x", *words), "why"))
    assert len(rules(made)) + len(made.left_out) == 1
    accepted(made.text, folder)


def test_what_is_beside_the_normal_part_ends() -> None:
    one = Need(("/usr/symcli/bin/symclone", "restore"), "one: copies back", Part.MERGE_BACK)
    (rule,) = rules(write(one, until=datetime(2026, 1, 31, 18, tzinfo=UTC)))
    assert rule.startswith("symclone ALL=(root) NOTAFTER=20260131180000Z NOPASSWD: /usr/symcli/bin/symclone ")


def test_symcli_gets_its_variables() -> None:
    text = write(Need(("/usr/symcli/bin/symcli",), "why"), Need(("/usr/bin/umount", "/x"), "why")).text
    assert 'Defaults!/usr/symcli/bin/symcli env_keep += "SYMCLI_WAIT_ON_DB ' in text
    assert "Defaults!/usr/bin/umount" not in text


def test_each_command_once_with_all_that_it_is_for() -> None:
    def sent(service: str, reason: str, *words: str, part: Part = Part.NORMAL) -> Sent:
        return Sent(Command("h", ("sudo", *words), as_root=(words,)), service, reason, part)

    every = [
        sent("a", "stops", "/x", "1"), sent("b", "starts", "/x", "1"), sent("", "looks", "/x", "1"),
        sent("c", "stops", "/x", "1"), sent("d", "stops", "/x", "1"),
        sent("a", "ends", "/y", part=Part.RETIRE),
    ]  # fmt: skip
    assert needs(every) == [Need(("/x", "1"), "a: stops; b: starts; looks; and 2 more")]
    assert [one.words for one in needs(every, [Part.RETIRE])] == [("/x", "1"), ("/y",)]


@pytest.mark.parametrize("example", ["config/services.yaml", "docs/examples/two_sets.yaml"])
def test_all_of_the_examples_can_be_allowed(example: str, tmp_path: Path) -> None:
    """Each has its reason; no pattern is of any length, and nothing is allowed with any arguments."""
    config = rooted(load(str(ROOT / example)))
    for connection in by_connection(config):
        needed = needs(sent_to(connection, config), list(Part))
        made = write(*needed, until=NOW)
        assert not made.left_out and needed, connection
        accepted(made.text, tmp_path)
        lines = made.text.splitlines()
        for at, line in enumerate(lines):
            if line.startswith("symclone "):
                assert lines[at - 1].startswith(("# ", "symclone ")), line
                command = line.partition("NOPASSWD: ")[2]
                assert command.startswith("/") and " " in command
                unescaped = command.replace(r"\*", "").replace(r"\?", "")
                assert not {"*", "?"} & set(unescaped) or " ^" in command, line


def rooted(config: Config) -> Config:
    """The same, with sudo everywhere."""
    plain = config.model_dump(exclude_unset=True, mode="json")
    plain.setdefault("symcli", {})["become"] = "sudo"
    for service in plain["services"].values():
        for host in [*service.get("hosts", ()), *service.get("production", {}).get("hosts", ())]:
            host["become"] = "sudo"
    return Config.model_validate(plain)
