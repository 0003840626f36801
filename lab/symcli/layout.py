"""Names of the output layouts, so that the coverage table can be held against them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

LAYOUTS: set[str] = set()


def layout(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks a function that prints; `names` are the coverage table's."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        LAYOUTS.update(names)
        return function

    return mark
