"""Accounts that are not root: what sudo lets them do, and what programs answer them otherwise."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import ConfigError
from lab.config import load
from lab.rights import others, sudoers
from tests.lab.conftest import Bench
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parent / "cases" / "sudoers.yaml").read_text())
VGS = "/usr/sbin/vgs --noheadings -o vg_name vg_ppdata"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_sudoers(case: dict[str, Any]) -> None:
    rules = sudoers.parse(case["rules"])
    for expected, asked in ((True, case.get("yes", [])), (False, case.get("no", []))):
        for line in asked:
            assert rules.asks_nothing("refresh", shlex.split(line)) is expected, line


@pytest.mark.parametrize("line", ["nonsense", "refresh ALL=(root) NOPASSWD: vgs", "=x"])
def test_what_is_no_sudoers_file_is_said(line: str) -> None:
    with pytest.raises(sudoers.SudoersError):
        sudoers.parse(line)


def test_a_command_keeps_of_the_environment_what_it_may() -> None:
    rules = sudoers.parse(
        'Defaults!/usr/symcli/bin/symclone env_keep += "SYMCLI_OFFLINE SYMCLI_CTL_*"\n'
        "Defaults:refresh env_keep += A"
    )
    given = {"SYMCLI_OFFLINE": "1", "SYMCLI_CTL_X": "2", "A": "3", "B": "4"}
    kept = rules.environment("refresh", ["/usr/symcli/bin/symclone", "list"], given)
    assert {n: kept.get(n) for n in given} == {**given, "B": None}
    assert set(given) & set(rules.environment("other", ["/bin/ls"], given)) == set()


DOAS = """\
# why
permit nopass refresh as root cmd /usr/sbin/vgs args --noheadings -o vg_name vg1
permit nopass setenv { SYMCLI_X=1 } refresh as root cmd /usr/symcli/bin/symclone args list
permit refresh as root cmd /bin/asks
permit nopass refresh as oracle cmd /bin/other
permit nopass refresh cmd /bin/any
deny refresh cmd /bin/any args x
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/usr/sbin/vgs --noheadings -o vg_name vg1", True),
        ("/usr/sbin/vgs --noheadings -o vg_name vg2", None),
        ("/usr/symcli/bin/symclone list", True),
        ("/bin/asks", False),
        ("/bin/other", None),
        ("/bin/any y", True),
        ("/bin/any x", None),
    ],
)
def test_doas(line: str, expected: bool | None) -> None:
    assert others.doas(DOAS, "refresh", shlex.split(line)) is expected
    assert others.doas(DOAS, "somebody", shlex.split(line)) is None


def test_pfexec_knows_paths_and_pbrun_words() -> None:
    profile = "Symclone:solaris:cmd:::/usr/sbin/mount:uid=0\nSymclone:solaris:cmd:::/bin/a:\n"
    assert [others.pfexec(profile, [p, "x"]) for p in ("/usr/sbin/mount", "/bin/a", "/bin/b")] == [
        True,
        False,
        False,
    ]
    words = "/usr/sbin/mount -F ufs /dev/dsk/c?t0d0s6 /pp   # why\n"
    assert others.pbrun(words, ["/usr/sbin/mount", "-F", "ufs", "/dev/dsk/c1t0d0s6", "/pp"])
    assert not others.pbrun(words, ["/usr/sbin/mount", "-F", "ufs", "/dev/dsk/c1t0d0s6", "/pp", "x"])


@pytest.fixture
def limited(make_bench: Callable[..., Bench]) -> Iterator[Callable[..., Bench]]:
    def make(**rights: Any) -> Bench:
        config = load().model_dump()
        for host in config["hosts"]:
            host |= {"login": "refresh", "rights": rights}
        return make_bench(config)

    yield make


LINUX = [
    ("/usr/sbin/vgs", 5, "non-root user"),
    ("/usr/bin/umount /pp/data", 32, "umount: /pp/data: must be superuser to unmount."),
    ("/usr/bin/mount -t xfs /dev/a /pp/data", 32, "mount: /pp/data: must be superuser to use mount."),
    ("/usr/sbin/blockdev --getbsz /dev/dm-0", 1, "blockdev: cannot open /dev/dm-0: Permission denied"),
    ("/usr/sbin/ip addr del 192.168.40.17/24 dev eth0", 2, "RTNETLINK answers: Operation not permitted"),
]


@pytest.mark.parametrize(("line", "code", "said"), LINUX, ids=[line for line, *_ in LINUX])
async def test_what_needs_root_is_refused_and_changes_nothing(
    limited: Callable[..., Bench], line: str, code: int, said: str
) -> None:
    bench = limited(sudo="refresh ALL=(root) NOPASSWD: /bin/nothing")
    before = bench.world.host("lnxpp01").state()
    status, _, err = await bench.run("lnxpp01", line)
    assert (status, said in err) == (code, True), err
    assert await bench.run("lnxpp01", f"/usr/bin/sudo -n {line}") == (1, "", "sudo: a password is required\n")
    assert bench.world.host("lnxpp01").state() == before


@pytest.mark.parametrize("line", ["/usr/bin/mount", "/usr/sbin/ip -o addr show", "/bin/cat /proc/mounts"])
async def test_what_everybody_may_see(limited: Callable[..., Bench], line: str) -> None:
    status, out, err = await limited().run("lnxpp01", line)
    assert (status, err) == (0, "") and out


async def test_sudo_runs_what_a_rule_allows(limited: Callable[..., Bench]) -> None:
    bench = limited(sudo=f"refresh ALL=(root) NOPASSWD: {VGS}")
    status, out, err = await bench.run("lnxpp01", f"/usr/bin/sudo -n {VGS}")
    assert (status, out.strip(), err) == (0, "vg_ppdata", "")
    assert await bench.run("lnxpp01", f"/usr/bin/sudo -n -l {VGS}") == (0, f"{VGS}\n", "")
    assert await bench.run("lnxpp01", "/usr/bin/sudo -n -l /usr/sbin/vgs") == (1, "", "")
    assert (await bench.run("lnxpp01", "/usr/bin/sudo -n /bin/none"))[
        2
    ] == "sudo: /bin/none: command not found\n"
    calls = [call["words"][0] for call in bench.journal.entries[1]["calls"]]
    assert calls == ["/usr/bin/sudo", "/usr/sbin/vgs"]


async def test_a_list_of_processes_shows_sudo_and_what_it_runs(limited: Callable[..., Bench]) -> None:
    """Tried with sudo 1.9.13 without a terminal: both are root's."""
    bench = limited(sudo="refresh ALL=(root) NOPASSWD: /bin/sh -c /bin/ps\\ -ef")
    _, out, _ = await bench.run("lnxpp01", "/usr/bin/sudo -n /bin/sh -c '/bin/ps -ef'")
    shown = [(row.split()[0], row.split(None, 7)[7]) for row in out.splitlines()[1:]]
    assert shown[-3:] == [
        ("root", "/usr/bin/sudo -n /bin/sh -c /bin/ps -ef"),
        ("root", "/bin/sh -c /bin/ps -ef"),
        ("root", "/bin/ps -ef"),
    ]


async def test_without_root_nobody_else_is_seen(limited: Callable[..., Bench]) -> None:
    """The answer is the same as when nobody is there: what asks it must be root."""
    fuser = "/usr/bin/fuser -m /pp/data"
    bench = limited(sudo=f"refresh ALL=(root) NOPASSWD: {fuser}")
    assert await bench.run("lnxpp01", fuser) == (1, "", "")
    assert (await bench.run("lnxpp01", f"/usr/bin/sudo -n {fuser}"))[0] == 0
    on_hpux = "/usr/sbin/fuser -cu /aaststcvi"
    bench.world.host("aastmphpux").occupy("/aaststcvi")  # type: ignore[attr-defined]
    assert (await bench.run("aastmphpux", on_hpux))[1] == ""


async def test_doas_pfexec_and_pbrun(limited: Callable[..., Bench]) -> None:
    bench = limited(
        doas="permit nopass refresh as root cmd /usr/sbin/vgs",
        pfexec="Symclone:solaris:cmd:::/usr/sbin/vgs:uid=0",
        pbrun="/usr/sbin/vgs",
        root_only=["/usr/symcli/bin/sym*"],
    )
    for words in ("/usr/bin/doas -n", "/usr/bin/pfexec", "/usr/local/bin/pbrun"):
        assert (await bench.run("lnxpp01", f"{words} /usr/sbin/vgs"))[0] == 0
    dmsetup = "/usr/sbin/dmsetup info -c"
    assert await bench.run("lnxpp01", f"/usr/bin/doas -n {dmsetup}") == (
        1,
        "",
        "doas: Operation not permitted\n",
    )
    assert "open failed: Permission denied" in (await bench.run("lnxpp01", f"/usr/bin/pfexec {dmsetup}"))[2]
    assert (await bench.run("lnxpp01", f"/usr/local/bin/pbrun {dmsetup}"))[0] == 1
    assert (await bench.run("lnxpp01", "/usr/bin/sudo -n /usr/sbin/vgs"))[0] == 127
    symdg = "/usr/symcli/bin/symdg list"
    assert await bench.run("symcli_demo", symdg) == (1, "", "symdg: only root may run this\n")
    assert (await bench.run("symcli_demo", f"/usr/bin/doas -n {symdg}"))[0] == 1


def test_rights_are_of_an_account_that_is_not_root() -> None:
    config = load().model_dump()
    config["hosts"][1] |= {"login": "root", "rights": {}}
    with pytest.raises(ConfigError, match="rights are of an account that is not root"):
        load(config)
