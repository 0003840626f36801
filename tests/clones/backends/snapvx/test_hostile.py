"""Whatever a server answers, and whatever a file says: a path holds only what is known to be safe."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from clones.asking.steps import Request, Result
from clones.backends.snapvx import requests
from clones.backends.snapvx.answers import job_of
from clones.backends.snapvx.observe import look
from clones.config import Sync
from clones.errors import CloneError
from tests.clones.backends.snapvx.written_unisphere import NOON, SOURCE, TARGET, Unisphere, drive, scope

PATH = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9_.{}-]+)+")
"""Of parts that no server or proxy takes for anything else."""
HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["..", ".", "a/../b", "a?b=c", "a#b", "%2e%2e", "a\r\nb", "a b", "\u202e", "*", ""]),
)


def asked(request: Request) -> None:
    assert PATH.fullmatch(request.path), request.path
    assert all(part.isprintable() for pair in request.query for part in pair)


@given(HOSTILE)
@example("..")
def test_a_group_of_the_configuration(name: str) -> None:
    sync = {
        "name": "data", "backend": "snapvx", "symid": "000297600001", "source_group": name,
        "target_group": "target", "pairs": ["00A10:00B10"],
    }  # fmt: skip
    try:
        made = Sync.model_validate(sync)
    except ValidationError:
        return
    of = scope()
    for request in (requests.list_snapshots(of, made), requests.take_snapshot(of, made, "SA_x")):
        asked(request)
    asked(requests.list_volumes(of, made, name))


@given(st.one_of(HOSTILE, st.integers(), st.none(), st.lists(st.text())))
@example("../../x")
def test_a_job_that_a_server_names(job: Any) -> None:
    of = scope()
    sync = of.service.syncs[0]
    result = Result(
        requests.take_snapshot(of, sync, "SA_x"), 202, json.dumps({"jobId": job, "status": "RUNNING"})
    )
    try:
        found = job_of(result)
    except CloneError:
        return
    if found:
        asked(requests.show_job(of, sync, found))


@given(st.lists(HOSTILE, max_size=5))
@example([".."])
@example(["."])
def test_snapshots_that_a_server_names(names: list[str]) -> None:
    of, made = scope(), Unisphere()
    for name in names:
        made.add(name, NOON)
    theirs = made.add("weekly", NOON)  # so that all of them are read, to find whose link it is
    theirs.links[made.groups[TARGET][0]] = made.groups[SOURCE][0], TARGET, 100, NOON
    sent: list[Request] = []
    steps = look(of, of.service.syncs[0], {}, group=True)

    def watched() -> Any:
        reply: Any = None
        while True:
            try:
                it = steps.send(reply)
            except StopIteration as end:
                return end.value
            sent.extend(one for one in getattr(it, "commands", [it]) if isinstance(one, Request))
            reply = yield it

    with suppress(CloneError, KeyError):
        drive(watched(), made)
    assert sent
    for request in sent:
        asked(request)


@pytest.mark.parametrize("name", ["..", "."])
def test_a_part_that_climbs_is_none(name: str) -> None:
    assert not PATH.fullmatch(f"/a/{name}/b")
