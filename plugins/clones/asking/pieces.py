"""What is asked for in one go, where there is more than one question can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(sizes: Iterable[tuple[T, int]], most: int) -> Iterator[list[T]]:
    """Put things together in their order.

    :param sizes: each thing with its size.
    :returns: as many together as have at most ``most`` in all; one that has more stays by itself.
    """
    chunk: list[T] = []
    total = 0
    for one, size in sizes:
        if chunk and total + size > most:
            yield chunk
            chunk, total = [], 0
        chunk.append(one)
        total += size
    if chunk:
        yield chunk


def pieces(things: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Things in lists of at most ``most``."""
    for begin in range(0, len(things), most):
        yield things[begin : begin + most]
