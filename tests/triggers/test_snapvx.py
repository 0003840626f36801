"""Waits for SnapVX copies: one round of looks an array and interval, of each copy one request."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from airflow.triggers.base import TaskSuccessEvent

import triggers.watch
from clones.asking.steps import Request
from clones.config import Service, Symcli
from clones.config.scope import Scope
from clones.errors import Refused, Unknown
from tests.triggers.conftest import Site
from tests.triggers.server import Server, Servers, SnapCopy, short
from triggers.symclone import SymcloneStateTrigger

SYMIDS = [f"00029760000{number}" for number in range(1, 5)]


class Arrays:
    """Waits on arrays, each behind a server of its own; set `n` is on array `n` modulo their number."""

    def __init__(self, site: Site, count: int = 1) -> None:
        self.site = site
        self.servers = [Server(f"unisphere_{number}", site.now) for number in range(count)]
        self.hook = Servers(*self.servers)
        site.hosts._servers = self.hook  # type: ignore[assignment]

    def server(self, number: int) -> Server:
        return self.servers[number % len(self.servers)]

    def copy(self, number: int) -> SnapCopy:
        """A set of one pair that copies."""
        pairs = [(2 * number, 2 * number + 1)]
        symid = SYMIDS[number % len(self.servers)]
        copy = SnapCopy(f"service{number}", f"src{number}", f"tgt{number}", pairs, symid)
        copy.take(1000 + number)
        return self.server(number).add(copy)

    def trigger(self, number: int, *, known: bool = True, **arguments: Any) -> SymcloneStateTrigger:
        """A wait for that set, as a triggerer makes it from what is stored.

        :param known: the snapshot was seen before the wait began.
        """
        copy = self.server(number).copies[f"src{number}"]
        ends = {short(end): end for pair in copy.pairs for end in pair}
        service = Service.model_validate(
            {
                "control_host": "lock",
                "unisphere": self.server(number).name,
                "sync_max_delay": 60,
                "resources": [],
                "unattended": True,
                "syncs": [
                    {
                        "name": "data",
                        "backend": "snapvx",
                        "symid": SYMIDS[number % len(self.servers)],
                        "source_group": copy.source_group,
                        "target_group": copy.target_group,
                        "pairs": [f"{short(source)}:{short(target)}" for source, target in copy.pairs],
                    }
                ],
            }
        )
        place = {
            "symid": SYMIDS[number % len(self.servers)],
            "devices": ends,
            "snapshots": {copy.linked: copy.snapshots[copy.linked]},
        }
        made = SymcloneStateTrigger(
            **{
                "scope": Scope(copy.service, service, Symcli()).to_plain(),
                "sync": "data",
                "wanted": "copied",
                "deadline": (
                    self.site.now() + timedelta(seconds=arguments.pop("seconds", 36_000))
                ).isoformat(),
                "poll_interval": 10.0,
                "poll_max": 10.0,
                "ends_task": True,
                **(place if known else {}),
                **arguments,
            }
        )
        return SymcloneStateTrigger(**made.serialize()[1])

    def copied_after(self, seconds: float, *numbers: int) -> None:
        """Let these sets, or all, be copied from then on."""

        def move() -> None:
            if self.site.loop.time() >= seconds:
                for server in self.servers:
                    for copy in server.copies.values():
                        if not numbers or int(copy.service.removeprefix("service")) in numbers:
                            copy.percent = 100

        for server in self.servers:
            server.move = move


@pytest.fixture
def arrays(site: Site) -> Arrays:
    return Arrays(site)


def reached(events: list[Any]) -> bool:
    return all(isinstance(event, TaskSuccessEvent) for event in events)


def of_last(path: str) -> str:
    return path.split("/storagegroup/")[1]


def test_a_thousand_waits_on_four_arrays(site: Site) -> None:
    """One request a set and interval, five at a time: a round of 250 takes five seconds here."""
    arrays = Arrays(site, 4)
    for number in range(1000):
        arrays.copy(number)
    waits = [arrays.trigger(number) for number in range(1000)]
    assert len({wait.shared_stream_key() for wait in waits}) == 4
    tasks = site.start(*waits)
    site.run(asyncio.sleep(99))
    assert not any(task.done() for task in tasks)
    for server in arrays.servers:
        asked = Counter(request.path for request in server.asked)
        assert len(asked) == 250 and server.most == 5
        rounds = set(asked.values())
        assert max(rounds) - min(rounds) <= 1 and max(rounds) <= 9
    arrays.copied_after(100)
    site.run(asyncio.wait(tasks))
    assert reached([task.result() for task in tasks])
    assert arrays.hook.users == 0 and not triggers.watch._WATCHES[site.loop]


def test_a_sync_is_asked_for_once_however_many_wait_for_it(arrays: Arrays, site: Site) -> None:
    for number in range(3):
        arrays.copy(number)
    arrays.copied_after(35)
    assert reached(site.all(*(arrays.trigger(number) for number in range(3) for _ in range(40))))
    (server,) = arrays.servers
    assert len(server.asked) == 3 * 4 and len(server.rounds) == 4


def test_what_is_linked_is_found_where_it_is_not_known(arrays: Arrays, site: Site) -> None:
    """A list, a number and the snapshot at first; then the snapshot alone."""
    arrays.copy(1)
    arrays.copied_after(35)
    assert reached(site.all(arrays.trigger(1, known=False)))
    (server,) = arrays.servers
    assert [len(of_last(request.path).split("/")) for request in server.asked] == [2, 4, 5, 5, 5, 5]


def test_another_snapshot_is_linked_by_now(arrays: Arrays, site: Site) -> None:
    """By an earlier try that came through, for instance: the hint is wrong, and what is linked counts."""
    copy = arrays.copy(1)
    wait = arrays.trigger(1)
    newer = copy.take(2000, site.now())
    arrays.copied_after(15)
    (event,) = site.all(wait)
    assert isinstance(event, TaskSuccessEvent)
    (server,) = arrays.servers
    assert of_last(server.asked[-1].path) == f"src1/snapshot/{newer}/snapid/2000"


def test_a_restarted_triggerer_goes_on_with_what_is_stored(arrays: Arrays, site: Site) -> None:
    arrays.copy(1)
    arrays.copied_after(95)
    wait = arrays.trigger(1)
    (stopped,) = site.start(wait)
    site.run(asyncio.sleep(30))
    stopped.cancel()
    site.run(asyncio.sleep(20))
    assert isinstance(site.all(SymcloneStateTrigger(**wait.serialize()[1]))[0], TaskSuccessEvent)
    assert len({request.path for request in arrays.servers[0].asked}) == 1


def test_a_wait_that_was_stored_before_there_were_snapshots_goes_on(site: Site) -> None:
    site.pair(1, "Copied")
    where, stored = site.trigger(1).serialize()
    stored.pop("snapshots", None)
    for sync in stored["scope"]["service"]["syncs"]:
        for name in ("backend", "source_group", "target_group", "copy", "keep", "time_to_live"):
            sync.pop(name, None)
    stored["scope"]["service"].pop("unisphere", None)
    assert where == "triggers.symclone.SymcloneStateTrigger"
    assert reached(site.all(SymcloneStateTrigger(**stored)))


@pytest.mark.parametrize(
    "said",
    [
        (None, ""),
        (500, '{"message": "odd"}'),
        (502, "<html>"),
        (503, ""),
        (200, "<html>"),
        (200, "{}"),
        (404, '{"message": "Symmetrix cannot be found"}'),
        (404, '{"message": "Cannot find it"}'),
    ],
    ids=str,
)
def test_not_knowing_is_no_end(arrays: Arrays, site: Site, said: tuple[int | None, str]) -> None:
    for number in range(8):
        arrays.copy(number)
    (server,) = arrays.servers
    server.others = lambda request: said if site.loop.time() < 600 else None
    arrays.copied_after(10)
    assert reached(site.all(*(arrays.trigger(number) for number in range(8))))
    assert 600 <= site.loop.time() < 960


def test_a_server_that_gives_no_answer_is_asked_for_few_and_ever_more_seldom(
    arrays: Arrays, site: Site
) -> None:
    for number in range(50):
        arrays.copy(number)
    (server,) = arrays.servers
    server.others = lambda request: (None, "") if site.loop.time() < 2000 else None
    arrays.copied_after(2000)
    assert reached(site.all(*(arrays.trigger(number) for number in range(50))))
    silent = [at for at in server.rounds if at < 2000]
    assert len(silent) < 20, "the first five answer for all"


def test_one_snapshot_that_cannot_be_read_waits_alone(arrays: Arrays, site: Site) -> None:
    for number in range(8):
        arrays.copy(number)
    (server,) = arrays.servers
    arrays.copied_after(0)
    server.others = lambda request: (
        (500, '{"message": "odd"}') if "/src5/" in request.path and site.loop.time() < 100 else None
    )
    tasks = site.start(*(arrays.trigger(number) for number in range(8)))
    site.run(asyncio.sleep(15))
    assert [task.done() for task in tasks] == [True] * 5 + [False] + [True] * 2
    site.run(asyncio.wait(tasks))
    assert reached([task.result() for task in tasks])


def test_a_login_that_is_refused_ends_a_wait_only_when_it_stays(arrays: Arrays, site: Site) -> None:
    """401 in the middle: the next look asks first whether the user is let in."""
    arrays.copy(1)
    (server,) = arrays.servers
    arrays.copied_after(0)
    server.others = lambda request: (401, "") if site.loop.time() < 15 else None
    server.down = lambda: Refused("The user is not let in.") if 15 < site.loop.time() < 300 else None
    assert reached(site.all(arrays.trigger(1)))
    began = site.loop.time()
    server.down = lambda: Refused("The user is not let in.")
    (event,) = site.all(arrays.trigger(1))
    assert event.payload == {"status": "refused", "message": "The user is not let in."}
    assert 600 <= site.loop.time() - began < 1000


def test_time_is_up_also_when_the_server_is_down(arrays: Arrays, site: Site) -> None:
    arrays.copy(1)
    arrays.servers[0].down = lambda: Unknown("It is down.")
    (event,) = site.all(arrays.trigger(1, seconds=1000))
    assert event.payload["status"] == "late" and "It is down." in event.payload["message"]
    assert "Unisphere" in event.payload["look"]


def test_a_target_that_somebody_has_linked_elsewhere_ends_the_wait(arrays: Arrays, site: Site) -> None:
    copy = arrays.copy(1)
    wait = arrays.trigger(1)
    copy.linked = ""
    (event,) = site.all(wait)
    assert event.payload["status"] == "refused"


def test_no_link_is_asked_for_once_more(arrays: Arrays, site: Site) -> None:
    """A server that was just started may show an array before it shows what there is on it."""
    arrays.copy(1)
    arrays.copied_after(0)
    (server,) = arrays.servers
    blind = [True]

    def others(request: Request) -> tuple[int, str] | None:
        if not blind or "/system/" in request.path:
            return None
        if request.path.endswith("/tgt1"):
            blind.clear()
            return 200, '{"name": "tgt1", "numDevicesNonGk": 1, "isLinkTarget": false}'
        return (200, '{"name": []}') if request.path.endswith("/snapshot") else (404, '{"message": "none"}')

    server.others = others
    assert reached(site.all(arrays.trigger(1)))
    assert not blind and len(server.rounds) >= 2


def test_what_is_seen_at_the_end_is_kept(arrays: Arrays, site: Site) -> None:
    copy = arrays.copy(1)
    arrays.copied_after(0)
    (event,) = site.all(arrays.trigger(1))
    assert isinstance(event, TaskSuccessEvent) and event.xcoms is not None
    seen = event.xcoms["seen"]
    assert seen["snapshots"] == copy.snapshots
    assert [pair["state"] for pair in seen["pairs"]] == ["Copied"]
    assert seen["pairs"][0]["last_action"] == "2026-03-01T01:00:00"
