"""A gate before a host's shell: every command line that comes in is judged by the product's own program.

The lab runs that file as a program and knows nothing of its rules. One process judges for a policy, whichever
hosts have it, until the lab's process ends or others took its place.
"""

from __future__ import annotations

import atexit
import re
import subprocess
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import unquote

PROGRAM = Path(__file__).parents[2] / "gate" / "symclone-gate"
REFUSED = 119
"""Its exit code for what it refuses."""
OWN = "symclone-gate policy"
"""The one command that it answers itself."""
_KEPT = 24
_LOCK = Lock()


class GateError(RuntimeError):
    """The gate's program gives no verdict."""


class _Judge:
    def __init__(self, program: Path, policy: str) -> None:
        self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - for as long as the process is there
            "w", prefix="lab-policy-", encoding="utf-8"
        )
        self._file.write(policy)
        self._file.flush()
        self._process = subprocess.Popen(
            [program, "--judge", self._file.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def verdict(self, line: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        answer = b""
        try:
            self._process.stdin.write(line.encode("utf-8", "surrogateescape") + b"\0")
            self._process.stdin.flush()
            while not answer.endswith(b"\0"):
                part = self._process.stdout.read1()  # type: ignore[attr-defined]
                if not part:
                    raise GateError(f"the gate has ended: {answer.decode(errors='replace')}")
                answer += part
        except OSError as error:
            left = self._process.stdout.read()
            raise GateError(f"the gate has ended: {error}: {left.decode(errors='replace')}") from error
        return answer[:-1].decode("utf-8", "surrogateescape")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._file.close()


_JUDGES: OrderedDict[tuple[Path, str], _Judge] = OrderedDict()


def _judge(program: Path, policy: str) -> _Judge:
    key = (program, policy)
    if key not in _JUDGES:
        _JUDGES[key] = _Judge(program, policy)
        while len(_JUDGES) > _KEPT:
            _JUDGES.popitem(last=False)[1].close()
    _JUDGES.move_to_end(key)
    return _JUDGES[key]


@atexit.register
def _close() -> None:
    while _JUDGES:
        _JUDGES.popitem()[1].close()


@dataclass(frozen=True)
class Answer:
    """:param refused: why it does not run a command; empty: it does not refuse it."""

    exit: int
    stdout: str = ""
    stderr: str = ""
    refused: str = ""


@dataclass
class Gate:
    """:param policy: its text."""

    policy: str
    program: Path = PROGRAM

    def why_refused(self, line: str) -> str | None:
        """What the gate says against a command line; None: it lets it through.

        :raises GateError: it says nothing.
        """
        with _LOCK:
            try:
                verdict = _judge(self.program, self.policy).verdict(line)
            except GateError:
                _JUDGES.pop((self.program, self.policy)).close()
                raise
        if verdict == "accept":
            return None
        found = re.fullmatch(r"refuse: (.*)", verdict, re.S)
        if not found:
            raise GateError(f"the gate says neither accept nor refuse: {verdict!r}")
        return found[1]

    def answer(self, line: str) -> Answer | None:
        """What it answers by itself; None: the line is run.

        :raises GateError: it gives no verdict.
        """
        if line == OWN:
            head = self.policy.partition("\nblocks\n")[0]
            about = re.findall(r"^(?:symclone-gate|host|made|of) .*$", head, re.M)
            ends = dict.fromkeys(re.findall(r"^block .* (until \S+)$", head, re.M))
            return Answer(0, stdout="".join(f"{line}\n" for line in (*about, *ends)))
        why = self.why_refused(line)
        if why is None:
            return None
        made, digest, remedy = self._said("made"), self._said("of")[:12], self._said("remedy")
        text = f"symclone-gate: refused: {why}; policy of {made} ({digest}): {remedy}\n"
        return Answer(REFUSED, stderr=text, refused=why)

    def _said(self, word: str) -> str:
        found = re.search(rf"^{word} (\S+)", self.policy, re.M)
        return unquote(found[1] if found else "")
