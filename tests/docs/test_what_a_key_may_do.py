"""What the page about security says of a stolen key and of a changed services.yaml: the gate judges it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clones.asking.fence import RUN
from clones.config import Config
from clones.policy.catalogue import fences, sent_to
from clones.policy.make import make
from clones.policy.sent import TOKEN, Kind, Part, Sent
from clones.services_yaml.file import read
from tests.conftest import SERVICES
from tests.gate.judging import Judge, judge

CONTROL_HOST, SERVICE_HOST = "symcli_demo", "lnxpp01"
WRITTEN = SERVICES.read_text()
MADE = datetime(2026, 1, 5, tzinfo=UTC)


def config(*changes: tuple[str, str]) -> Config:
    """That of the repository, with each text in the place of another one."""
    text = WRITTEN
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return read(text, "services.yaml")


def lines(connection: str, of: Config, *parts: Part, kinds: tuple[Kind, ...] = (Kind.CHANGE,)) -> set[bytes]:
    """What is sent there, as it comes over the wire: a key can send a token of its own first."""
    folders = {one.service: one.folder for one in fences(connection, of)}

    def line(sent: Sent) -> bytes:
        words = sent.command.words
        if sent.kind is Kind.CHANGE:
            words = ("/bin/sh", "-c", RUN, "fence", folders[sent.service], TOKEN, *words)
        return shlex.join(words).encode()

    return {line(one) for one in sent_to(connection, of) if one.part in parts and one.kind in kinds}


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[dict[str, Judge]]:
    """The gates of both hosts, with the policies of that services.yaml."""
    with ExitStack() as stack:
        found = {}
        for connection in (CONTROL_HOST, SERVICE_HOST):
            path = tmp_path / connection
            path.write_text(make(connection, config(), {}, MADE).text)
            found[connection] = stack.enter_context(judge(path))
        yield found


def recreates(some: set[bytes]) -> set[bytes]:
    return {line for line in some if re.search(rb"symclone .* recreate\b", line)}


def test_listed_targets_can_be_overwritten_while_they_are_in_use(gates: dict[str, Judge]) -> None:
    """No word of a recreate says whether anybody uses the target: the gate cannot ask."""
    some = recreates(lines(CONTROL_HOST, config(), Part.NORMAL))
    assert len(some) >= 5 and all(gates[CONTROL_HOST].accepts(line) for line in some)


def test_a_listed_service_can_be_stopped_and_started(gates: dict[str, Judge]) -> None:
    some = lines(SERVICE_HOST, config(), Part.NORMAL)
    assert len(some) > 10 and all(gates[SERVICE_HOST].accepts(line) for line in some)


def test_a_try_that_works_can_be_blocked_and_its_lock_taken(gates: dict[str, Judge]) -> None:
    some = lines(CONTROL_HOST, config(), Part.NORMAL, kinds=(Kind.BARE,))
    assert some and all(gates[CONTROL_HOST].accepts(line) for line in some)


def test_nothing_that_needs_an_approval(gates: dict[str, Judge]) -> None:
    some = lines(
        CONTROL_HOST, config(), *(part for part in Part if part is not Part.NORMAL), kinds=tuple(Kind)
    )
    assert len(some) > 10 and not any(gates[CONTROL_HOST].accepts(line) for line in some)


def test_no_change_without_the_fence(gates: dict[str, Judge]) -> None:
    for connection, gate in gates.items():
        changes = [one for one in sent_to(connection, config()) if one.kind is Kind.CHANGE]
        assert changes and not any(gate.accepts(shlex.join(one.command.words).encode()) for one in changes)


@pytest.mark.parametrize(
    ("connection", "change"),
    [
        (CONTROL_HOST, ("01A10:01AB4", "01A10:01AB7")),  # another target
        (CONTROL_HOST, ("01A10:01AB4", "01A14:01AB4")),  # another source
        (CONTROL_HOST, ("01A10:01AB4", "01AB4:01A10")),  # the other way round
        (CONTROL_HOST, ('"000297600001"\n        pairs: ["01A12', '"000297600002"\n        pairs: ["01A12')),
        (SERVICE_HOST, ("mnt: /pp/data", "mnt: /etc")),
        (SERVICE_HOST, ("/dev/vg_ppdata/lv_data", "/dev/sda1")),
        (SERVICE_HOST, ("ipname: 192.168.40.17", "ipname: 192.168.40.18")),
        (SERVICE_HOST, ("start: [/opt/pp/bin/ppctl, start]", "start: [/bin/sh, -c, id]")),
        (
            SERVICE_HOST,
            (
                "    sync_max_delay: 11520\n",
                "    sync_max_delay: 11520\n    before_stop: [{name: x, command: [/bin/id]}]\n",
            ),
        ),
    ],
    ids=lambda value: value[1].strip() if isinstance(value, tuple) else value,
)
def test_a_changed_services_yaml_opens_no_gate(
    gates: dict[str, Judge], connection: str, change: tuple[str, str]
) -> None:
    every = tuple(Part)
    new = lines(connection, config(change), *every) - lines(connection, config(), *every)
    assert new and not any(gates[connection].accepts(line) for line in new)


def test_guards_that_were_taken_out_are_not_missed_by_a_gate(
    gates: dict[str, Judge],
) -> None:
    start = WRITTEN.index("    hosts:\n      - connection: lnxpp01")
    end = WRITTEN.index("    syncs:", start)
    blind = config((WRITTEN[start:end], "    resources: []\n    unattended: true\n"))
    some = recreates(lines(CONTROL_HOST, blind, Part.NORMAL))
    assert some and all(gates[CONTROL_HOST].accepts(line) for line in some)
