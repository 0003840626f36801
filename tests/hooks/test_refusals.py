"""What an SSH server says of itself is quoted in errors, and acts on nothing there either."""

from __future__ import annotations

from collections.abc import Callable

import asyncssh
import pytest

from clones.asking.steps import Command
from clones.clean import cleaned
from hooks import refusals, ssh

SAID = "\x1b[2Jdenied\r\n::group::"


@pytest.mark.parametrize(
    "quote",
    [
        lambda said: str(refusals.not_defined("h", ValueError(said))),
        lambda said: str(refusals.other_key("h", said)),
        lambda said: str(refusals.not_let_in("h", "symcli", "a key", said)),
        lambda said: str(refusals.no_algorithm("h", "cipher", [said])),
        lambda said: str(refusals.unreachable("h", said)),
        lambda said: str(refusals.no_way_through("h", "j", said, final=True)),
        lambda said: ssh.lost(Command("h", ("/bin/true",)), asyncssh.ConnectionLost(said), 0.0).lost,
    ],
    ids=["not defined", "other key", "not let in", "algorithm", "unreachable", "jump", "lost"],
)
def test_what_a_server_says_is_cleaned(quote: Callable[[str], str]) -> None:
    shown = quote(SAID)
    assert r"\x1b[2Jdenied \x3a:group::" in shown and "\x1b" not in shown and "\r" not in shown


@pytest.mark.parametrize("around", [b"", b"plain\ttext\n", "é".encode(), b"\xff"])
@pytest.mark.parametrize("byte", range(256))
def test_any_byte_comes_out_as_cleaned_text(byte: int, around: bytes) -> None:
    said = around + bytes([byte]) + around
    for data in (said, bytearray(said)):
        assert refusals.text(data) == cleaned(said.decode("utf-8", "replace"))
