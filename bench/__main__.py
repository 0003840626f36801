"""`python -m bench NAME`: measure one thing, print a table, and keep it as JSON in `bench/results`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from inspect import signature

from bench import board, fleet, overlap, parse, refresh, refreshes, ssh, waits

BENCHES: dict[str, tuple[Callable[..., None], str]] = {
    "board": (board.main, "the board's list of 10, 100 and 1000 services"),
    "fleet": (fleet.main, "2,000 services: file, status and DAG file; the status of three"),
    "overlap": (overlap.main, "syncs that copy at once against one by one"),
    "parse": (parse.main, "the file of the service DAGs against DAGs written by hand"),
    "refresh": (refresh.main, "one refresh against the same steps by hand, and against as many empty tasks"),
    "refreshes": (refreshes.main, "1, 10 and 50 services refreshed at once, against as many empty runs"),
    "ssh": (ssh.main, "one remote command, by three ways"),
    "waits": (waits.main, "many waits in one triggerer against a poll for each"),
}


def main() -> None:
    """Run the one that is named."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    said = "; ".join(f"{name}: {about}" for name, (_, about) in BENCHES.items())
    parser.add_argument("name", choices=BENCHES, help=said)
    parser.add_argument(
        "--against", metavar="COMMIT", help="measure that commit in the same run, in turn with this build"
    )
    arguments = parser.parse_args()
    bench = BENCHES[arguments.name][0]
    if arguments.against is None:
        bench()
    elif "against" in signature(bench).parameters:
        bench(against=arguments.against)
    else:
        parser.error(f"{arguments.name} measures this build alone: leave out --against")


main()
