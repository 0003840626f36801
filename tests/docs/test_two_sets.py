"""The page about two target sets: what it tells to write is read, and is the same service on set a."""

from __future__ import annotations

import re

from clones.config import Service
from clones.services_yaml.file import read
from tests.conftest import ROOT, TWO_SETS

PAGE = (ROOT / "docs" / "how-to" / "two-sets.md").read_text()
HEAD = """services:
  pp:
    control_host: ctl
    sync_max_delay: 60
"""
HOST = "    hosts: [{connection: lnxpp01, family: linux}]\n"


def shown() -> list[str]:
    """What the page shows of services.yaml, in its order."""
    return re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def service(part: str, hosts: str = HOST) -> Service:
    return read(f"{HEAD}{hosts}{part}", "services.yaml").services["pp"]


def test_what_is_there_becomes_the_first_set() -> None:
    _, before, after = shown()
    old, new = service(before), service(after)
    assert (old.sets, new.sets) == ((), ("a", "b"))
    assert new.on("a").syncs == old.syncs
    apart = {"same_host_as_source": True, "same_host_as_copies": True}  # the host sees the copy of set b, too
    groups = [(one.vg, other.vg) for one, other in zip(new.on("a").resources, old.resources, strict=True)]
    assert all(now.model_dump() == was.model_dump() | apart for now, was in groups if now and was)


def test_with_a_host_for_each_set_nothing_else_need_differ() -> None:
    hosts, _, after = shown()
    alike = re.sub(r"\n *by_set:.*", "", after)
    assert "by_set" not in alike
    found = service(alike, hosts.replace("sunos", "linux"))
    assert [one.vg.name for one in found.own_of("b").resources if one.vg] == ["vg_pp"]


def test_the_example_is_read() -> None:
    services = read(TWO_SETS.read_text(), str(TWO_SETS)).services
    assert {one.sets for one in services.values()} == {("a", "b")}
    assert "(../examples/two_sets.yaml)" in PAGE
