"""Texts of the SYMCLI commands, from the data file beside this one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def table() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = yaml.safe_load(
        Path(__file__).with_name("messages.yaml").read_text(encoding="utf-8")
    )
    return loaded


def text(key: str, **words: Any) -> str:
    return table()[key]["text"].format(**words)
