"""Text of hosts, arrays and users, as it is shown: nothing in it acts on what shows it."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clones import clean
from clones.asking.steps import Command
from clones.clean import cleaned, cleaned_json, in_markdown, one_line

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "clean.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_shown(case: dict[str, str]) -> None:
    assert cleaned(case["said"]) == case["shown"]


def test_what_is_printable_needs_no_cleaning() -> None:
    """That is how most text is told at once."""
    assert not [
        code for code in range(0x110000) if chr(code).isprintable() and clean._UNSEEN.match(chr(code))
    ]


@given(st.text(st.characters()))
def test_any_text(text: str) -> None:
    shown = cleaned(text)
    acts = {"Cc", "Cs", "Zl", "Zp"}
    left = {one for one in shown.replace("\r\n", "\n") if unicodedata.category(one) in acts}
    assert left <= {"\n", "\t"}
    assert cleaned(shown) == shown
    assert len(shown.splitlines()) == len(shown.replace("\r\n", "\n").removesuffix("\n").split("\n")) - (
        not shown
    )
    line = one_line(text)
    assert line == line.strip() and len(line.splitlines()) <= 1


@given(st.text(alphabet="[]()<>!a`:\\"))
def test_no_link_in_markdown(text: str) -> None:
    shown = in_markdown(text)
    assert not any(link in shown for link in ("](", "][", "]:"))
    assert all(shown[at - 1] == "\\" for at, one in enumerate(shown) if one == "<")


def test_a_word_of_a_command_is_sent_as_it_is_and_shown_cleaned() -> None:
    """A site's own command may hold what is no control character and still turns a line round."""
    command = Command("h", ("/bin/echo", "\u202e4321"))
    assert "\u202e4321" in command.line()
    assert command.shown() == command.kept() == "/bin/echo '\\u202e4321'"


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        (r'{"a": "plain \u00e9 \t \n \" \\ \/"}', 'plain \u00e9 \t \n " \\ /'),
        (r'{"a": "\u001b[31m"}', r"\u001b[31m"),
        (r'{"a": "\u001B[31m"}', r"\u001B[31m"),
        (r'{"a": "\u202e\u200b\ufeff"}', r"\u202e\u200b\ufeff"),
        ('{"a": "\u200b\x7f"}', r"\u200b\x7f"),
        (r'{"a": "\b\f\r"}', r"\b\f\r"),
        (r'{"a": "one\r\ntwo"}', "one\r\ntwo"),
        (r'{"a": "\u000d\u000a"}', "\\u000d\n"),
        (r'{"a": "\\u001b and \\\u001b"}', r"\u001b and \\u001b"),
        (r'{"a": "\ud83d\ude00 \ud800"}', r"\ud83d\ude00 \ud800"),
    ],
)
def test_what_acts_on_a_terminal_is_written_out_of_json_too(body: str, reads: str) -> None:
    found = json.loads(cleaned_json(body))["a"]
    assert found == reads
    assert cleaned(found) == found


@given(st.text())
def test_what_json_reads_as_is_always_clean(said: str) -> None:
    for escaped in (True, False):
        found = json.loads(cleaned_json(json.dumps(said, ensure_ascii=escaped)))
        assert cleaned(found) == found
        if cleaned(said) == said and said.isascii():
            assert found == said
