"""What the scripts share that look without Airflow's scheduler: options, and how much of it is logged."""

from __future__ import annotations

import argparse
import gc
import logging

from hooks import without_airflow
from hooks.configuration import CONFIG


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that each of these scripts has."""
    parser.add_argument("--config", default=CONFIG, help="services.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show on stderr what was sent and what was returned",
    )


def level_of(arguments: argparse.Namespace) -> int:
    """At which level hooks log what they do. Airflow does not show `debug`, unless it is told to."""
    return logging.INFO if arguments.verbose else logging.DEBUG


def as_script() -> None:
    """For a program that ends within seconds: it loads Airflow only where that is needed, and does not look
    through the objects of thousands of services for garbage, which takes a third of its CPU.
    """
    without_airflow.ALONE = True
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # until Airflow sets up its own
    gc.disable()
