"""No text gets through as anything but the words of an allowed command: the gate against a second judge."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clones.asking import fence
from clones.asking.fence import Token
from clones.asking.one_trip import SCRIPT
from clones.asking.steps import Command
from clones.policy.sent import Sent
from clones.policy.text import Fence, policy
from tests.gate.judging import Judge, judge, sent
from tests.gate.oracle import allows
from tests.gate.test_cases import TABLES, policy_of

ACCEPTED = [sent(row) for row in TABLES["control_host"]["accepted"]]
REFUSED = [sent(row) for group in TABLES["hostile"]["refused"] for row in group["lines"]]
FRAGMENTS = [
    b" ", b"  ", b"\n", b"\t", b"\r", b"'", b'"', b"'\"'\"'", b"''", b"\\", b";", b"&&", b"|", b"$(", b")",
    b"`", b"$", b">", b"<", b"*", b"?", b"~", b"#", b"%", b"%20", b"%0A", b"-", b"--", b"..", b"/", b"/../",
    b"\x80", b"\xc0\xaf", b"\x1b", b"\x01", b"0", b"00", b"A", b"a", b",", b"@", b"=", b"+", b"<path>",
    b"<in:mounts>", b"<text:fence>",
]  # fmt: skip
WORDS = sorted({word for line in ACCEPTED for word in shlex.split(line.decode("latin-1"))} | {"", ";", "x y"})


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    with judge(policy_of("control_host", tmp_path_factory.mktemp("gate"))) as one:
        yield one


def agree(gate: Judge, line: bytes) -> None:
    line = line.replace(b"\0", b"")
    assert gate.accepts(line) is allows(line), line


def test_the_second_judge_says_the_same_of_the_cases() -> None:
    assert [line for line in ACCEPTED if not allows(line)] == []
    assert [line for line in REFUSED if allows(line)] == []


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A line that is let through, changed in a few places."""
    line = draw(st.sampled_from(ACCEPTED))
    for _ in range(draw(st.integers(1, 3))):
        at, other = draw(st.integers(0, len(line))), draw(st.integers(0, len(line)))
        piece = line[min(at, other) : max(at, other)]
        line = draw(
            st.sampled_from([
                line[:at] + draw(st.sampled_from(FRAGMENTS)) + line[at:],
                line[:at] + draw(st.sampled_from(FRAGMENTS)) + line[at + 1 :],
                line[:at] + line[at + 1 :],
                line[: min(at, other)] + line[max(at, other) :],
                line[:at] + piece + line[at:],
                line[:at] + line[at : at + 1].swapcase() + line[at + 1 :],
            ])
        )  # fmt: skip
    return line


@given(changed())
@settings(deadline=None)
def test_an_allowed_line_with_something_changed(gate: Judge, line: bytes) -> None:
    agree(gate, line)


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), min_size=1, max_size=16))
@settings(deadline=None)
def test_any_words_in_any_order(gate: Judge, words: list[str]) -> None:
    agree(gate, shlex.join(words).encode("utf-8", "surrogatepass"))
    agree(gate, " ".join(words).encode("utf-8", "surrogatepass"))


@given(st.data())
@settings(deadline=None)
def test_allowed_words_with_one_exchanged(gate: Judge, data: st.DataObject) -> None:
    words = shlex.split(data.draw(st.sampled_from(ACCEPTED)).decode("latin-1"))
    at = data.draw(st.integers(0, len(words)))
    more = data.draw(st.lists(st.sampled_from(WORDS), max_size=2))
    agree(gate, shlex.join([*words[:at], *more, *words[at + data.draw(st.integers(0, 1)) :]]).encode())


@given(st.lists(st.one_of(st.sampled_from(ACCEPTED), changed(), st.sampled_from(FRAGMENTS)), max_size=4))
@settings(deadline=None)
def test_any_lines_together(gate: Judge, lines: list[bytes]) -> None:
    words = ["/bin/sh", "-c", "TOGETHER", "together", "4f1e", *(line.decode("latin-1") for line in lines)]
    agree(gate, shlex.join(words).encode("latin-1"))


@given(st.binary(max_size=60), st.sampled_from(ACCEPTED))
@settings(deadline=None)
def test_any_bytes_alone_and_around_an_allowed_line(gate: Judge, some: bytes, line: bytes) -> None:
    for sent_so in (some, some + line, line + some, some + b"\n" + line, line + b"\n" + some):
        agree(gate, sent_so)


@pytest.mark.parametrize("line", [line for line in ACCEPTED if b"FENCE fence" in line][:2] + ACCEPTED[3:5])
def test_one_byte_changed_at_each_place(gate: Judge, line: bytes) -> None:
    for at in range(len(line)):
        for other in (b"", b" ", b"'", b"\n", b"0", b"A", b"/", b";", line[at : at + 1] * 2):
            agree(gate, line[:at] + other + line[at + 1 :])


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FEW = ["/bin/sh", "-c", "/opt/x", "start", "fence", "together", "/f/fences/s", fence.RUN, SCRIPT]
"""So few that one is drawn several times: as the text of a shell, and as a word that stands for itself."""
COMMANDS = st.one_of(
    st.lists(st.sampled_from(FEW), min_size=1, max_size=5),
    st.lists(st.sampled_from(FEW), min_size=1, max_size=3).map(lambda words: ["/bin/sh", "-c", *words]),
).map(tuple)


@given(st.lists(COMMANDS, max_size=4), st.lists(COMMANDS, max_size=4), st.lists(COMMANDS, max_size=9))
@settings(deadline=None)
def test_what_a_policy_is_made_of_is_let_through_and_nothing_else(
    looks: list[tuple[str, ...]], changes: list[tuple[str, ...]], others: list[tuple[str, ...]]
) -> None:
    """Whatever words stand twice: maker and gate take the same ones for texts."""
    every = [Sent(Command("h", words, changes=False), "", "look") for words in looks]
    every += [Sent(Command("h", words, changes=True), "s", "change") for words in changes]
    every.append(Sent(Command("h", ("/bin/true",), changes=False), "", "one at least"))
    held = fence.Fence("s", Token(1, "a" * 16), {"h": "/f/fences/s"})
    with TemporaryDirectory() as place:
        path = Path(place) / "policy"
        path.write_text(policy("h", every, [Fence("s", "/f/fences/s")], NOON, remedy="x").text)
        with judge(path) as gate:
            for words in (*looks, *changes, *others):
                if words[:3] == ("/bin/sh", "-c", SCRIPT) or words[:3] == ("/bin/sh", "-c", fence.RUN):
                    continue  # the gate's own
                assert gate.accepts(shlex.join(words).encode()) is (words in looks), words
                behind = held.around(Command("h", words, changes=True)).line()
                assert gate.accepts(behind.encode()) is (words in changes), words
