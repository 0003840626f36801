"""Refusals of a Unisphere, from the data file beside this one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.array.refused import Refused

SURE = ("captured", "documented", "relied on", "assumed")


@cache
def table() -> dict[str, dict[str, dict[str, Any]]]:
    loaded: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(
        Path(__file__).with_name("errors.yaml").read_text(encoding="utf-8")
    )
    return loaded


def refusal(refused: Refused, doing: str) -> tuple[int, dict[str, str]]:
    """The HTTP status and the body.

    :param doing: the kind of call, a key of `doing` in the data file.
    """
    entry = table()["errors"][refused.key]
    prefix = table()["doing"][doing]["text"]
    return int(entry["status"]), {"message": str(entry["text"]).format(doing=prefix, **refused.words)}
