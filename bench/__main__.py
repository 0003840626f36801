"""`python -m bench NAME`: measure one thing, print a table, and keep it as JSON in `bench/results`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench import board, overlap, parse, refresh, refreshes, ssh, waits

BENCHES: dict[str, tuple[Callable[[], None], str]] = {
    "board": (board.main, "the board's list of 10, 100 and 1000 services"),
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
    BENCHES[parser.parse_args().name][0]()


main()
