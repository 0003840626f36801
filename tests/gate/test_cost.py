"""What a line may cost: whoever has a key can send any line, as often as he likes."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from clones.act.lock import TAKE_OVER
from clones.asking.one_trip import SCRIPT
from clones.policy.make import make
from clones.services_yaml.file import read
from tests.clones.policy.test_apart import MADE, ONE
from tests.gate.judging import GATE

SECONDS = 30
"""A thousand times what it takes: no line is tried in more ways than it has words."""


def said(line: str, folder: Path) -> bytes:
    path = folder / "policy"
    path.write_text(make("control", read(ONE % ("erp", "[/opt/x]"), "services.yaml"), {}, MADE).text)
    words = ["perl", "-T", GATE, "--judge", path]
    return subprocess.run(words, input=line.encode() + b"\0", stdout=subprocess.PIPE, timeout=SECONDS).stdout


def test_a_name_with_many_signs_that_part_names(tmp_path: Path) -> None:
    locks, many = "/var/tmp/symclone-airflow/locks/erp", "a" + "@a" * 125
    line = shlex.join(["/bin/sh", "-c", TAKE_OVER, "lock", locks, many, f"{many}!"])
    assert said(line, tmp_path) == b"refuse: nothing that this policy has\0"


def test_looks_that_go_together_have_a_number(tmp_path: Path) -> None:
    def together(count: int) -> str:
        return shlex.join(["/bin/sh", "-c", SCRIPT, "together", "4f1e", *["symclone-gate policy"] * count])

    assert said(together(1_000), tmp_path) == b"accept\0"
    assert said(together(1_001), tmp_path) == b"refuse: more than 1000 looks that go together\0"
