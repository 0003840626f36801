"""The REST client of tasks and waits: one management server, by HTTPS.

Both use it in an event loop, as :mod:`hooks.ssh`: a wait in the triggerer's, a task in that of
:class:`hooks.ssh.Background`.

* A result has the HTTP status as its exit code, whatever it is: 401, 404 and 500 are answers. Redirects are
  not followed.
* Where a connection was not made, nothing was sent, and an error says so. Once anything may have been sent,
  there is a result, without an exit code when the answer did not come whole.
* A look is asked once more when its connection was closed before the answer began. A change never is.
* A change goes over a connection of its own. It is opened first (:meth:`Unisphere.open`); so between the last
  check and the change lies nothing but the writing (:meth:`Opened.send`).
* What a server has not confirmed within :data:`clones.time_limits.REST_WRITE` is dropped by the system, where
  it can do that (Linux, TCP_USER_TIMEOUT): nothing arrives late, not even after this process has ended.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import httpx

from clones.asking.api_version import choose
from clones.asking.steps import Request, Result
from clones.backends.snapvx.requests import ROOT
from clones.clean import cleaned_json
from clones.errors import CloneError, Unknown
from clones.time_limits import REST_WRITE, SMALL_LOOK
from hooks.exchange import NotRead, Way, said_clock, whole
from hooks.unisphere_connection import Server
from hooks.verified import context, not_connected, not_let_in

READS = 5
"""Looks at one server at the same time; Dell's own proxy before Unisphere lets as many through."""
APPLICATION = "symclone-airflow"
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(
        logging.WARNING
    )  # at their own each request is a line of the task's log


class Unisphere:
    """One server.

    :param server: what its connection says.
    :param hint: the API version that it spoke before: it is not asked for it, unless an answer looks as if
        that had changed.

    :attr:`requests` counts what was sent. :attr:`version` is the version that both sides know, None while it
    is not known.
    """

    def __init__(self, server: Server, hint: int | None = None) -> None:
        self.server = server
        self.requests = 0
        self.version = hint
        self._is_sure = False
        self._asking = asyncio.Lock()
        self._reads = asyncio.Semaphore(READS)
        self._looks: httpx.AsyncClient | None = None
        self._changes: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """End its connections; what is under way is cut off."""
        clients, self._looks, self._changes = (self._looks, self._changes), None, None
        for client in clients:
            if client is not None:
                await client.aclose()

    async def close_when_idle(self) -> None:
        """The same once all looks that were asked for have ended."""
        for _ in range(READS):
            await self._reads.acquire()
        await self.close()
        for _ in range(READS):
            self._reads.release()

    async def connect(self) -> None:
        """See that it can be reached, lets this user in, and speaks a version of the API that is known.

        :raises Refused: it is not trusted, does not let the user in, or speaks no such version.
        :raises Unknown: it cannot be reached, or does not answer as it should.
        """
        if not self._is_sure:
            await self._negotiate()

    async def answers(self, requests: Sequence[Request]) -> list[Result]:
        """Ask for looks side by side, a few at a time.

        :returns: a result each, in their order.
        :raises ValueError: one changes something.
        :raises CloneError: as :meth:`answer`.
        """
        began = time.monotonic()
        came = await asyncio.gather(*(self.answer(one) for one in requests), return_exceptions=True)
        results = []
        for one in came:
            if isinstance(one, BaseException):
                raise one
            results.append(one)
        seconds = time.monotonic() - began
        return [_among(result, len(requests), seconds) for result in results]

    async def answer(self, request: Request) -> Result:
        """Ask for one look.

        :raises ValueError: it changes something.
        :raises Refused: the server is not trusted, or speaks no version that is known. Nothing was sent.
        :raises Unknown: it cannot be reached. Nothing was sent.
        """
        if request.changes:
            raise ValueError(f"{request.shown()} changes something: it is opened, and sent")
        async with self._reads:
            if self.version is None:
                await self._negotiate()
            used = self.version
            result = await self._look(request)
            if self._is_sure or result.exit_code is None:
                return result
            if result.exit_code < 300:
                self._is_sure = True
                return result
            # A path of a version that it does not speak is not found either, as is an empty list of old.
            await self._negotiate()
            return result if self.version == used else await self._look(request)

    async def open(self, request: Request, still: Callable[[], None]) -> Opened:
        """Open a connection for a change; nothing of it is sent before :meth:`Opened.send`.

        :param still: is called right before anything is written. It may raise: nothing was done then.
        :raises Refused: as :meth:`answer`.
        :raises Unknown: as :meth:`answer`.
        """
        await self.connect()
        opened = Opened(self, request, still)
        await opened.ready()
        return opened

    async def _look(self, request: Request) -> Result:
        """One that is closed before its answer begins may have been idle for too long: once more."""
        client = await self._client_for_looks()
        way = Way(self.server, request)
        result = await self._exchange(client, request, way)
        if way.was_cut:
            return await self._exchange(client, request, Way(self.server, request))
        return result

    async def _negotiate(self) -> None:
        async with self._asking:
            if self._is_sure:
                return
            asked = Request.to(self.server.name, "GET", "/version", timeout=SMALL_LOOK.seconds)
            result = await self._look(asked)
            if result.exit_code in (401, 403):
                raise not_let_in(self.server, result)
            if result.exit_code != 200:
                raise Unknown(
                    f"{self.server.name} does not say which version of its API it speaks: "
                    f"{result.ending()}: {result.said()[:300]}. Nothing was changed.",
                    "wait for the retry; check that Unisphere for PowerMax runs, and that no proxy answers "
                    "in its place",
                )
            self.version = choose(self.server.name, result.stdout, self.server.version)
            self._is_sure = True

    async def _client_for_looks(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._looks is None:
                limits = httpx.Limits(max_connections=READS, max_keepalive_connections=READS)
                self._looks = await self._client(limits)
            return self._looks

    async def client_for_changes(self) -> httpx.AsyncClient:
        """No connection of it is used twice: one that had been idle might be closed just then."""
        async with self._opening:
            if self._changes is None:
                self._changes = await self._client(httpx.Limits(max_keepalive_connections=0))
            return self._changes

    async def _client(self, limits: httpx.Limits) -> httpx.AsyncClient:
        server = self.server
        host = f"[{server.host}]" if ":" in server.host else server.host
        return httpx.AsyncClient(
            transport=await transport(server, limits),
            base_url=f"https://{host}:{server.port}{ROOT}",
            auth=httpx.BasicAuth(server.user, server.password),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "application-type": APPLICATION,
            },
            follow_redirects=False,
            trust_env=False,  # no proxy and no netrc
        )

    async def _exchange(self, client: httpx.AsyncClient, request: Request, way: Way) -> Result:
        """Send a request and read its answer.

        :raises Refused, Unknown: nothing was sent.
        """
        server = self.server
        began = time.monotonic()
        answer_seconds = server.answer_seconds or request.timeout
        path = request.path.replace("{version}", str(self.version))
        asked = client.build_request(
            request.method,
            path,
            params=request.query or None,
            content=request.body.encode() if request.body else None,
            headers={"Content-Type": "application/json"} if request.body else None,
            timeout=httpx.Timeout(
                answer_seconds, connect=server.connect_seconds, write=REST_WRITE.seconds, pool=None
            ),
            extensions={"trace": way.trace},
        )
        self.requests += 1
        try:
            async with asyncio.timeout(2 * server.connect_seconds) as way.limit:
                response = await client.send(asked, stream=True)
                way.status = response.status_code
                try:
                    body = await whole(response)
                finally:
                    await response.aclose()
        except CloneError:
            raise
        except (httpx.HTTPError, OSError, TimeoutError, NotRead) as error:
            if not way.sent:
                not_connected(server, error)
            seconds = time.monotonic() - began
            return Result(request, None, seconds=seconds, lost=way.lost(error, answer_seconds))
        return Result(
            request,
            response.status_code,
            cleaned_json(body.decode("utf-8", "replace")),
            seconds=time.monotonic() - began,
            clock=said_clock(response.headers.get("Date")),
        )


async def transport(server: Server, limits: httpx.Limits) -> httpx.AsyncBaseTransport:
    """The way to a server.

    :raises Refused: as :func:`hooks.verified.context`.
    """
    options = []
    if _TCP_USER_TIMEOUT is not None:
        options.append((socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(REST_WRITE.seconds * 1000)))
    return httpx.AsyncHTTPTransport(
        verify=await asyncio.to_thread(context, server),
        trust_env=False,
        limits=limits,
        retries=0,
        socket_options=options,
    )


class Opened:
    """A change whose connection stands, and of which nothing was sent yet."""

    def __init__(self, unisphere: Unisphere, request: Request, still: Callable[[], None]) -> None:
        self._way = Way(unisphere.server, request, still, go=asyncio.Event())
        self._task = asyncio.create_task(self._sent(unisphere, request))

    async def _sent(self, unisphere: Unisphere, request: Request) -> Result:
        return await unisphere._exchange(await unisphere.client_for_changes(), request, self._way)

    async def ready(self) -> None:
        """Wait until the connection stands.

        :raises Refused, Unknown: it does not. Nothing was sent.
        """
        waits = asyncio.create_task(self._way.stands.wait())
        try:
            await asyncio.wait({waits, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await self.drop()
            raise
        finally:
            waits.cancel()
        if self._task.done():
            result = self._task.result()
            raise AssertionError(f"{result.command.shown()} went out before it was let through")

    async def send(self) -> Result:
        """Send it, and read the answer.

        :raises CloneError: what `still` raised; nothing was done.
        """
        assert self._way.go is not None
        self._way.go.set()
        try:
            return await self._task
        finally:
            self._task.cancel()

    async def drop(self) -> None:
        """End the connection; nothing was sent."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, CloneError):
            await self._task


def _among(result: Result, count: int, seconds: float) -> Result:
    return result if count == 1 else replace(result, among=count, seconds=seconds)
