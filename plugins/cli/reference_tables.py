"""`python -m cli.reference_tables`: writes the tables of `docs/reference/` that are made of the code.

With ``--check`` it writes nothing, and ends with 1 when one is not current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cli.made_files import keep
from clones import time_limits
from reporting import metric_names
from reporting.metric_names import Metric

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MADE = "<!-- Made by `python -m cli.reference_tables` with PYTHONPATH=plugins: change the code, not this. -->"


def limits_text() -> str:
    """`time-limits.md`, made of :mod:`clones.time_limits`."""
    lines = [
        "# Time limits",
        "",
        MADE,
        "",
        "How long each command may take, and what is waited for. After the limit of a command it is not",
        "known whether it took effect: the next try looks first. What has a setting can be changed in",
        "`services.yaml`. All hooks have the `timeout` of `before_stop`. `precopy_timeout` of a sync has no",
        "default: without it nothing is waited for.",
    ]
    for group, limits in time_limits.GROUPS.items():
        rows = ([limit.of, f"{limit.seconds:g}", _code(limit.key), limit.why] for limit in limits)
        lines += ["", f"## {group}", "", *_table(("What", "Seconds", "Setting", "Why"), rows)]
    return "\n".join(lines) + "\n"


def metrics_text() -> str:
    """`metrics.md`, made of :mod:`reporting.metric_names`."""
    lines = ["# Metrics", "", MADE]
    for title, says, metrics in (
        (
            "Prometheus",
            "Gauges of `/clones/metrics`. What is not known has no line.",
            metric_names.PROMETHEUS,
        ),
        (
            "StatsD and OpenTelemetry",
            "Sent by the last task of each run, where Airflow sends metrics, with Airflow's own prefix.",
            metric_names.STATSD,
        ),
        (
            "StatsD and OpenTelemetry: the sweep",
            "Sent by each run of `clone_status`, likewise.",
            metric_names.STATSD_OF_SWEEP,
        ),
    ):
        lines += ["", f"## {title}", "", says, "", *_metrics(metrics)]
    return "\n".join(lines) + "\n"


def _metrics(metrics: Iterable[Metric]) -> Iterator[str]:
    rows = (
        [_code(metric.name), metric.says, metric.unit, ", ".join(map(_code, metric.labels))]
        for metric in metrics
    )
    return _table(("Name", "Meaning", "Unit", "Labels"), rows)


def _code(word: str) -> str:
    return f"`{word}`" if word else ""


def _table(head: tuple[str, ...], rows: Iterable[list[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(row) + " |"


TABLES = {"time-limits.md": limits_text, "metrics.md": metrics_text}


def main(arguments: list[str]) -> int:
    return keep({REFERENCE / name: text for name, text in TABLES.items()}, "cli.reference_tables", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
