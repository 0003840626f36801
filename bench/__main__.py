"""`python -m bench NAME`: measure one thing and print a table."""

from __future__ import annotations

import argparse

from bench import overlap

BENCHES = {"overlap": overlap.main}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", choices=BENCHES, help="overlap: syncs that copy at once against one by one")
    BENCHES[parser.parse_args().name]()


main()
