"""A policy that was not copied whole: `--check` says so, whatever part of it is missing."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from clones.policy.make import make
from clones.services_yaml.file import read
from tests.conftest import SERVICES
from tests.gate.judging import GATE

POLICY = make(
    "lnxpp01", read(SERVICES.read_text(), "services.yaml"), {}, datetime(2026, 1, 5, tzinfo=UTC)
).text


def faults(policy: str, folder: Path) -> str:
    path = folder / "policy"
    path.write_text(policy)
    done = subprocess.run(["perl", "-T", GATE, "--check", path], capture_output=True, text=True, check=False)
    assert done.stderr == "" and (done.returncode == 0) == (done.stdout == ""), done
    return done.stdout


def test_a_policy_is_whole_or_said_to_be_cut_off(tmp_path: Path) -> None:
    assert faults(POLICY, tmp_path) == ""
    ends = [at for at, sign in enumerate(POLICY) if sign == "\n"][::5]
    cuts = {POLICY[:at] for end in ends for at in (end - 1, end, end + 1)} - {POLICY}
    assert len(cuts) > 40 and [cut for cut in cuts if not faults(cut, tmp_path)] == []
