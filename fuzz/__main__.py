"""`python -m fuzz`: cases by seed for so many seconds, one case again, or every case of a service."""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Any

from fuzz.cases import ACTIONS, KINDS, WAYS, Case, drawn, every
from fuzz.stage import Stage

LINE = 400
AT_ONCE = 20
"""Cases that a worker process is handed at a time."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws the cases")
    parser.add_argument("--seconds", type=float, default=60, help="for how long")
    parser.add_argument("--cases", type=int, help="at most so many")
    parser.add_argument("--case", help="play this one, and print what it did")
    parser.add_argument("--file", type=Path, help="play the cases of this file, one a line")
    parser.add_argument("--all", choices=sorted(ACTIONS), help="every fault at every command of this service")
    parser.add_argument("--actions", default="", help="with --all: only actions with this regular expression")
    parser.add_argument("--step", type=int, default=1, help="with --all: at each so many-th command")
    parser.add_argument("--kinds", default="", help="only faults whose names have this regular expression")
    parser.add_argument("--ways", default="", help="run again only in ways with this regular expression")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    if given.case:
        return _one(given.case)
    if given.file:
        lines = given.file.read_text(encoding="utf-8").splitlines()
        given.listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    began = time.monotonic()
    runs = faults = played = 0
    breached: list[str] = []
    for case, some_runs, met, breaches in _played(given, began + given.seconds):
        played, runs, faults = played + 1, runs + some_runs, faults + met
        if breaches:
            breached.append(case)
            print(f"BREACH, seed {given.seed}: --case '{case}'", *breaches, sep="\n    ", flush=True)
    seconds = time.monotonic() - began
    print(
        f"fuzz: {played} cases, {runs} runs, {faults} faults, {len(breached)} breaches "
        f"(seed {given.seed}, {seconds:.0f} s)"
    )
    return 1 if breached else 0


def _one(text: str) -> int:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        outcome = Stage(Path(folder)).play(Case.read(text))
    for entry in outcome.journal:
        print(_line(entry))
    print(*outcome.story, sep="\n")
    print(f"{outcome.case}: {outcome.commands} commands, {outcome.runs} runs, {outcome.met} faults")
    print(*[f"BREACH {breach}" for breach in outcome.breaches], sep="\n")
    return 1 if outcome.breaches else 0


def _line(entry: dict[str, Any]) -> str:
    """A journal's entry in short."""
    if entry["event"] == "command":
        words = [str(word) for word in entry["words"]]
        while "/bin/sh" in words[:-3]:  # what a script is for stands in its name
            at = words.index("/bin/sh")
            words[at : at + 4] = [f"({words[at + 3]})"]
        what = f"{entry['host']}$ {shorten(' '.join(words), LINE)} -> {entry['exit']}"
        more = {k: entry[k] for k in ("before", "after", "changed", "faults", "actor") if entry.get(k)}
    else:
        what = str(entry["event"])
        more = {k: v for k, v in entry.items() if k not in ("event", "seq", "at", "wall", "connection")}
        more = {k: v for k, v in more.items() if k not in ("services", "groups")}
    where = f"{entry['seq']:>4} {str(entry['at'])[11:19]} #{entry.get('connection', '')}"
    return f"{where} {what} {more or ''}"


Played = tuple[str, int, int, list[str]]


def _played(given: argparse.Namespace, until: float) -> Iterator[Played]:
    """The cases that were played, by all worker processes."""
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        ProcessPoolExecutor(given.workers, initializer=_begin, initargs=(folder,)) as pool,
    ):
        seeds = iter(range(10**9))
        asked: list[Any] = [_drawn, (given.seed, given.kinds, given.ways)]
        if given.all:
            asked = [_every, (given.all, given.step, given.kinds, given.ways, given.actions)]
        if given.file:
            asked = [_listed, given.listed]
        left = given.cases
        running: set[Future[list[Played]]] = set()
        while True:
            while (
                len(running) < 2 * given.workers and time.monotonic() < until and (left is None or left > 0)
            ):
                number = next(seeds)
                count = min(AT_ONCE, left) if left is not None else AT_ONCE
                left = left - count if left is not None else None
                running.add(pool.submit(asked[0], asked[1], number, count, until))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                found = future.result()
                if not found:
                    until = 0.0  # there are no more
                yield from found


_stage: Stage


def _begin(folder: str) -> None:
    global _stage
    _stage = Stage(Path(folder))


def _drawn(asked: tuple[int, str, str], number: int, count: int, until: float) -> list[Played]:
    seed, *only = asked
    kinds, ways = (_named(those, one) for those, one in zip((KINDS, WAYS), only, strict=True))
    chance = random.Random(f"{seed}/{number}")
    cases = (drawn(chance, _stage.commands, kinds, ways) for _ in range(count))
    return [_stage.played(case) for case in cases if time.monotonic() < until]


def _named(those: Sequence[str], expression: str) -> list[str]:
    return [one for one in those if re.search(expression, one)]


def _listed(lines: list[str], number: int, count: int, until: float) -> list[Played]:
    some = lines[number * AT_ONCE : (number + 1) * AT_ONCE]
    return [_stage.played(Case.read(line)) for line in some if time.monotonic() < until]


def _every(asked: tuple[str, int, str, str, str], number: int, count: int, until: float) -> list[Played]:
    service, step, *only = asked
    kinds, ways, actions = (
        _named(those, one) for those, one in zip((KINDS, WAYS, ACTIONS[service]), only, strict=True)
    )
    cases = every(service, _stage.commands, kinds, ways, actions, step)
    some = islice(cases, number * AT_ONCE, (number + 1) * AT_ONCE)
    return [_stage.played(case) for case in some if time.monotonic() < until]


if __name__ == "__main__":
    sys.exit(main())
