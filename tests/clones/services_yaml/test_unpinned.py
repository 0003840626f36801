"""Whether a file has names that are not pinned: true when in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from clones.services_yaml.unpinned import may_be_unpinned
from tests.conftest import ROOT

SERVICE = """
services:
  one:
    control_host: ctl
    sync_max_delay: 60
    resources: [{ip: {ipname: 192.168.40.17, ipdev: "lan900:1", netmask: 24}}]
    syncs: [SYNC]
"""


@pytest.mark.parametrize(
    ("sync", "unpinned"),
    [
        ('{name: data, symid: "1", pairs: ["1234:4321"]}', False),
        ("{name: data, symdg: DG, pairs: [DEV001=1234:CLONE001=4321]}", False),
        ("{name: data, symdg: DG, pairs: [DEV001:CLONE001]}", True),
        ("{name: data, symdg: DG, pairs: [DEV001=1234:CLONE001]}", True),
        ("{name: data, symdg: DG, pairs: [DEV001=1234:CLONE001=4321, DEV002:CLONE002=4322]}", True),
        ("{name: data, symdg: DG, pairs: [1234:4321]}", True),
        (r'{name: data, "symd\x67": DG, pairs: ["DEV001:CLONE001"]}', True),
        (r'{name: data, symdg: DG, pairs: ["DEV001\u003d1234:CLONE001\u003d4321"]}', False),
        ("{name: data, symdg: DG, targets: {a: [D1=1234:C1=4321], b: [D1=1234:C2=4322]}}", False),
        ("{name: data, symdg: DG, targets: {a: [D1=1234:C1=4321], b: [D1=1234:C2]}}", True),
        ("{name: data, symdg: DG, pairs: [{source: DEV001, target: CLONE001}]}", True),
        ("{name: data, symdg: DG}", False),
        ("symdg", True),
        ("{name: data, symdg: DG, pairs: [A=1234:B=4321], name: twice}", True),
    ],
)
def test_of_a_sync(sync: str, unpinned: bool) -> None:
    assert may_be_unpinned(SERVICE.replace("SYNC", sync)) is unpinned


def test_of_what_is_merged_in() -> None:
    text = SERVICE.replace("SYNC", "{<<: *same, name: data}")
    assert may_be_unpinned(f"x: &same {{symdg: DG, pairs: [A:B]}}\n{text}")


@pytest.mark.parametrize("path", [ROOT / "config/services.yaml", *(ROOT / "docs/examples").glob("*.yaml")])
def test_the_examples_are_pinned(path: Path) -> None:
    assert not may_be_unpinned(path.read_text())
