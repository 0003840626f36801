"""`python -m bench NAME`: measure one thing and print a table."""

from __future__ import annotations

import argparse

from bench import overlap, parse, ssh

BENCHES = {"overlap": overlap.main, "parse": parse.main, "ssh": ssh.main}


HELP = (
    "overlap: syncs that copy at once against one by one",
    "parse: the file of the service DAGs against DAGs written by hand",
    "ssh: what one remote command costs, by three ways",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("name", choices=BENCHES, help="; ".join(HELP))
    BENCHES[parser.parse_args().name]()


main()
