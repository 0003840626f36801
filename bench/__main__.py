"""`python -m bench NAME`: measure one thing, print a table, and keep it as JSON in `bench/results`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from inspect import signature
from typing import Any

from bench import board, chain, downtime, fleet, overlap, parse, refresh, refreshes, ssh, task, waits

BENCHES: dict[str, tuple[Callable[..., None], str]] = {
    "board": (board.main, "the board's list of 10, 100 and 1000 services"),
    "chain": (chain.main, "a sync of a service with 2, 5, 10 and 20 syncs"),
    "downtime": (
        downtime.main,
        "seconds that a service is down: two target sets, one, the predecessor's order",
    ),
    "fleet": (fleet.main, "2,000 services: file, status and DAG file; the status of three"),
    "overlap": (overlap.main, "syncs that copy at once against one by one"),
    "parse": (parse.main, "the file of the service DAGs against DAGs written by hand"),
    "refresh": (refresh.main, "one refresh against the same steps by hand, and against as many empty tasks"),
    "refreshes": (refreshes.main, "1, 10, 50 and 200 services refreshed at once, against as many empty runs"),
    "ssh": (ssh.main, "one remote command, by three ways"),
    "task": (task.main, "CPU of each task of a refresh against a task that does nothing"),
    "waits": (waits.main, "many waits in one triggerer against a poll for each"),
}


OPTIONS: dict[str, dict[str, Any]] = {
    "against": {"metavar": "COMMIT", "help": "measure that commit in the same run, in turn with this build"},
    "sizes": {"type": int, "nargs": "+", "metavar": "N", "help": "how many at once"},
    "profiles": {"metavar": "FOLDER", "help": "keep what cProfile finds in tasks; nothing is measured then"},
}
"""Of those whose `main` has a parameter of that name."""


def main() -> None:
    """Run the one that is named."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    said = "; ".join(f"{name}: {about}" for name, (_, about) in BENCHES.items())
    parser.add_argument("name", choices=BENCHES, help=said)
    for option, words in OPTIONS.items():
        parser.add_argument(f"--{option}", **words)
    arguments = vars(parser.parse_args())
    name = arguments.pop("name")
    given = {option: value for option, value in arguments.items() if value is not None}
    bench = BENCHES[name][0]
    for option in given.keys() - signature(bench).parameters.keys():
        parser.error(f"{name} knows no --{option}")
    bench(**given)


main()
