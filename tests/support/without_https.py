"""The product's requests to a lab's Unispheres in the same process, without HTTPS between them.

Everything but the connection is the product's: limits, versions, slots, what is read of an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpx
import pytest

from hooks import clock, unisphere
from hooks.unisphere_connection import Server
from lab import Lab
from lab.server.exchange import Reply, Request
from lab.server.unisphere_memory import MemoryUnisphere

transport = unisphere.transport


class InLab(httpx.AsyncBaseTransport):
    """In place of a connection."""

    def __init__(self, lab: Lab, port: MemoryUnisphere) -> None:
        self._lab, self._port = lab, port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace = request.extensions["trace"]
        try:
            self._port.connected()
        except ssl.SSLCertVerificationError as error:
            error.verify_code, error.verify_message = 20, "unable to get local issuer certificate"
            raise httpx.ConnectError(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        for step in ("send_request_headers", "send_request_body", "receive_response_headers"):
            await trace(f"http11.{step}.started", {})
        asked = Request(
            request.method,
            request.url.raw_path.decode(),
            {name.lower(): value for name, value in request.headers.items()},
            await request.aread(),
        )
        try:
            reply = await self._there(asked)
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
        return httpx.Response(reply.status, headers=reply.headers, stream=httpx.ByteStream(reply.body))

    async def _there(self, asked: Request) -> Reply:
        work = self._port.call(asked)
        if asyncio.get_running_loop() is self._lab._loop:
            return await work
        return await asyncio.wrap_future(self._lab.submit(work))


def rest_directly(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    """Let requests to a lab without ports go there in memory, to any other server over HTTPS as ever.

    A procedure that pauses lets the lab's clock go on.
    """
    running = lab.running
    assert running is not None and not running.ports, "make it with ports=False"
    ports = {port.port: port for port in running.unisphere_ports.values()}

    async def to_lab(server: Server, limits: Any) -> httpx.AsyncBaseTransport:
        port = ports.get(server.port)
        return InLab(lab, port) if isinstance(port, MemoryUnisphere) else await transport(server, limits)

    monkeypatch.setattr(unisphere, "transport", to_lab)
    monkeypatch.setattr(clock, "pause", lab.advance)
