"""A gate before a host's shell: what it refuses is answered and journaled, and nothing of it is run.

Which lines it refuses is the gate's own affair: a stand-in of a few lines judges here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab import ConfigError, Lab, LabError
from lab.config import load
from lab.direct import DirectLab
from lab.rights.gate import Gate, GateError
from tests.lab.test_server import connect

POLICY = """\
symclone-gate 1
host symcli_demo
made 2026-01-05T10:00:00Z
of 5a5a
remedy copy%20it%20to%20/etc/policy
look /bin/date
block 0 30 /a until 2026-02-01T00:00:00Z
blocks
for /a until 2026-02-01T00:00:00Z
"""
JUDGE = r"""#!/usr/bin/perl
$/ = $\ = "\0"; $| = 1;
die "policy?" unless $ARGV[0] eq "--judge" && -s $ARGV[1];
while (<STDIN>) {
    chomp;
    exit 3 if /die/;
    print(/^(?:\/bin\/date|\/bin\/sh -c)\b/ ? "accept" : /odd/ ? "perhaps" : "refuse: no rule for $_");
}
"""
END = "until 2026-02-01T00:00:00Z"
TOGETHER = 'while test $# -gt 0; do sh -c "$1"; echo "s $?"; shift; done'
ANSWER = (
    "symclone-gate: refused: no rule for {}; policy of 2026-01-05T10:00:00Z (5a5a): copy it to /etc/policy\n"
)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    program = tmp_path / "judge"
    program.write_text(JUDGE)
    program.chmod(0o755)
    config = load().model_dump()
    config["hosts"][0]["gate"] = {"policy": POLICY, "program": str(program)}
    return config


@pytest.fixture
def direct(config: dict[str, Any]) -> Iterator[DirectLab]:
    lab = DirectLab(load(config))
    yield lab
    lab.close()


def test_what_it_refuses_is_not_run(direct: DirectLab) -> None:
    line = "/bin/mkdir /tmp/made é"
    reply = direct.execute("symcli_demo", line, 1)
    assert (reply.exit, reply.stdout, reply.stderr) == (119, "", ANSWER.format(line))
    entry = direct.commands()[-1]
    assert (entry["exit"], entry["calls"], entry["refused"]) == (119, [], f"no rule for {line}")
    assert "/tmp/made" not in direct.host("symcli_demo").directories


def test_what_it_lets_through_is_run(direct: DirectLab) -> None:
    assert direct.execute("symcli_demo", "/bin/date +%s", 1).exit == 0
    assert "refused" not in direct.commands()[-1]
    assert direct.execute("aastmphpux", "/bin/uname", 2).exit == 0


def test_it_says_what_policy_it_has(direct: DirectLab) -> None:
    reply = direct.execute("symcli_demo", "symclone-gate policy", 1)
    assert reply.stdout.splitlines() == [*POLICY.splitlines()[:4], END]
    assert direct.execute("aastmphpux", "symclone-gate policy", 1).exit == 127


def test_another_policy_can_be_put_in_place_and_the_gate_taken_away(direct: DirectLab) -> None:
    host = direct.host("symcli_demo")
    host.gate(POLICY.replace("5a5a", "6b6b"))
    assert "6b6b" in direct.execute("symcli_demo", "/bin/uname", 1).stderr
    host.gate(None)
    assert direct.execute("symcli_demo", "/bin/uname", 1).exit == 0


def test_lines_that_go_together_are_judged_each_by_itself(direct: DirectLab) -> None:
    words = ["/bin/sh", "-c", TOGETHER, "together", "/bin/date +%s", "/bin/uname", "symclone-gate policy"]
    reply = direct.execute("symcli_demo", shlex.join(words), 1)
    assert reply.exit == 0
    assert reply.stderr == ANSWER.format("/bin/uname")
    assert reply.stdout.splitlines()[1:] == ["s 0", "s 119", *POLICY.splitlines()[:4], END, "s 0"]
    assert [e.get("refused") for e in direct.commands()[-3:]] == [None, "no rule for /bin/uname", None]


def test_a_gate_without_a_verdict_is_a_fault_of_the_lab(config: dict[str, Any]) -> None:
    gate = Gate(POLICY, Path(config["hosts"][0]["gate"]["program"]))
    with pytest.raises(GateError, match="perhaps"):
        gate.why_refused("odd")
    with pytest.raises(GateError, match="has ended"):
        gate.why_refused("die")
    assert gate.why_refused("/bin/date") is None, "the next one is judged by a new process"


async def test_over_ssh(config: dict[str, Any], tmp_path: Path) -> None:
    with Lab(config, directory=tmp_path / "lab", clock="manual") as lab:
        async with connect(lab, "symcli_demo") as connection:
            refused = await connection.run("/bin/uname", stdin=asyncssh.DEVNULL)
            run = await connection.run("/bin/date +%s", stdin=asyncssh.DEVNULL)
    assert (refused.exit_status, refused.stderr) == (119, ANSWER.format("/bin/uname"))
    assert run.exit_status == 0


def test_a_policy_has_a_form() -> None:
    config = load().model_dump()
    config["hosts"][0]["gate"] = {"policy": "look /bin/date\n"}
    with pytest.raises(ConfigError, match="a policy begins with"):
        load(config)


def test_rights_that_nobody_asks_for_cannot_be_changed() -> None:
    with Lab(clock="manual", ports=False) as lab, pytest.raises(LabError, match="give them in the config"):
        lab.host("lnxpp01").rights(sudo="")
