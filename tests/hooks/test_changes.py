"""What must be so before a request changes anything: the newest try, its slots, and a fresh look."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clones.asking import slots
from clones.asking.fence import Fence, Token, put
from clones.asking.steps import Command, Request, Result, Steps, pause, run
from clones.config.scope import Scope
from clones.errors import CloneError, Fenced, Locked, Refused, Stale, Unknown
from clones.runs.record import TaskRecord
from clones.time_limits import CHECKED, INTENT, SLOT_TURN
from hooks.configuration import load
from hooks.driver import Driver
from hooks.symcli import SymcliHook
from lab import Lab
from tests.conftest import ONE_ARRAY, ROOT, SERVICES, connect
from tests.hooks.https_server import Answer, Asked, Server, certificates, serving

pytestmark = ONE_ARRAY

CONTROL = "symcli_demo"
CONFIG = load(SERVICES)
SCOPE = Scope("aastmphpux", CONFIG.services["aastmphpux"], CONFIG.symcli)
SLOTS = f"{SCOPE.symcli.work_dir}/slots"
SOURCE, ARRAY = "000297600001.SG_DATA", "000297600001"
LOOK = Request.to("uni", "GET", "/{version}/snapshot")
CHANGE = Request.to(
    "uni",
    "POST",
    "/{version}/snapshot",
    body='{"a":1}',
    changes=True,
    fence_host=CONTROL,
    slots=((SOURCE, 1), (ARRAY, 4)),
)
HELD = [f"{ARRAY} 1 aastmphpux", f"{SOURCE} 1 aastmphpux"]


def token(count: int, letter: str = "a") -> Token:
    return Token(count, letter * 16)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def server(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A management server to which connection `uni` leads, beside the lab's hosts."""
    certificates(tmp_path)
    with serving(tmp_path / "good", lambda asked: Answer(201)) as made:
        about = {"conn_type": "http", "host": "127.0.0.1", "port": made.port, "login": "u", "password": "p"}
        about["extra"] = {"ca_file": str(tmp_path / "ca")}
        monkeypatch.setenv("AIRFLOW_CONN_UNI", json.dumps(about))
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hosts(server: Server, clock: Clock) -> Iterator[SymcliHook]:
    """A try that holds the lock, as number 1."""
    record = TaskRecord((), 1, lambda: datetime.now(UTC), lambda tries: None)
    with SymcliHook(record=record, look_limit=120, must_fence=True, clock=clock) as made:
        made.pause = clock.pause
        newest(made, token(1))
        yield made


def newest(hosts: SymcliHook, number: Token, scope: Scope = SCOPE) -> None:
    """Let a hook work for a new try, with that token on the control host."""
    hosts.fence = Fence(scope.name, number)
    hosts.run(put(scope, hosts.fence, CONTROL))


def held() -> list[str]:
    """``NAME COUNT SERVICE`` of each slot on the control host."""
    script = f"for one in {SLOTS}/*/*; do test ! -d $one || echo $one; done"
    with SymcliHook() as others:
        said = others.run(run(Command(CONTROL, ("/bin/sh", "-c", script))))
    found = []
    for line in said.stdout.splitlines():
        name, entry = line.removeprefix(f"{SLOTS}/").split("/")
        number, service, _ = entry.split("@")
        found.append(f"{name} {int(number[:12])} {service}")
    return sorted(found)


def ended(hosts: SymcliHook) -> str:
    """How the last command of the record ended."""
    assert hosts.record is not None
    return str(hosts.record.tries[-1]["events"][-1]["ended"])


class Kept:
    """What a change keeps before it is sent, and takes back."""

    def __init__(self) -> None:
        self.kept = False

    def before(self, and_then: Callable[[], None] = lambda: None) -> Callable[[], Callable[[], None]]:
        def keep() -> Callable[[], None]:
            self.kept = True
            and_then()
            return self.take_back

        return keep

    def take_back(self) -> None:
        self.kept = False


def test_a_change_has_its_slots_while_it_goes_on(server: Server, hosts: SymcliHook) -> None:
    seen: list[list[str]] = []

    def answer(asked: Asked) -> Answer:
        seen.append(held())
        return Answer(201, b'{"done": true}')

    server.answer = answer
    kept = Kept()
    result = hosts.run(run(replace(CHANGE, before_send=kept.before())))
    assert (result.exit_code, result.stdout) == (201, '{"done": true}')
    assert seen == [HELD] and held() == [] and kept.kept
    assert ended(hosts) == "HTTP status 201"


@pytest.mark.parametrize("answer", [Answer(202, b'{"jobId": "1"}'), Answer(503), Answer(cut="before")])
def test_they_are_held_until_the_end_is_seen(server: Server, hosts: SymcliHook, answer: Answer) -> None:
    server.answer = lambda asked: answer
    hosts.run(run(CHANGE))
    assert held() == HELD
    hosts.run(slots.give_back(CHANGE))
    assert held() == [] and hosts.record is not None
    event = hosts.record.tries[-1]["events"][-1]
    assert (event["line"], event["ended"]) == (f"give-back {SOURCE} {ARRAY}", "exit code 0")


@pytest.mark.parametrize("well", [True, False])
def test_a_task_that_ends_well_has_seen_all_its_ends(server: Server, well: bool) -> None:
    server.answer = lambda asked: Answer(202)
    try:
        with SymcliHook() as hosts:
            newest(hosts, token(1))
            hosts.run(run(CHANGE))
            assert held() == HELD
            if not well:
                raise Unknown("the job is not known")
    except Unknown:
        pass
    assert held() == ([] if well else HELD)


def test_the_next_try_of_the_service_has_what_was_left(server: Server, hosts: SymcliHook) -> None:
    server.answer = lambda asked: Answer(202)
    hosts.run(run(CHANGE))
    newest(hosts, token(2, "b"))
    hosts.run(run(CHANGE))
    assert held() == [f"{ARRAY} 2 aastmphpux", f"{SOURCE} 2 aastmphpux"]


def test_a_newer_try_keeps_it_from_being_sent(server: Server, hosts: SymcliHook) -> None:
    """It comes after the ledger was kept, as late as can be."""

    def another() -> None:
        with SymcliHook() as other:
            newest(other, token(2, "b"))

    kept = Kept()
    with pytest.raises(Fenced, match="was not sent to uni: a newer try, or another run, has taken over"):
        hosts.run(run(replace(CHANGE, before_send=kept.before(another))))
    assert server.sent == [] and held() == [] and not kept.kept
    assert ended(hosts) == "it was not sent" and hosts.under_way == ()


def test_a_try_that_stood_still_after_its_check_sends_nothing(
    server: Server, hosts: SymcliHook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Driver._send

    def late(hook: Any, opened: Any) -> Result:
        clock.now += CHECKED.seconds + 1
        return send(hook, opened)

    monkeypatch.setattr(Driver, "_send", late)
    kept = Kept()
    with pytest.raises(Stale, match="11 s have passed since it was seen that no newer try"):
        hosts.run(run(replace(CHANGE, before_send=kept.before())))
    assert server.sent == [] and held() == [] and not kept.kept
    assert ended(hosts) == "it was not sent" and hosts.under_way == ()


def test_a_try_that_stands_still_between_head_and_body_sends_no_whole_request(
    server: Server, hosts: SymcliHook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hooks import exchange

    trace = exchange.Way.trace

    async def late(way: Any, event: str, info: Any) -> None:
        if event == "http11.send_request_headers.complete" and way.go is not None:
            clock.now += CHECKED.seconds + 1
        await trace(way, event, info)

    monkeypatch.setattr(exchange.Way, "trace", late)
    with pytest.raises(Stale):
        hosts.run(run(CHANGE))
    assert server.sent == [] and held() == []


def test_a_look_that_is_too_old(server: Server, hosts: SymcliHook, clock: Clock) -> None:
    hosts.run(run(LOOK))
    clock.now += 121
    with pytest.raises(Stale, match="its last check was 121 s ago"):
        hosts.run(run(CHANGE))
    assert server.sent == ["GET /101/snapshot"]


def test_a_look_that_became_too_old_meanwhile(server: Server, hosts: SymcliHook, clock: Clock) -> None:
    hosts.run(run(LOOK))

    def slow() -> None:
        clock.now += 121

    kept = Kept()
    with pytest.raises(Stale):
        hosts.run(run(replace(CHANGE, before_send=kept.before(slow))))
    assert server.sent == ["GET /101/snapshot"] and not kept.kept and held() == []


def test_a_ledger_that_takes_too_long(server: Server, hosts: SymcliHook, clock: Clock) -> None:
    """Whoever finds what was kept waits as long as its request may still come."""

    def slow() -> None:
        clock.now += INTENT.seconds + 1

    kept = Kept()
    with pytest.raises(Stale, match="21 s have passed since its intent was kept"):
        hosts.run(run(replace(CHANGE, before_send=kept.before(slow))))
    assert server.sent == [] and not kept.kept and held() == []


def other_service() -> tuple[SymcliHook, Scope]:
    name = next(name for name in CONFIG.services if name != SCOPE.name)
    return SymcliHook(), Scope(name, CONFIG.services[name], CONFIG.symcli)


def test_while_others_change_the_source_group_it_waits(
    server: Server, hosts: SymcliHook, clock: Clock
) -> None:
    others, scope = other_service()
    with others:
        newest(others, token(5, "c"), scope)
        assert others.fence is not None
        others._aside(slots.take(others.fence, CHANGE))
        assert held() == [f"{ARRAY} 5 {scope.name}", f"{SOURCE} 5 {scope.name}"]

        def passes(seconds: float) -> None:
            clock.pause(seconds)
            if len(clock.pauses) == 3:
                others._give_back(CHANGE)

        hosts.pause = passes
        intents: list[float] = []
        kept = Kept().before(lambda: intents.append(clock.now))
        assert hosts.run(run(replace(CHANGE, before_send=kept))).exit_code == 201
        assert intents == [1000, 1002, 1004, 1006], "it is kept anew each time"
    assert clock.pauses == [2, 2, 2] and held() == []


def test_it_does_not_wait_for_ever(server: Server, hosts: SymcliHook, clock: Clock) -> None:
    others, scope = other_service()
    kept = Kept()
    with others:
        newest(others, token(5, "c"), scope)
        assert others.fence is not None
        others._aside(slots.take(others.fence, CHANGE))
        with pytest.raises(Locked, match=f"all slots of {SOURCE} are taken: {scope.name}, for"):
            hosts.run(run(replace(CHANGE, before_send=kept.before())))
    assert server.sent == [] and not kept.kept and ended(hosts) == "it was not sent"
    assert sum(clock.pauses) == SLOT_TURN.seconds
    assert held() == [f"{ARRAY} 5 {scope.name}", f"{SOURCE} 5 {scope.name}"]


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("down", Unknown, "symcli_demo cannot be reached"),
        ("cut_after", Unknown, "it is not known whether this try is the newest"),
    ],
)
def test_the_host_with_the_lock_does_not_answer(
    lab: Any, server: Server, hosts: SymcliHook, kind: str, error: type[CloneError], says: str
) -> None:
    hosts._hang_up()
    lab.fault(kind, host=CONTROL, **({"match": "slots"} if kind != "down" else {}))
    kept = Kept()
    with pytest.raises(error, match=says):
        hosts.run(run(replace(CHANGE, before_send=kept.before())))
    assert server.sent == [] and not kept.kept


def test_without_the_lock_nothing_is_changed(server: Server) -> None:
    with SymcliHook(must_fence=True) as hosts:
        with pytest.raises(Refused, match="this task does not hold the service's lock"):
            hosts.run(run(CHANGE))
        assert hosts.run(run(LOOK)).exit_code == 201
    assert server.sent == ["GET /101/snapshot"]


def test_a_server_that_cannot_be_reached_takes_no_slot(server: Server, hosts: SymcliHook, lab: Any) -> None:
    hosts.run(run(LOOK))
    before = len(lab.commands())
    server.close()
    kept = Kept()
    with pytest.raises(Unknown, match=r"uni cannot be reached .* Nothing was sent"):
        hosts.run(run(replace(CHANGE, before_send=kept.before())))
    assert len(lab.commands()) == before and not kept.kept


@pytest.mark.parametrize("name", ["aastmphpux", "lnxpp01", "aixpp01", "sunpp01", "symcli_families"])
def test_the_shells_of_all_systems_take_slots_and_give_them_back(
    lab: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with Lab(ROOT / "lab" / "families.yaml", directory=tmp_path / "families") as families:
        connect(monkeypatch, families.connections)
        fence = Fence("one", token(1), {name: "/var/tmp/s/fences/one"})
        wanted = replace(CHANGE, fence_host=name)
        with SymcliHook() as hosts:
            made = Command(name, ("mkdir", "-p", f"/var/tmp/s/fences/one/{fence.token}"))
            assert hosts.run(run(made)).exit_code == 0
            listed = run(Command(name, ("/bin/sh", "-c", "echo /var/tmp/s/slots/*/*")))
            hosts.fence = fence
            hosts._aside(slots.take(fence, wanted))
            assert hosts.run(listed).stdout.count("@one@") == 2
            hosts._give_back(wanted)
            listed = run(Command(name, ("/bin/sh", "-c", "echo /var/tmp/s/slots/*/*")))
            assert "@one@" not in hosts.run(listed).stdout
            with pytest.raises(Fenced):
                hosts._aside(slots.take(replace(fence, token=token(2)), wanted))


def test_a_procedure_may_pause(server: Server, hosts: SymcliHook, clock: Clock) -> None:
    def steps() -> Steps[None]:
        yield from run(LOOK)
        yield from pause(3, "Until it shows")
        yield from run(LOOK)

    hosts.run(steps())
    assert clock.pauses == [3]


STANDS_STILL = """
import os, signal, sys
from pathlib import Path
from hooks import clock
from hooks.driver import Driver
from clones.asking.fence import Fence, Token
from clones.asking.steps import run
from clones.errors import CloneError
from hooks.symcli import SymcliHook
from tests.hooks.test_changes import CHANGE, CONTROL, SCOPE
from clones.asking.fence import folder

later, send = Path(sys.argv[1]), Driver._send
awake = clock.awake
clock.awake = lambda: awake() + float(later.read_text() or 0)

def stop(hook, opened):
    os.kill(os.getpid(), signal.SIGSTOP)
    return send(hook, opened)

Driver._send = stop
with SymcliHook(look_limit=120, must_fence=True) as hosts:
    hosts.fence = Fence(SCOPE.name, Token(1, "a" * 16), {CONTROL: folder(SCOPE.symcli.work_dir, SCOPE.name)})
    try:
        print("came back", hosts.run(run(CHANGE)).exit_code, file=sys.stderr)
    except CloneError as error:
        print(type(error).__name__, error, file=sys.stderr)
"""


@pytest.mark.over_ssh
@pytest.mark.parametrize("seconds", [60, 0])
def test_a_worker_that_is_stopped_between_check_and_request(
    server: Server, tmp_path: Path, seconds: int
) -> None:
    """Real signals to a real process: a newer try takes over meanwhile.

    What remains is a worker that stands still for less than `CHECKED`: its request arrives. So whoever takes
    over waits that long before it looks.
    """
    later = tmp_path / "later"
    later.write_text("0")
    with SymcliHook() as first:
        newest(first, token(1))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}
    words = [sys.executable, "-c", STANDS_STILL, str(later)]
    with subprocess.Popen(words, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as worker:
        try:
            _, status = os.waitpid(worker.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            assert held() == HELD and server.sent == []
            with SymcliHook() as newer:
                newest(newer, token(2, "b"))
            later.write_text(str(seconds))
            os.kill(worker.pid, signal.SIGCONT)
            _, said = worker.communicate(timeout=60)
        finally:
            worker.kill()
    if seconds:
        assert server.sent == [] and "Stale" in said and "was not sent to uni: 6" in said
    else:
        assert server.sent == ["POST /101/snapshot"] and "came back 201" in said
    assert held() == []
