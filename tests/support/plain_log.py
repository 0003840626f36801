"""What tasks log, as lines without time and place: to write these takes most of the time of a log line."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


class _Stdout:
    """Writes to what is stdout at that moment: pytest puts another one there for each test."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.level = logging.NOTSET

    def msg(self, message: str) -> None:
        sys.stdout.write(message + "\n")

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


def _line(logger: Any, method: str, event: dict[str, Any]) -> str:
    level, said = event.pop("level", method), event.pop("event", "")
    trace = event.pop("exception", None)
    words = [f"[{level:<8}] {said}", *(f"{name}={value!r}" for name, value in event.items())]
    return " ".join(words) + (f"\n{trace}" if trace else "")


def write_plainly() -> None:
    """Let Airflow's loggers do so from now on. They keep their levels, and are made once each."""
    set_up = structlog.get_config()
    if set_up["logger_factory"] is _Stdout:
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            _line,
        ],
        logger_factory=_Stdout,
        cache_logger_on_first_use=True,
    )
