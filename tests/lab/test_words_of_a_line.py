"""The words of a command line, which the journal has, are those of `shlex`."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.server.execution import split

PIECES = st.sampled_from(
    ["a", "\u00e4 ", " ", "\n", "\t", "\x0b", "'", '"', "\\", "#", "$x", "''", '"\\"', "\\\n"]
)


def by_shlex(line: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return ()


@given(st.lists(PIECES, max_size=12).map("".join))
def test_they_are_the_same(line: str) -> None:
    assert split(line) == by_shlex(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (" a  'b c'\"d\\\"\\e\"f\\ g ''", ("a", 'b cd"\\ef g', "")),
        ("a 'b", ()),
        ('a "b', ()),
        ("a \\", ()),
        ("", ()),
    ],
)
def test_words(line: str, words: tuple[str, ...]) -> None:
    assert split(line) == words == by_shlex(line)
