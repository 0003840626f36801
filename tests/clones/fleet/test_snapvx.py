"""The look at SnapVX copies: a few requests a sync; a server that is silent hides nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from clones.asking.steps import Finished, Note, Request, Together, answer
from clones.config import Service, Symcli
from clones.decide.freshness import Status
from clones.errors import CloneError, Unknown
from clones.fleet.changes import follow
from clones.fleet.look import Hints, Looked, look
from clones.fleet.pair_rows import known_snapshots
from clones.fleet.status import ServiceStatus, judge, to_plain
from tests.triggers.server import BEGAN, Server, SnapCopy, short

NOW = datetime(2026, 3, 1, 1, 20, tzinfo=UTC)


class Site:
    """Services on servers; :attr:`sizes` are the numbers of requests that were asked together."""

    def __init__(self, *names: str) -> None:
        self.servers = {name: Server(name, lambda: NOW) for name in names}
        self.services: dict[str, Service] = {}
        self.sizes: list[int] = []

    def add(self, name: str, server: str, number: int, former: int = 0) -> SnapCopy:
        """A service of one sync that is copied, with so many former snapshots."""
        copy = SnapCopy(name, f"src_{name}", f"tgt_{name}", [(2 * number, 2 * number + 1)], "000297600001")
        for one in range(former, -1, -1):
            copy.take(100 * number + one, BEGAN.replace(day=1, minute=10 - one))
        copy.percent = 100
        self.servers[server].add(copy)
        self.services[name] = Service.model_validate(
            {
                "control_host": "lock",
                "unisphere": server,
                "sync_max_delay": 60,
                "resources": [],
                "unattended": True,
                "syncs": [
                    {
                        "name": "data",
                        "backend": "snapvx",
                        "symid": "000297600001",
                        "source_group": copy.source_group,
                        "target_group": copy.target_group,
                        "pairs": [f"{short(source)}:{short(target)}" for source, target in copy.pairs],
                    }
                ],
            }
        )
        return copy

    def look(self, hints: Hints = MappingProxyType({})) -> dict[str, Looked]:
        """By service, as a sweep sees it."""
        steps = look(self.services, Symcli(), hints)
        asked = answer(steps)
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                asked = answer(steps)
                continue
            requests = asked.commands if isinstance(asked, Together) else (asked,)
            self.sizes.append(len(requests))
            assert all(isinstance(one, Request) and one.method == "GET" for one in requests)
            server = self.servers[requests[0].host]
            error = server.down()
            if error is not None:
                server.connects += 1
                asked = answer(steps, error=error)
                continue
            results = [server.result(one) for one in requests if isinstance(one, Request)]
            asked = answer(steps, results if isinstance(asked, Together) else results[0])
        return {one.service: one for one in asked.value}

    def judged(self) -> dict[str, ServiceStatus]:
        return {one.name: one for one in judge(self.services, list(self.look().values()))}


def raises(error: CloneError) -> Callable[[], CloneError | None]:
    return lambda: error


def test_a_copy_is_up_by_the_snapshot_that_it_is_linked_to() -> None:
    site = Site("one")
    copy = site.add("a", "one", 1)
    (found,) = site.judged().values()
    assert found.status is Status.UP
    (sync,) = found.syncs
    assert sync.last_action == datetime(2026, 3, 1, 1, 10) and sync.age is not None
    assert sync.age.total_seconds() == 600
    assert sync.kept is not None and [row[0] for row in sync.kept] == [copy.linked]


def test_at_most_five_requests_at_once_and_three_a_sync() -> None:
    site = Site("one")
    for number in range(23):
        site.add(f"s{number}", "one", number + 1)
    assert all(one.seen for one in site.look().values())
    assert max(site.sizes) <= 5 and sum(site.sizes) == 3 * 23


@pytest.mark.parametrize(
    "silent",
    [
        {"down": raises(Unknown("It cannot be reached."))},
        {"others": lambda request: (None, "")},
        {"others": lambda request: (503, "<html>")},
        {"others": lambda request: (401, "")},
    ],
    ids=["not reached", "no answer", "a proxy's answer", "not let in"],
)
def test_a_server_that_is_silent_hides_nobody_else_s_copies(silent: dict[str, Any]) -> None:
    site = Site("one", "two")
    for number in range(30):
        site.add(f"s{number}", ("one", "two")[number % 2], number + 1)
    for name, value in silent.items():
        setattr(site.servers["one"], name, value)
    found = site.judged()
    for number in range(30):
        wanted = (Status.UNKNOWN, Status.UP)[number % 2]
        assert found[f"s{number}"].status is wanted, found[f"s{number}"].why
    assert len(site.servers["one"].asked) <= 5 and site.servers["one"].connects <= 1


def test_one_sync_that_cannot_be_read_is_unknown_alone() -> None:
    site = Site("one")
    for number in range(7):
        site.add(f"s{number}", "one", number + 1)
    site.servers["one"].others = lambda request: (200, "[]") if "/src_s3/" in request.path else None
    assert [one.error is None for one in site.look().values()] == [n != 3 for n in range(7)]


def test_what_is_kept_is_shown_and_what_is_known_is_not_lost() -> None:
    """The snapshot of the copy, and as many former ones as are kept for a rewind, with when they expire."""
    site = Site("one")
    copy = site.add("a", "one", 1, former=1)
    (service,) = site.judged().values()
    linked, former = sorted(copy.snapshots, reverse=True)
    rows = to_plain(service)["syncs"][0]["kept"]  # type: ignore[index]
    assert rows == [
        {
            "name": linked,
            "snapid": 100,
            "at": "2026-03-01T01:10:00+00:00",
            "linked": True,
            "expires": "2026-03-08T01:00:00+00:00",
        },
        {
            "name": former,
            "snapid": 101,
            "at": "2026-03-01T01:09:00+00:00",
            "linked": False,
            "expires": "2026-03-08T01:00:00+00:00",
        },
    ]
    record, _ = follow(None, service, NOW)
    assert [row[0] for row in record["syncs"]["data"]["kept"]] == [linked, former]
    site.servers["one"].others = lambda request: (None, "")
    (unknown,) = site.judged().values()
    record, _ = follow(record, unknown, NOW)
    assert [row[1] for row in record["syncs"]["data"]["kept"]] == [100, 101]


def test_what_was_seen_before_spares_questions_and_decides_nothing() -> None:
    site = Site("one")
    copies = [site.add(f"s{number}", "one", number + 1, former=1) for number in range(4)]
    (found,) = {
        tuple(sorted(one.seen.snapshots)) for one in site.look().values() if one.seen and one.service == "s0"
    }
    assert found
    records = {name: follow(None, one, NOW)[0] for name, one in site.judged().items()}
    hints = {name: known_snapshots(record) for name, record in records.items()}
    site.servers["one"].asked.clear()
    site.sizes.clear()
    seen = site.look(hints)
    assert len(site.servers["one"].asked) == 4 * 3 and max(site.sizes) <= 5
    assert all(one.seen and len(one.seen.kept) == 2 for one in seen.values())
    newer = copies[2].take(9000, NOW)
    copies[2].percent = 100
    again = site.look(hints)["s2"].seen
    assert again is not None and again.kept[0].name == newer and again.kept[0].linked


def test_no_advice_names_another_back_end_s_programs() -> None:
    site = Site("one")
    copy = site.add("a", "one", 1)
    site.servers["one"].copies["src_a"].pairs = [(2, 3)]
    copy.linked = ""
    (gone,) = site.judged().values()
    assert gone.status is Status.DOWN and "symdev" not in f"{gone.why}{gone.press}"
