"""The gate's judgement, by one process that goes on: it is given a policy and lines, and runs nothing."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

GATE = ROOT / "gate" / "symclone-gate"
FORM = "symclone-gate 1"


def with_blocks(text: str) -> str:
    """A policy with the rows that say where its blocks are.

    :param text: without these; `for` begins a block.
    """
    head, *blocks = ("\n" + text).split("\nfor ")
    bodies = [f"for {block}".rstrip("\n") + "\n" for block in blocks]
    at, rows = 0, ""
    for body in bodies:
        size = len(body.encode())
        rows += f"block {at} {size} {body.partition(chr(10))[0].removeprefix('for ')}\n"
        at += size
    return f"{head[1:].rstrip(chr(10))}\n{rows}blocks\n{''.join(bodies)}"


class Judge:
    """What the gate says of lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def says(self, line: bytes) -> str:
        """`accept`, or `refuse: WHY`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        stdin.write(line + b"\0")
        stdin.flush()
        said = bytearray()
        while (one := stdout.read(1)) != b"\0":
            assert one, f"the gate has ended: {bytes(said)!r}"
            said += one
        return said.decode()

    def accepts(self, line: bytes) -> bool:
        said = self.says(line)
        assert said == "accept" or said.startswith("refuse: "), said
        return said == "accept"


@contextmanager
def judge(policy: Path) -> Iterator[Judge]:
    """The gate with that policy. A warning of Perl ends it."""
    words = ["perl", "-T", "-Mwarnings=FATAL,all", str(GATE), "--judge", str(policy)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Judge(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def sent(row: object) -> bytes:
    """A line of a case file as it comes over the wire.

    :param row: the line itself; `words`, of which shlex.join makes it; `together`, lines that go together; or
        `line` and how often it is repeated (`times`).
    """
    if isinstance(row, str):
        return row.encode("utf-8", "surrogateescape")
    assert isinstance(row, dict)
    if "words" in row:
        return shlex.join(row["words"]).encode()
    if "together" in row:
        words = ["/bin/sh", "-c", "TOGETHER", "together", row.get("nonce", "4f1e")]
        return shlex.join([*words, *row["together"]]).encode()
    return str(row["line"]).encode() * row.get("times", 1)
