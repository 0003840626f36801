"""One REST call: what the faults make of it, its entry in the journal, its reply."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.config.unisphere import UserConfig
from lab.faults import OF_REST, Fault
from lab.journal import ACTOR, CONNECTION
from lab.server.execution import second_administrator
from lab.unisphere.call import Call
from lab.unisphere.change import Answer
from lab.unisphere.unisphere import ROOT, UNAUTHORIZED, Unisphere

MOST_OF_AN_ANSWER = 2000
"""Characters of what a refusal says, in the journal."""


@dataclass(frozen=True)
class Request:
    """`target` is the path with its query as it came; names of `headers` are in lower case."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """`cut` is after how many bytes of the body the connection is lost; None: it comes whole."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    cut: int | None = None


class Gone:
    """The client of a connection: `number` is the journal's; `gone` is set when it went away."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.gone = asyncio.Event()

    def abort(self) -> None:
        """Drop the connection now."""
        self.gone.set()


class Exchange:
    """:param down: takes the Unisphere's port away, as a fault says."""

    def __init__(
        self, unisphere: Unisphere, client: Gone, request: Request, down: Callable[[Fault], None]
    ) -> None:
        self.unisphere = unisphere
        self.world = unisphere.world
        self.client = client
        self.request = request
        self._down = down
        parts = urlsplit(request.target)
        whole = unquote(parts.path)
        self.below = whole.startswith(ROOT + "/")
        self.path = whole.removeprefix(ROOT)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        shown = f"{self.path}?{parts.query}" if parts.query else self.path
        content = request.body.decode(errors="replace")
        self.text = " ".join(part for part in (request.method, shown, content) if part)
        self._began = time.monotonic()
        self.head: dict[str, Any] = {
            "at": self.world.clock.iso(), "wall": round(time.time(), 6), "host": unisphere.name,
            "family": unisphere.family, "connection": client.number, "method": request.method,
            "path": self.path, "query": self.query, "command": self.text,
        }  # fmt: skip
        if request.body:
            self.head["body"] = _plain(content)
        self.faults: list[str] = []

    def _journal(self, status: int | None, answered: int | None, call: Call | None, body: Any = None) -> None:
        """`status` is what the client is told, `answered` what Unisphere said; None when neither."""
        entry: dict[str, Any] = {
            "event": "request", **self.head, "seconds": round(time.monotonic() - self._began, 6),
            "status": status, "answered": answered,
        }  # fmt: skip
        if call is not None and call.change is not None:
            entry["change"] = call.change.describe()
            entry |= call.change.states()
        if answered is not None and answered >= 400 and body is not None:
            entry["said"] = str(body.get("message", body) if isinstance(body, dict) else body)
            entry["said"] = entry["said"][:MOST_OF_AN_ANSWER]
        if answered == 202:
            entry["job"] = body["jobId"]
        faults = [*self.faults, *(call.faults if call is not None else [])]
        if faults:
            entry["faults"] = faults
        self.world.journal.write(entry)

    async def run(self) -> Reply | None:
        """None: the connection is lost."""
        CONNECTION.set(self.client.number)
        await asyncio.sleep(0)  # jobs that are due go on first
        met: dict[str, Fault] = {}
        for fault in reversed(self.world.faults.transport(self.unisphere.names, self.text, OF_REST)):
            met[fault.config.kind] = fault
        self.faults = sorted(met)
        if "down" in met:
            self._journal(None, None, None)
            self._down(met["down"])
            return None
        if "cut_before" in met or "hang" in met:
            if "hang" in met:
                await self.client.gone.wait()
            self._journal(None, None, None)
            self.client.abort()
            return None
        if "restart" in met:
            self.unisphere.restart(finish=met["restart"].config.work == "last")
        if "cut_running" in met:
            self.client.abort()
            await self.world.clock.sleep(met["cut_running"].config.seconds or 0, alone=True)
        late = met.get("late")
        if late is not None and late.config.work == "last":
            await self.world.clock.sleep(late.config.seconds or 0)
        forged = met["http"].config if "http" in met else None
        answer, call = Answer(0), None
        if forged is None or forged.work == "first":
            answer, call = await self._answered()
        answered = answer.status or None
        status = answer.status if forged is None else forged.status
        lost = bool({"cut_after", "cut_bytes", "cut_running"} & set(met)) or self.client.gone.is_set()
        self._journal(None if lost else status, answered, call, answer.body)
        if "admin" in met:
            config = met["admin"].config
            await second_administrator(self.world, config.on or self.unisphere.name, config.run or "")
        if late is not None and late.config.work != "last":
            await self.world.clock.sleep(late.config.seconds or 0)
        if "delay" in met:
            await met["delay"].hold()
        reply = self._reply(answer)
        if forged is not None:
            content = forged.body.encode()
            reply = Reply(forged.status or 500, self._headers(forged.type, len(content)), content)
        if "cut_bytes" in met:
            return Reply(reply.status, reply.headers, reply.body, met["cut_bytes"].config.bytes or 0)
        if lost:
            self.client.abort()
            return None
        return reply

    async def _answered(self) -> tuple[Answer, Call | None]:
        user = self.unisphere.user(self.request.headers.get("authorization", ""))
        self.head["login"] = user.login if user else ""
        if user is None:
            return Answer(401, UNAUTHORIZED), None
        if not self.below:
            return Answer(404, {"message": f"Could not find resource for full path: {self.path}"}), None
        return await self._called(user)

    async def _called(self, user: UserConfig) -> tuple[Answer, Call | None]:
        return await self.unisphere.answer(
            self.request.method, self.path, self.query, self.request.body, user, self.text
        )

    def _headers(self, kind: str, length: int) -> dict[str, str]:
        return {
            "Content-Type": kind,
            "Content-Length": str(length),
            "Date": formatdate(self.unisphere.clock(), usegmt=True),
        }

    def _reply(self, answer: Answer) -> Reply:
        if answer.body is None:
            return Reply(answer.status, self._headers("application/json", 0))
        if isinstance(answer.body, str):
            content, kind = answer.body.encode(), "text/html"
        else:
            content, kind = json.dumps(answer.body).encode(), "application/json"
        headers = self._headers(kind, len(content))
        if answer.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Unisphere"'
        return Reply(answer.status, headers, content)


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


async def call_as_administrator(unisphere: Unisphere, text: str) -> None:
    """Somebody else's call, `METHOD PATH [BODY]`, as the first user: journaled as the actor "admin"."""
    method, _, rest = text.partition(" ")
    path, _, body = rest.partition(" ")
    token = ACTOR.set("admin")
    connection = CONNECTION.set(None)
    try:
        request = Request(method, ROOT + path, {}, body.encode())
        one = Exchange(unisphere, Gone(None), request, _nothing)
        user = unisphere.config.users[0]
        one.head["login"] = "admin"
        answer, call = await one._called(user)
        one._journal(answer.status, answer.status, call, answer.body)
    finally:
        ACTOR.reset(token)
        CONNECTION.reset(connection)


def _nothing(fault: Fault) -> None:
    """What somebody else asks takes no port away."""
