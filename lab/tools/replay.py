"""`python -m lab replay DIR`: lets the project's readers loose on recorded answers, and says what they read.

The lab shares no code with those readers. It calls one as a command with a case file as its argument: exit 0
and a line of JSON mean read, anything else not.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

READER = "cli.read_answer"
SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    file: str
    read: bool
    text: str


def replay(directory: Path, reader: list[str]) -> list[Outcome]:
    """One outcome a case file, in the order of their names."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join(p for p in (str(root / "plugins"), os.environ.get("PYTHONPATH", "")) if p)
    found = []
    for file in sorted(directory.glob("*.yaml")):
        try:
            done = subprocess.run(
                [*reader, str(file.resolve())], capture_output=True, text=True, timeout=SECONDS,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            found.append(Outcome(file.name, False, str(error)))
            continue
        found.append(_outcome(file.name, done))
    return found


def _outcome(name: str, done: subprocess.CompletedProcess[str]) -> Outcome:
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines()
    last = lines[-1] if lines else f"exit {done.returncode} and no word"
    if done.returncode != 0:
        return Outcome(name, False, last)
    try:
        json.loads(last)
    except ValueError:
        return Outcome(name, False, f"the reader's answer is no JSON: {last}")
    return Outcome(name, True, last)


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab replay", description=__doc__)
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--reader", metavar="COMMAND", help=f"default: python -m {READER}")
    arguments = parser.parse_args(words)
    reader = shlex.split(arguments.reader) if arguments.reader else [sys.executable, "-m", READER]
    found = replay(Path(arguments.directory), reader)
    for one in found:
        print(f"{'read    ' if one.read else 'NOT READ'}  {one.file:<36} {one.text[:200]}")
    unread = sum(not one.read for one in found)
    print(f"{len(found)} cases, {unread} not read")
    return 1 if unread or not found else 0
