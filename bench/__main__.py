"""`python -m bench NAME`: measure one thing and print a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from bench import overlap, waits

BENCHES: dict[str, Callable[[], None]] = {"overlap": overlap.main, "waits": waits.main}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "name",
        choices=BENCHES,
        help="overlap: syncs that copy at once against one by one; waits: many waits in one triggerer",
    )
    BENCHES[parser.parse_args().name]()


main()
