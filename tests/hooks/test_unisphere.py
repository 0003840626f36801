"""Requests by HTTPS: verified, in time, and what is known when no whole answer came."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Request, Result, Steps, run, run_together
from clones.errors import CloneError, Refused, Unknown
from clones.runs.record import TaskRecord
from clones.time_limits import TimeLimit
from hooks import exchange, unisphere
from hooks.symcli import SymcliHook
from hooks.symcli_async import SymcliHookAsync
from hooks.unisphere import READS, Unisphere
from hooks.unisphere_connection import Server as Known
from tests.hooks.https_server import ROOT, Answer, Asked, Server, certificates, serving

SECRET = "a secret"
PLACE = "/{version}/replication/symmetrix/000297600001/storagegroup/SG_DATA"
LOOK = Request.to("uni", "GET", f"{PLACE}/snapshot")
CHANGE = Request.to("uni", "POST", f"{PLACE}/snapshot", body='{"a":1}', changes=True, fence_host="ctl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    certificates(made)
    return made


@pytest.fixture
def define(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the connection to a port."""

    def connect(port: int, *, host: str = "127.0.0.1", ca: str | None = "ca", **extra: Any) -> None:
        extra |= {"ca_file": str(folder / ca)} if ca else {}
        about = {"conn_type": "http", "host": host, "port": port, "login": "symclone", "password": SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_UNI", json.dumps({**about, "extra": extra}))

    return connect


@pytest.fixture
def server(folder: Path, define: Callable[..., None]) -> Iterator[Server]:
    """A good one, to which the connection leads; a test writes its answers."""
    with serving(folder / "good", lambda asked: Answer()) as made:
        define(made.port)
        yield made


def by_task(request: Request) -> Result:
    with SymcliHook() as hosts:
        return hosts.run(run(request))


async def by_wait(request: Request) -> Result:
    waiting = SymcliHookAsync()
    try:
        return await waiting.run(run(request))
    finally:
        await waiting.close()


async def both(request: Request = LOOK) -> list[Result]:
    """The same look by a task and by a wait."""
    return [await asyncio.to_thread(by_task, request), await by_wait(request)]


async def error_of_both(kind: type[CloneError], request: Request = LOOK) -> str:
    """With which neither gets an answer, and which is the same for both."""
    said = []
    for asked in (asyncio.to_thread(by_task, request), by_wait(request)):
        with pytest.raises(CloneError) as raised:
            await asked
        assert type(raised.value) is kind
        said.append(str(raised.value))
    assert said[0] == said[1] and SECRET not in said[0]
    return said[0]


async def test_status_body_and_the_servers_time(server: Server) -> None:
    server.answer = lambda asked: Answer(200, b'{"name": ["a", "b"]}\n')
    for result in await both():
        assert (result.exit_code, result.stdout) == (200, '{"name": ["a", "b"]}\n')
        assert result.clock == datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
        assert result.ending() == "HTTP status 200"
    asked = server.asked[-1]
    assert asked.path == f"{ROOT}{PLACE}/snapshot".replace("{version}", "101")
    assert asked.headers["accept"] == "application/json"
    assert asked.headers["application-type"] == "symclone-airflow"
    assert asked.headers["authorization"].startswith("Basic ")


async def test_a_query_is_written_as_urls_are(server: Server) -> None:
    request = Request.to("uni", "GET", "/x", query=(("storageGroupId", "a b&c=d/é"), ("from", "1")))
    await both(request)
    assert server.asked[-1].path == f"{ROOT}/x?storageGroupId=a+b%26c%3Dd%2F%C3%A9&from=1"


def test_a_body_is_sent_as_it_is(server: Server) -> None:
    result = by_task(CHANGE)
    assert result.exit_code == 200
    assert (server.asked[-1].method, server.asked[-1].body) == ("POST", b'{"a":1}')
    assert server.asked[-1].headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [201, 202, 204, 400, 401, 403, 404, 409, 500, 502, 503])
async def test_every_status_is_a_result(server: Server, status: int) -> None:
    body = b"" if status == 204 else b'{"message": "said"}'
    server.answer = lambda asked: Answer(status, body)
    for result in await both():
        assert (result.exit_code, result.stdout) == (status, body.decode())
    assert by_task(CHANGE).exit_code == status


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(server: Server, status: int) -> None:
    server.answer = lambda asked: Answer(
        status, headers={"Location": f"https://127.0.0.1:{server.port}/other"}
    )
    for result in await both():
        assert result.exit_code == status
    assert by_task(CHANGE).exit_code == status
    assert not [asked for asked in server.asked if "other" in asked.path]


@pytest.mark.parametrize(
    ("date", "clock"),
    [
        ("Sun, 29 Nov 2026 13:00:00 GMT", datetime(2026, 11, 29, 13, tzinfo=UTC)),
        ("Sun, 29 Nov 2026 14:00:00 +0100", datetime(2026, 11, 29, 13, tzinfo=UTC)),
        ("Sun, 29 Nov 2026 13:00:00", datetime(2026, 11, 29, 13, tzinfo=UTC)),
        ("yesterday", None),
        ("Sun, 99 Nov 2026 13:00:00 GMT", None),
        ("", None),
    ],
)
async def test_a_clock_that_cannot_be_read_is_none(server: Server, date: str, clock: datetime | None) -> None:
    server.answer = lambda asked: Answer(headers={"Date": date})
    for result in await both():
        assert result.clock == clock


async def test_what_acts_on_a_terminal_is_written_out(server: Server) -> None:
    server.answer = lambda asked: Answer(200, b"\x1b[31m\xff<html>\r\n")
    for result in await both():
        assert result.stdout == "\\x1b[31m\ufffd<html>\r\n"


# Whom it talks to


@pytest.mark.parametrize(
    ("certificate", "ca", "says"),
    [
        ("stranger", "ca", ["shows a certificate that is not trusted", "another machine may answer"]),
        ("good", "other_ca", ["shows a certificate that is not trusted", "another machine may answer"]),
        ("good", None, ["not trusted", "put the path of its CA's certificate into `ca_file`"]),
        ("expired", "ca", ["certificate has expired. Nothing was sent", "valid now"]),
        ("early", "ca", ["certificate is not yet valid. Nothing was sent", "this machine's clock"]),
        ("elsewhere", "ca", ["not valid for '127.0.0.1'", "put a name into `host`"]),
        ("good", "good", None),
        ("alone", "alone", None),
    ],
)
async def test_the_certificate_is_verified(
    folder: Path, define: Callable[..., None], certificate: str, ca: str | None, says: list[str] | None
) -> None:
    with serving(folder / certificate, lambda asked: Answer()) as made:
        define(made.port, ca=ca)
        if says is None:
            assert [result.exit_code for result in await both()] == [200, 200]
            return
        told = await error_of_both(Refused)
        for words in says:
            assert words in told
        with pytest.raises(Refused, match="Nothing was sent"):
            by_task(CHANGE)
        assert made.asked == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        ("no certificate", "holds no certificate in PEM form"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no certificate in PEM form",
        ),
    ],
)
async def test_a_file_of_certificates_that_is_none(
    define: Callable[..., None], tmp_path: Path, content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "x").write_text(content)
    define(1, ca=str(tmp_path / "x"))
    assert f"`ca_file` in the extra: {tmp_path}/x {says}" in await error_of_both(Refused)


async def test_a_server_that_speaks_no_tls(define: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            for _ in range(2):
                talk, _ = plain.accept()
                with talk:
                    talk.recv(10_000)
                    talk.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        define(plain.getsockname()[1])
        assert "cannot be reached at 127.0.0.1" in await error_of_both(Unknown)


async def test_nothing_of_the_environment_counts(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    before = (await both())[0].exit_code
    assert before == 200
    assert {asked.headers["authorization"] for asked in server.asked} == {"Basic c3ltY2xvbmU6YSBzZWNyZXQ="}


# What is known when no answer came


async def test_a_port_on_which_nobody_listens(define: Callable[..., None]) -> None:
    define(1)
    told = await error_of_both(Unknown)
    assert "uni cannot be reached at 127.0.0.1, port 1" in told and "Nothing was sent" in told


async def test_a_name_that_there_is_none_of(define: Callable[..., None]) -> None:
    define(8443, host="unisphere1.invalid")
    assert "Nothing was sent" in await error_of_both(Unknown)


async def test_a_server_that_does_not_accept_in_time(define: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        define(deaf.getsockname()[1], connect_timeout=0.2)
        told = await error_of_both(Unknown)
        assert "no connection was made within 0.2 s. Nothing was sent" in told
        with pytest.raises(Unknown, match="Nothing was sent"):
            by_task(CHANGE)


def test_a_server_that_does_not_take_the_request_in_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (unisphere, exchange):
        monkeypatch.setattr(module, "REST_WRITE", TimeLimit(0.3, "", ""))
    wait = threading.Event()
    with SymcliHook() as hosts:
        hosts.run(run(LOOK))
        server.hold = wait
        result = hosts.run(run(replace(CHANGE, body="x" * 50_000_000)))
    wait.set()
    assert result.exit_code is None and result.lost == "sending it took longer than 0.3 s"


async def test_an_answer_that_does_not_come_in_time(server: Server, define: Callable[..., None]) -> None:
    wait = threading.Event()
    define(server.port, answer_timeout=0.2)
    server.answer = lambda asked: Answer(wait=wait)
    for result in [*await both(), by_task(CHANGE)]:
        assert result.exit_code is None and result.lost == "no whole answer came within 0.2 s"
    wait.set()
    assert len(server.sent) == 3, "nothing is asked again after a time-out"


async def test_the_limit_of_a_request_counts_where_the_connection_says_none(server: Server) -> None:
    wait = threading.Event()
    server.answer = lambda asked: Answer(wait=wait)
    for result in await both(replace(LOOK, timeout=0.2)):
        assert result.lost == "no whole answer came within 0.2 s"
    wait.set()


def test_an_answer_that_trickles_in_has_the_same_limit(server: Server, define: Callable[..., None]) -> None:
    define(server.port, answer_timeout=0.3)
    server.trickle = True
    result = by_task(LOOK)
    server.trickle = False
    assert result.exit_code is None
    assert result.lost == "no whole answer came within 0.3 s. HTTP status 200 had come"


@pytest.mark.parametrize(
    ("cut", "lost"),
    [
        ("before", "the connection was lost: Server disconnected without sending a response"),
        ("in", "HTTP status 201 had come"),
    ],
)
async def test_a_connection_that_is_cut(server: Server, cut: str, lost: str) -> None:
    server.answer = lambda asked: Answer(201, b'{"name": "a"}', cut=cut)
    for result in [*await both(), by_task(CHANGE)]:
        assert result.exit_code is None and lost in result.lost, result.lost
        assert result.stdout == ""
    posts = [line for line in server.sent if line.startswith("POST")]
    assert len(posts) == 1, "a change is never sent twice"
    assert len(server.sent) - len(posts) == (4 if cut == "before" else 2)


async def test_a_connection_that_is_cut_behind_the_answer(server: Server) -> None:
    server.answer = lambda asked: Answer(201, b'{"name": "a"}', cut="after")
    for result in [*await both(), by_task(CHANGE)]:
        assert (result.exit_code, result.stdout) == (201, '{"name": "a"}')


def test_a_look_is_asked_once_more_when_its_connection_was_closed(server: Server) -> None:
    answers = [Answer(cut="before"), Answer(200, b"[]")]
    server.answer = lambda asked: answers.pop(0)
    assert by_task(LOOK).stdout == "[]"
    assert server.sent == ["GET " + LOOK.path.replace("{version}", "101")] * 2


def test_a_change_goes_over_a_connection_of_its_own(server: Server) -> None:
    with SymcliHook() as hosts:
        for request in (LOOK, CHANGE, CHANGE, LOOK):
            assert hosts.run(run(request)).exit_code == 200
    assert server.connections == 3


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 999999 x\r\n\r\n", b"\x00" * 200_000])
async def test_an_answer_that_is_no_http(server: Server, raw: bytes) -> None:
    server.answer = lambda asked: Answer(raw=raw)
    for result in [*await both(), by_task(CHANGE)]:
        assert result.exit_code is None and "the connection was lost: " in result.lost


async def test_an_answer_that_is_too_large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LARGEST", 1000)
    server.answer = lambda asked: Answer(200, b"x" * 1001)
    for result in [*await both(), by_task(CHANGE)]:
        assert result.exit_code is None
        assert result.lost == "the answer is larger than 1,000 bytes. HTTP status 200 had come"
    server.answer = lambda asked: Answer(200, b"x" * 1000)
    for result in await both():
        assert len(result.stdout) == 1000


async def test_an_answer_without_an_end_is_not_known_to_be_whole(server: Server) -> None:
    server.answer = lambda asked: Answer(raw=b"HTTP/1.1 200 OK\r\n\r\n{}")
    for result in await both():
        assert result.exit_code is None
        assert result.lost == "the answer does not say where it ends. HTTP status 200 had come"
    server.answer = lambda asked: Answer(raw=b"HTTP/1.1 204 No Content\r\n\r\n")
    for result in await both():
        assert (result.exit_code, result.stdout) == (204, "")


async def test_an_answer_in_pieces(server: Server) -> None:
    pieces = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n"
    server.answer = lambda asked: Answer(raw=pieces + b"0\r\n\r\n")
    for result in await both():
        assert (result.exit_code, result.stdout) == (200, "{}")
    server.answer = lambda asked: Answer(raw=pieces)
    for result in await both():
        assert result.exit_code is None and "HTTP status 200 had come" in result.lost


async def test_an_answer_that_is_packed_is_not_unpacked(server: Server) -> None:
    server.answer = lambda asked: Answer(200, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    for result in await both():
        assert result.exit_code is None and "packed with gzip" in result.lost


def test_what_is_not_acknowledged_is_dropped_by_the_system(server: Server, folder: Path) -> None:
    """So a change never arrives later than that, whatever has become of this process."""
    known = Known("uni", "127.0.0.1", server.port, "u", SECRET, ca_file=str(folder / "ca"))

    async def option() -> int:
        asked = Unisphere(known)
        client = await asked.client_for_changes()
        response = await client.send(client.build_request("GET", "/version"), stream=True)
        socket_ = response.extensions["network_stream"].get_extra_info("socket")
        found = socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        await response.aclose()
        await asked.close()
        return int(found)

    assert asyncio.run(option()) == 5000


# How many, and which version


async def test_looks_are_asked_side_by_side_a_few_at_a_time(server: Server) -> None:
    arrived = threading.Semaphore(0)
    go_on = threading.Event()

    def answer(asked: Asked) -> Answer:
        arrived.release()
        return Answer(200, asked.path.encode(), wait=go_on)

    server.answer = answer
    asked = [replace(LOOK, path=f"/{{version}}/{number}") for number in range(12)]

    def release() -> None:
        for _ in range(READS):
            arrived.acquire(timeout=20)
        go_on.set()

    threading.Thread(target=release, daemon=True).start()
    with SymcliHook() as hosts:
        results = hosts.run(run_together(asked))
        assert hosts.requests == 13 and hosts.commands == hosts.trips == 0
    assert [result.stdout for result in results] == [f"{ROOT}/101/{number}" for number in range(12)]
    assert {result.among for result in results} == {12}
    assert server.most_at_once == READS == server.connections
    waiting = SymcliHookAsync()
    assert [one.stdout for one in await waiting.run(run_together(asked))] == [one.stdout for one in results]
    await waiting.close()


def test_looks_that_come_soon_are_begun(server: Server) -> None:
    others = [replace(LOOK, path=f"/{{version}}/{number}") for number in range(3)]

    def steps() -> Steps[list[int | None]]:
        codes = [(yield from run(replace(LOOK, soon=tuple(others)))).exit_code]
        for one in others:
            codes.append((yield from run(one)).exit_code)
        return codes

    with SymcliHook() as hosts:
        assert hosts.run(steps()) == [200] * 4
        assert hosts.requests == 5 and hosts.commands == hosts.trips == 0


def test_the_version_is_asked_for_once(server: Server) -> None:
    with SymcliHook() as hosts:
        for _ in range(3):
            hosts.run(run(LOOK))
        hosts.run(run(CHANGE))
        assert hosts.requests == 5 and hosts.servers.versions == {"uni": 101}
    assert [asked.path for asked in server.asked].count(f"{ROOT}/version") == 1


def test_a_hint_saves_the_question(server: Server) -> None:
    with SymcliHook() as hosts:
        hosts.servers.hints["uni"] = 100
        assert hosts.run(run(LOOK)).exit_code == 200
        assert hosts.run(run(CHANGE)).exit_code == 200
        assert hosts.requests == 2 and hosts.servers.versions == {"uni": 100}
    assert all("/100/" in asked.path for asked in server.asked)


def test_a_hint_that_is_not_true_any_more(server: Server) -> None:
    """A version that is not spoken is not found, and so is a list without entries: it is asked for."""
    server.answer = lambda asked: Answer(200, b"[]") if "/101/" in asked.path else Answer(404, b"<html>")
    with SymcliHook() as hosts:
        hosts.servers.hints["uni"] = 103
        assert hosts.run(run(LOOK)).stdout == "[]"
        assert hosts.requests == 3 and hosts.servers.versions == {"uni": 101}


def test_a_hint_that_is_still_true(server: Server) -> None:
    server.answer = lambda asked: Answer(404, b"{}")
    with SymcliHook() as hosts:
        hosts.servers.hints["uni"] = 101
        assert [hosts.run(run(LOOK)).exit_code for _ in range(2)] == [404, 404]
        assert hosts.requests == 3


def test_a_change_rests_on_no_hint(server: Server) -> None:
    with SymcliHook() as hosts:
        hosts.servers.hints["uni"] = 103
        hosts.run(run(CHANGE))
    assert [asked.method for asked in server.asked] == ["GET", "POST"] and "/101/" in server.asked[1].path


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            Answer(401, b'{"message": "no"}'),
            Refused,
            "does not accept the login of its Airflow connection: as sym",
        ),
        (Answer(403, b""), Refused, "HTTP status 403"),
        (Answer(503, b"<html>"), Unknown, "HTTP status 503: <html>"),
        (Answer(200, b"<html>"), Unknown, "no proxy answers in its place"),
        (Answer(302, b""), Unknown, "HTTP status 302"),
        (Answer(200, b'{"version": "V9.1.0.1"}'), Refused, "update Unisphere"),
        (Answer(cut="before"), Unknown, "no exit status (the connection was lost"),
    ],
)
async def test_a_server_that_does_not_say_its_version(
    server: Server, answer: Answer, kind: type[CloneError], says: str
) -> None:
    server.version = answer
    with pytest.raises(kind) as raised:
        by_task(LOOK)
    assert says in str(raised.value) and SECRET not in str(raised.value)
    with pytest.raises(kind):
        await by_wait(LOOK)
    assert server.sent == []


def test_a_version_that_is_pinned(server: Server, define: Callable[..., None]) -> None:
    define(server.port, api_version=92)
    by_task(LOOK)
    assert "/92/" in server.asked[-1].path
    define(server.port, api_version=104)
    with pytest.raises(Refused, match="does not speak version 104"):
        by_task(LOOK)


# Logs and records


def test_the_log_and_the_record_show_requests_and_no_secret(
    server: Server, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    record = TaskRecord((), 1, lambda: datetime.now(UTC), lambda tries: None)
    caplog.set_level(logging.DEBUG)
    with SymcliHook(record=record) as hosts:
        hosts.run(run(LOOK))
        hosts.run(run(CHANGE))
    events = record.tries[0]["events"]
    assert [(event["line"], event["changes"], event["ended"]) for event in events] == [
        (f"GET {LOOK.path}", False, "HTTP status 200"),
        (f'POST {CHANGE.path} {{"a":1}}', True, "HTTP status 200"),
    ]
    said = capsys.readouterr().out + caplog.text
    assert f"::group::uni$ GET {LOOK.path}  [HTTP status 200" in said
    assert "SSH: 0 connections, 0 commands in 0 round trips; REST: 3 requests" in said
    for secret in (SECRET, "c3ltY2xvbmU6YSBzZWNyZXQ="):
        assert secret not in said and secret not in json.dumps(record.tries)


def test_the_record_says_what_was_not_sent(define: Callable[..., None]) -> None:
    define(1)
    record = TaskRecord((), 1, lambda: datetime.now(UTC), lambda tries: None)
    with SymcliHook(record=record) as hosts:
        for request in (LOOK, CHANGE):
            with pytest.raises(Unknown):
                hosts.run(run(request))
        assert hosts.under_way == ()
    assert [event["ended"] for event in record.tries[0]["events"]] == ["it was not sent"] * 2


async def test_a_wait_changes_nothing(server: Server) -> None:
    with pytest.raises(ValueError, match="the triggerer only reads"):
        await by_wait(CHANGE)
    assert server.sent == []


# Waits


async def test_waits_share_one_server_and_leave_it_alone_when_it_fails(
    server: Server, define: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is wrong is not tried at each look: its user would be locked out."""
    waiting = SymcliHookAsync(chance=lambda: 1.0)
    await asyncio.gather(*(waiting.execute(LOOK) for _ in range(20)))
    assert len(server.asked) == 21 and server.connections <= READS
    server.answer = server.version = lambda asked: Answer(401)  # type: ignore[assignment]
    server.version = Answer(401)
    assert (await waiting.execute(LOOK)).exit_code == 401
    before = len(server.asked)
    for _ in range(3):
        with pytest.raises(Refused, match="does not accept the login"):
            await waiting.execute(LOOK)
    assert len(server.asked) == before + 1
    server.answer, server.version = lambda asked: Answer(), None
    loop = asyncio.get_running_loop()
    later = loop.time() + 10
    monkeypatch.setattr(loop, "time", lambda: later)
    assert (await waiting.execute(LOOK)).exit_code == 200
    await waiting.close()


async def test_a_look_that_is_lost_takes_no_other_with_it(server: Server) -> None:
    """They share a server, which is begun anew."""
    arrived, never, go_on = threading.Event(), threading.Event(), threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/slow"):
            arrived.set()
            return Answer(200, b"{}", wait=go_on)
        return Answer(wait=never)

    server.answer = answer
    waiting = SymcliHookAsync()
    slow = asyncio.create_task(waiting.execute(replace(LOOK, path="/slow")))
    while not arrived.is_set():
        await asyncio.sleep(0.01)
    lost = await waiting.execute(replace(LOOK, path="/lost", timeout=0.2))
    assert lost.exit_code is None and not slow.done()
    go_on.set()
    never.set()
    assert (await slow).exit_code == 200
    await waiting.close()


async def test_connections_end_with_the_last_user(server: Server) -> None:
    waiting = SymcliHookAsync()
    async with waiting.servers.using("uni"):
        async with waiting.servers.using("uni"):
            await waiting.execute(LOOK)
        await waiting.execute(LOOK)
        assert server.connections == 1
    await waiting.execute(LOOK)
    assert server.connections == 2
    await waiting.close()


async def test_a_connection_that_is_not_defined() -> None:
    told = await error_of_both(Refused)
    assert "Airflow connection uni cannot be used" in told and "define the HTTP connection uni" in told
