from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.shell.words import split
from tests.support.tables import load_yaml

CASES: list[dict[str, Any]] = load_yaml((Path(__file__).parent / "cases" / "shell.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["command"][:50] or "nothing")
async def test_case(bench: Any, case: dict[str, Any]) -> None:
    status, out, err = await bench.run("symcli01", case["command"], case.get("stdin", ""))
    assert (status, out) == (case.get("exit", 0), case.get("stdout", "")), err
    if "err" in case:
        assert case["err"] in err
    else:
        assert err == case.get("stderr", "")
    files = bench.world.host("symcli01").files
    for path, text in case.get("files", {}).items():
        assert files.read(path) == text
    for path in case.get("directories", []):
        assert files.is_directory(path)
    for path in case.get("gone", []):
        assert not files.exists(path)


async def test_modes_follow_umask_and_m(bench: Any) -> None:
    await bench.run("symcli01", "umask 027; mkdir /tmp/a; mkdir -m 700 /tmp/b; echo x > /tmp/c")
    nodes = bench.world.host("symcli01").files.nodes
    assert [nodes[f"/tmp/{n}"].mode for n in "abc"] == [0o750, 0o700, 0o640]


async def test_hosts_do_not_share_files(bench: Any) -> None:
    await bench.run("symcli01", "mkdir /tmp/lock")
    assert (await bench.run("lnxpp01", "test -e /tmp/lock"))[0] == 1


async def test_a_program_that_was_removed_is_not_found(bench: Any) -> None:
    host = bench.world.host("lnxpp01")
    assert (await bench.run("lnxpp01", "test -x /opt/pp/bin/ppctl && /opt/pp/bin/ppctl status"))[0] == 0
    host.files.remove_tree("/opt/pp/bin/ppctl", "root")
    assert (await bench.run("lnxpp01", "test -x /opt/pp/bin/ppctl"))[0] == 1
    assert (await bench.run("lnxpp01", "/opt/pp/bin/ppctl status"))[0] == 127
    assert (await bench.run("symcli01", "rm /usr/symcli/bin/symclone"))[0] == 1, "not the account's to remove"


@pytest.mark.parametrize(
    "before", ["/bin/sh -c 'exec \"$@\"' name", "env A=b", "/bin/sh -c 'exec env A=b \"$@\"' name"]
)
async def test_a_process_that_becomes_another_program_is_listed_as_that_alone(
    bench: Any, before: str
) -> None:
    _, listed, _ = await bench.run("symcli01", f"{before} /usr/bin/ps -ef")
    assert [row.split()[7:] for row in listed.splitlines()[2:]] == [["/usr/bin/ps", "-ef"]]
    _, listed, _ = await bench.run("symcli01", "/bin/sh -c '/usr/bin/ps -ef; true'")
    assert len(listed.splitlines()) == 4, "a shell that goes on is listed beside it"
    assert not bench.world.host("symcli01").running


async def test_hpux_words_its_complaints_its_own_way(bench: Any) -> None:
    assert await bench.run("aastmphpux", "nosuch") == (127, "", "sh: nosuch:  not found.\n")
    _, _, err = await bench.run("aastmphpux", "mkdir /tmp/l; mkdir /tmp/l")
    assert err == "mkdir: cannot create /tmp/l: File exists\n"


async def test_date_in_the_zone_of_the_host(make_bench: Any) -> None:
    from lab.config import load

    config = load().model_dump()
    config["hosts"][0]["timezone"] = "Europe/Paris"
    assert (await make_bench(config).run("symcli01", "date"))[1] == "Mon Jan  5 11:00:00 CET 2026\n"


@given(st.text("ab;#\0\v\u2003 \t\r\n'\"\\"))
def test_a_line_falls_into_the_words_of_shlex(line: str) -> None:
    def outcome(of: Callable[[str], list[str]]) -> list[str] | str:
        try:
            return of(line)
        except ValueError as error:
            return str(error)

    assert outcome(split) == outcome(shlex.split)
