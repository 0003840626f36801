"""Names and words of a site that could let a rule mean more than its own, or a policy mean nothing."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clones.policy.make import make
from clones.services_yaml.file import read
from tests.gate.judging import GATE

MADE = datetime(2026, 1, 5, tzinfo=UTC)
TWO = """
services:
  erp-test:
    control_host: control
    schedule: none
    sync_max_delay: 480
    resources: []
    unattended: true
    syncs:
      - {name: data, symid: "000190101234", pairs: ["00A1:00B1"]}
  erp:
    control_host: control
    schedule: none
    sync_max_delay: 480
    hosts: [{connection: erp1, family: linux}]
    resources:
      - vg: {name: a, devices: [/dev/mapper/a], by_set: {data: {name: b, devices: [/dev/mapper/b]}}}
    syncs:
      - {name: test, symid: "000190107777", targets: {a: ["0C01:0D01"], data: ["0C01:0E01"]}}
"""
ONE = """
services:
  %s:
    control_host: control
    schedule: none
    sync_max_delay: 480
    hosts: [{connection: erp1, family: linux}]
    resources:
      - vg: {name: erp, devices: [/dev/mapper/erp]}
      - app: {name: erp, start: [/opt/erp, start], stop: [/opt/erp, stop], check: %s}
    syncs:
      - {name: data, symid: "000190101234", pairs: ["00A1:00B1"]}
"""


def policy(text: str, connection: str) -> str:
    return make(connection, read(text, "services.yaml"), {}, MADE).text


def test_a_sync_does_not_get_the_pairs_of_one_whose_name_reads_alike() -> None:
    """Service erp-test, sync data; and service erp, sync test, set data: other arrays, so other disks."""
    sets = [row.split()[1:] for row in policy(TWO, "control").splitlines() if row.startswith("set pairs")]
    assert sorted(pairs for _, *pairs in sets) == [["00A1%2000B1"], ["0C01%200D01"], ["0C01%200E01"]]


@pytest.mark.parametrize("check", ['[/opt/x, -g, "my group"]', "[/opt/x, -g]", '[/opt/x, -sid, "%;"]'])
def test_options_of_a_site_are_not_those_of_symcli(check: str, tmp_path: Path) -> None:
    path = tmp_path / "policy"
    path.write_text(policy(ONE % ("erp", check), "erp1"))
    done = subprocess.run(["perl", "-T", GATE, "--check", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("service", ["dm", "sd"])
def test_a_service_that_is_called_like_a_disk_hides_no_rule(service: str) -> None:
    """What is free in a command, like the name of a disk there, is no part of what a block is found by."""
    head, _, blocks = policy(ONE % (service, "[/opt/erp, check]"), "erp1").partition("\nblocks\n")
    assert "/sys/block/<kname>/slaves" in head and "/sys/block" not in blocks
