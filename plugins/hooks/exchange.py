"""How far one request has come, what is read of its answer, and why there is none, in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from clones.asking.steps import Request
from clones.clean import one_line
from clones.time_limits import REST_WRITE
from hooks.unisphere_connection import Server

LARGEST = 16_000_000
"""Bytes of an answer. A page of a list has 1,000 rows at most, a snapshot one a pair."""
_PIECE = 64 * 1024


class NotRead(Exception):
    """An answer that is not read to its end, with why."""


class Way:
    """How far one request has come.

    :param still: as of :meth:`Unisphere.open`.
    :param go: what is waited for before anything is written; None: nothing.
    """

    def __init__(
        self,
        server: Server,
        request: Request,
        still: Callable[[], None] | None = None,
        go: asyncio.Event | None = None,
    ) -> None:
        self._server, self._request, self._still = server, request, still
        self.go = go
        self.stands = asyncio.Event()
        self.sent = False
        self._written = False
        self.was_cut = False
        self.status: int | None = None
        self.limit: asyncio.Timeout | None = None

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Hears of each step from httpcore, before it is taken."""
        if event == "http11.send_request_headers.started":
            self.stands.set()
            self._give(None)
            if self.go is not None:
                await self.go.wait()
            if self._still is not None:
                self._still()
            self._give(REST_WRITE.seconds)
            self.sent = True
        elif event == "http11.send_request_body.started" and self._still is not None:
            self._still()  # what it has sent so far is no whole request
        elif event == "http11.receive_response_headers.started":
            self._written = True
            self._give(self._server.answer_seconds or self._request.timeout)

    def _give(self, seconds: float | None) -> None:
        """Time for what follows; None: as long as it takes."""
        if self.limit is not None:
            self.limit.reschedule(seconds and asyncio.get_running_loop().time() + seconds)

    def lost(self, error: Exception, answer_seconds: float) -> str:
        """Why there is no exit code."""
        after = f" HTTP status {self.status} had come." if self.status is not None else ""
        if isinstance(error, NotRead):
            return f"{error}.{after}".rstrip(".")
        late = isinstance(error, httpx.TimeoutException | TimeoutError)
        if late and not self._written:
            return f"sending it took longer than {REST_WRITE.seconds:g} s"
        if late:
            return f"no whole answer came within {answer_seconds:g} s.{after}".rstrip(".")
        self.was_cut = self.status is None
        why = one_line(str(error)) or type(error).__name__
        return f"the connection was lost: {why}.{after}".rstrip(".")


async def whole(response: httpx.Response) -> bytes:
    """The body.

    :raises NotRead: it is too large, packed, which nobody has asked for, or ends with the connection:
        whether that was cut could not be told.
    """
    if response.status_code == 204:
        return b""
    if not {"content-length", "transfer-encoding"} & response.headers.keys():
        raise NotRead("the answer does not say where it ends")
    packed = response.headers.get("Content-Encoding", "identity")
    if packed.lower() != "identity":
        raise NotRead(f"the answer is packed with {one_line(packed)[:40]}")
    body = bytearray()
    async for piece in response.aiter_raw(_PIECE):
        body += piece
        if len(body) > LARGEST:
            raise NotRead(f"the answer is larger than {LARGEST:,} bytes")
    return bytes(body)


def said_clock(date: str | None) -> datetime | None:
    """The server's own time, as a header says it."""
    try:
        said = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
