"""The check of a site: what is said of what is seen, and that no failure hides or repeats another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Command, Finished, Note, Result, Steps, answer
from clones.config import Config, Host, Ip, Pair, Service, Symcli, SymcliOfHosts
from clones.decide.one_owner import End, ends_of
from clones.errors import Refused, Unknown
from clones.observe.findings import Finding, Level, from_error, summary, table
from clones.observe.host_files import look_at_files
from clones.observe.proof_down import Row
from clones.preflight.check import check
from clones.preflight.rules import judge_devices, judge_pair, judge_pid_files, judge_resource
from clones.resources.linux import IpDriver
from clones.states import PairSeen
from tests.clones.host_answers import answered
from tests.clones.one_by_one import one_by_one
from tests.clones.seeing import seen, sync
from tests.support.tables import load_yaml

HERE = Path(__file__).parents[1] / "cases" / "preflight"
Execute = Callable[[Command], Result]


def cases(name: str) -> list[Any]:
    read = load_yaml((HERE / f"{name}.yaml").read_text())
    return [pytest.param(case, id=case.get("name") or " ".join(case["states"])) for case in read]


@pytest.mark.parametrize("case", cases("pairs"))
@pytest.mark.parametrize("while_copying", [False, True])
def test_pair(case: dict[str, Any], while_copying: bool) -> None:
    shown = seen(*case["states"])
    if not case.get("time_known", True):
        shown = seen(*case["states"], times=[None])
    pair = shown.pairs[0] if case.get("sizes_known", True) else replace(shown.pairs[0], target_size=None)
    if "level" not in case:
        case = {"level": None}
    configured = sync(recreate_while_copying=while_copying)
    found = judge_pair("there", "the_service", configured, shown, pair)
    if pair.wrong:  # whatever else is so, it is not the pair
        assert len(found) == 1
    assert [finding.level for finding in found[:1]] == [level for level in [case["level"]] if level]
    if found:
        assert case["what"] in found[0].what and case["remedy"] in found[0].remedy


@pytest.mark.parametrize("case", cases("resources"))
def test_resource(case: dict[str, Any]) -> None:
    driver = IpDriver(
        Host(connection="lnx", family="linux"), Ip(ipname="192.168.40.17", ipdev="eth0", netmask="24")
    )
    probe = driver.read(answered(driver.probe(), case))
    found = judge_resource("there", Row("lnx", driver.label, probe, driver))
    assert found.level == case["level"] and case["what"] in found.what
    assert bool(found.remedy) == (found.level is not Level.OK)


@pytest.mark.parametrize("case", cases("devices"))
def test_devices(case: dict[str, Any]) -> None:
    ends: list[End] = []
    for number, (symid, *devices) in enumerate(case["pairs"]):
        source, target = (device and int(str(device), 16) for device in devices)
        pair = PairSeen(Pair(source=f"DEV{number}", target=f"CLONE{number}"), source, target, None)
        ends += ends_of(f"s{number}", "", "data", str(symid), [pair])
    checked = case.get("checked", [end.service for end in ends])
    lines = [f"{finding.where}: {finding.what}" for finding in judge_devices(ends, checked)]
    says = case.get("says", [])
    assert len(lines) == len(says)
    assert all(line.startswith(said) for line, said in zip(lines, says, strict=True)), lines


def test_an_error_as_a_finding() -> None:
    found = from_error("service x, sync y", Refused("Service x, sync y: it\n  is so.", "fix it"))
    assert found == Finding(Level.ERROR, "service x, sync y", "it is so.", "fix it")
    assert from_error("host h", Unknown("h is away.\nOnly a look.", ""), needless="Only a look.") == Finding(
        Level.UNKNOWN, "host h", "h is away.", ""
    )


def test_the_table() -> None:
    found = [Finding(Level.OK, "host a", "reached"), Finding(Level.ERROR, "host b", "away", "fix it")]
    assert table(found) == ["OK       host a: reached", "ERROR    host b: away", "         -> fix it"]
    assert summary(found) == "1 error, 0 unknown, 0 warnings, 1 ok"


SITE = """
services:
  one:
    control_host: ctl
    sync_max_delay: 60
    hosts: [{connection: lnx, family: linux}]
    resources:
      - fs: {dev: /dev/dm-4, mnt: /one, type: xfs}
      - ip: {ipname: 192.168.40.17, ipdev: eth0, netmask: 24}
      - app: {name: job, start: [jobctl, start], stop: [/opt/job/stop], check: [/opt/job/check]}
    syncs:
      - {name: data, symid: "000297600001", pairs: ["1000:2000"]}
      - {name: logs, symid: "000297600001", pairs: ["1001:2001"], precopy_timeout: 60}
"""


LEFT_OUT = "not checked, because of the findings for host lnx"


def services() -> dict[str, Service]:
    return Config.model_validate(load_yaml(SITE.replace("24}", '"24"}'))).services


def drive(steps: Steps[list[Finding]], execute: Execute) -> tuple[list[str], list[Command]]:
    """The findings as `LEVEL where: what`, and what was sent."""
    sent: list[Command] = []
    steps = one_by_one(steps)
    asked = answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            asked = answer(steps)
            continue
        sent.append(asked)
        try:
            result = execute(asked)
        except Unknown as error:
            asked = answer(steps, error=error)
        else:
            asked = answer(steps, result)
    return [line for line in table(asked.value) if line[0] != " "], sent


def away(command: Command) -> Result:
    raise Unknown(f"{command.host} cannot be reached. Nothing was sent.", "check that it runs")


def test_no_host_is_there() -> None:
    found, sent = drive(check(services(), Symcli()), away)
    assert found == [
        "UNKNOWN  host ctl: ctl cannot be reached. Nothing was sent.",
        "UNKNOWN  host lnx: lnx cannot be reached. Nothing was sent.",
        "UNKNOWN  service one, sync data, logs: not checked, because of the findings for host ctl",
        "ERROR    service one, resources[0]: fs /one on lnx: /dev/dm-4 is an alias, not what the table of "
        "mounts shows.",
        f"UNKNOWN  service one, resource ip 192.168.40.17, app job: {LEFT_OUT}",
    ]
    assert [command.host for command in sent] == ["ctl", "lnx"]


def test_a_control_host_is_asked_by_its_own_settings() -> None:
    site = SymcliOfHosts.model_validate(
        {"control_hosts": {"ctl": {"bin": "/opt/emc/SYMCLI/bin", "work_dir": "/srv/locks"}}}
    )
    _, sent = drive(check(services(), site), lambda command: Result(command, 7, stderr="no"))
    asked = " ".join(command.line() for command in sent if command.host == "ctl")
    assert "/opt/emc/SYMCLI/bin/symclone" in asked and "/srv/locks" in asked
    assert "/usr/symcli/bin" not in asked and "/var/tmp/symclone-airflow" not in asked


PG = {"name": "pg", "start": ["/db", "start"], "stop": ["/db", "stop"], "check": ["/db", "check"]}
BY_PROBE = {"name": "pg", "start": ["/db"], "stop": ["/db"], "probe": ["/pg_ctl", "status"]}


@pytest.mark.parametrize(
    ("app", "production", "beside", "warned"),
    [
        ({"check": ["/usr/lib/postgresql/15/bin/pg_ctl", "-D", "/c", "status"]}, "lnx", False, True),
        ({"stop": ["/bin/sh", "-c", "exec /usr/bin/pg_ctl -D /c stop"]}, "lnx", False, True),
        ({"stop": ["/usr/bin/pg_ctlcluster", "15", "copy", "stop"]}, None, False, True),
        ({"check": ["/usr/bin/pg_ctl", "-D", "/c", "status"]}, "prod", True, True),
        ({"check": ["/usr/bin/pg_ctl", "-D", "/c", "status"]}, "prod", False, False),
        ({"start": ["/usr/bin/pg_ctl", "-D", "/c", "start"]}, "lnx", False, False),
        ({"check": ["/opt/my_pg_ctls", "status"]}, "lnx", False, False),
    ],
)
def test_a_copied_pid_file_that_is_the_originals(
    app: dict[str, Any], production: str | None, beside: bool, warned: bool
) -> None:
    group = {"name": "vgc", "devices": ["/dev/sdb"], "same_host_as_source": True}
    service = {
        "control_host": "ctl",
        "sync_max_delay": 60,
        "hosts": [{"connection": "lnx", "family": "linux"}],
        "resources": [{"app": {**PG, **app}}, *([{"vg": group}] if beside else [])],
        "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
    }
    if production:
        used = [{"vg": {"name": "vgp"}}]
        hosts = [{"connection": production, "family": "linux"}]
        service["production"] = {"hosts": hosts, "resources": used}
    found = [*judge_pid_files("service one", Service.model_validate(service))]
    assert [one.where for one in found] == (["service one, app pg"] if warned else [])
    assert all(one.level is Level.WARNING and one.remedy.startswith("call it by a script") for one in found)


@pytest.mark.parametrize(
    ("more", "label"),
    [
        ({"before_stop": [{"name": "end", "command": ["/pg_ctl", "stop"]}]}, "hook end (before_stop)"),
        ({"after_start": [{"name": "go", "command": ["/pg_ctl", "promote"]}]}, "hook go (after_start)"),
        ({"before_start": [{"name": "go", "command": ["/pg_ctl", "-D", "/c", "start"]}]}, ""),
        (
            {"down_checks": [{"name": "rep", "connection": "r", "command": ["/pg_ctl", "status"]}]},
            "down_checks rep",
        ),
        ({"resources": [{"command": BY_PROBE}]}, "command pg"),
    ],
)
def test_it_is_so_wherever_the_site_has_a_command(more: dict[str, Any], label: str) -> None:
    service: dict[str, Any] = {
        "control_host": "ctl",
        "sync_max_delay": 60,
        "hosts": [{"connection": "lnx", "family": "linux"}],
        "resources": [{"app": PG}],
        "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
        **more,
    }
    found = [*judge_pid_files("service one", Service.model_validate(service))]
    assert [one.where for one in found] == ([f"service one, {label}"] if label else [])


def test_a_host_that_goes_away_meanwhile() -> None:
    """It is not asked again for each of the things that are still to be seen there."""

    def execute(command: Command) -> Result:
        if command.host == "lnx" and not command.title.startswith("check "):
            return away(command)
        return Result(command, 1, stderr="no")

    found, sent = drive(check(services(), Symcli()), execute)
    assert [line for line in found if "cannot be reached" in line] == [
        "UNKNOWN  service one, ip 192.168.40.17 on lnx: lnx cannot be reached. Nothing was sent."
    ]
    assert found[-1] == f"UNKNOWN  service one, resource app job: {LEFT_OUT}"
    assert len([command for command in sent if command.host == "lnx"]) == 2


def test_every_command_fails() -> None:
    found, sent = drive(check(services(), Symcli()), lambda command: Result(command, 7, stderr="no"))
    assert all(not line.startswith("OK") for line in found)
    assert len(set(sent)) == len(sent), "a command was sent twice"
    assert not any(command.changes for command in sent)
    for point in ("host ctl", "sync data", "sync logs", "ip 192.168.40.17", "host lnx"):
        assert any(point in line for line in found), point


def test_nothing_is_written_to_ask_about_a_precopy() -> None:
    """`symclone verify` of pairs by number needs a file of them on the control host."""

    def execute(command: Command) -> Result:
        line = command.line()
        if "-devs" not in command.words:
            return Result(command, 1)
        number = line.split("-devs ")[1][:4]
        session = f"<SRC><dev_name>{number}</dev_name></SRC><TGT><dev_name>2{number[1:]}</dev_name></TGT>"
        devices = "".join(
            f"<Device><Dev_Info><dev_name>{name}</dev_name></Dev_Info><CLONE_Device><state>PreCopy</state>"
            f"{session}</CLONE_Device></Device>"
            for name in (number, f"2{number[1:]}")
        )
        head = "<Symm_Info><symid>000297600001</symid></Symm_Info>"
        xml = f"<SymCLI_ML><Symmetrix>{head}{devices}</Symmetrix></SymCLI_ML>"
        return Result(command, 0, f"control-host-clock 2026-11-23T12:00:00\n{xml}")

    found, sent = drive(check(services(), Symcli()), execute)
    assert any("sync logs, 1001 -> 2001: the array did not show both sizes" in line for line in found)
    assert not any("verify" in command.words or ".pairs" in command.line() for command in sent)


def test_a_relative_program_is_not_looked_for() -> None:
    def execute(command: Command) -> Result:
        if not command.title.startswith("check "):
            return Result(command, 1)
        paths = command.words[4:]
        assert "jobctl" not in paths
        assert {"/opt/job/check", "/opt/job/stop", "/usr/sbin/ip"} <= set(paths) or command.host == "ctl"
        said = "".join(f"path {n} executable\npath {n} looked at\n" for n in range(len(paths)))
        return Result(command, 0, f"Welcome\nuid 1001\n{said}")

    found, _ = drive(check(services(), Symcli()), execute)
    assert any("`jobctl`, needed for app job, is no absolute path" in line for line in found)
    assert any("the account is not root" in line for line in found)


def test_a_host_that_only_a_hook_names_has_a_folder_for_tokens() -> None:
    """What begins there is fenced; what ends there is not."""
    site = SITE.replace(
        '["1000:2000"]}',
        '["1000:2000"], before_activate: [{name: begin, connection: prod, command: [/b]}],'
        " after_activate: [{name: end, connection: other, command: [/e]}]}",
    )
    loaded = Config.model_validate(load_yaml(site.replace("24}", '"24"}'))).services
    _, sent = drive(check(loaded, Symcli()), lambda command: Result(command, 1))
    looked = [command for command in sent if command.host in ("prod", "other")]
    assert [command.host for command in looked] == ["prod"]
    assert "/var/tmp/symclone-airflow" in looked[0].words


@pytest.mark.parametrize(
    ("exit_code", "stdout"),
    [
        (None, "uid 0\npath 0 executable\npath 0 looked at\n"),
        (1, "uid 0\npath 0 executable\npath 0 looked at\n"),
        (0, "uid 0\npath 0 executable\n"),
        (0, ""),
    ],
)
def test_half_an_answer_about_files_is_none(exit_code: int | None, stdout: str) -> None:
    steps = look_at_files("lnx", ["/opt/job/check"])
    command = answer(steps)
    assert isinstance(command, Command)
    with pytest.raises(Unknown, match="Host lnx"):
        answer(steps, Result(command, exit_code, stdout))


SETS = """
services:
  pp:
    control_host: ctl
    sync_max_delay: 60
    hosts: [{connection: lnx, family: linux}]
    resources:
      - ip: {ipname: 192.168.40.17, ipdev: eth0, netmask: "24"}
      - vg: {name: vga, devices: [/dev/sda], by_set: {b: {name: vgb, devices: [/dev/sdb]}}}
      - fs: {dev: /dev/vga/lv, mnt: /pp, type: xfs, by_set: {b: {dev: /dev/vgb/lv}}}
      - app: {name: job, start: [/opt/job/start], stop: [/opt/job/stop], check: [/opt/job/check]}
    syncs:
      - {name: data, symid: "000297600001", targets: {a: ["1000:2000"], b: ["1000:2001"]}}
"""


def of_each_set(site: str) -> tuple[list[str], list[Command]]:
    """What is said when each look fails: so everything that is looked at is named."""
    loaded = Config.model_validate(load_yaml(site)).services
    return drive(check(loaded, Symcli()), lambda command: Result(command, 7, stderr="no"))


def test_each_target_set_is_looked_at_and_what_they_share_once() -> None:
    found, sent = of_each_set(SETS)
    assert len(set(sent)) == len(sent), "a command was sent twice"
    places = [line.split(": ")[0].split(maxsplit=1)[1] for line in found if "service pp" in line]
    assert [place for place in places if "guard" not in place and "sd" not in place] == [
        "service pp, set a, sync data",
        "service pp, set b, sync data",
        "service pp, set a, vg vga on lnx",
        "service pp, set a, fs /pp on lnx",
        "service pp, set b, vg vgb on lnx",
        "service pp, set b, fs /pp on lnx",
        "service pp, ip 192.168.40.17 on lnx",
        "service pp, app job on lnx",
        "service pp, answer of 192.168.40.17 on lnx",
    ]
    for disk, name in (("sda", "a"), ("sdb", "b")):
        assert f"service pp, set {name}, disk /dev/{disk} on lnx" in places


def test_what_gives_a_copy_identifiers_of_its_own_is_looked_for() -> None:
    """Of two sets on one host, and not of sets with hosts of their own."""
    split = SETS.replace(
        "family: linux}", "family: linux, sets: [a]}, {connection: l2, family: linux, sets: [b]}"
    )
    for site, asked in ((SETS, True), (split, False)):
        _, sent = of_each_set(site)
        looks = [
            command.words
            for command in sent
            if command.host == "lnx" and "/usr/sbin/vgchange" in command.words
        ]
        assert looks and all(("/usr/sbin/vgimportclone" in words) is asked for words in looks)


def test_sets_with_hosts_of_their_own_share_what_is_on_no_sets_disks_on_each_host() -> None:
    found, _ = of_each_set(
        SETS.replace(
            "family: linux}", "family: linux, sets: [a]}, {connection: l2, family: linux, sets: [b]}"
        )
    )
    places = [line.split(": ")[0].split(maxsplit=1)[1] for line in found]
    for place in (
        "service pp, set a, fs /pp on lnx",
        "service pp, set b, fs /pp on l2",
        "service pp, app job on lnx",
        "service pp, app job on l2",
    ):
        assert places.count(place) == 1, places
    assert "service pp, set a, fs /pp on l2" not in places


def test_a_source_of_several_sets_is_no_finding_and_a_target_of_two_is() -> None:
    pair = PairSeen(Pair(source="1000", target="2000"), 0x1000, 0x2000, None)
    other = PairSeen(Pair(source="1000", target="2001"), 0x1000, 0x2001, None)
    shown = {"a": pair, "b": other, "c": pair}

    def judged(*sets: str) -> list[str]:
        ends = [end for one in sets for end in ends_of("s", one, "data", "1", [shown[one]])]
        return [finding.where for finding in judge_devices(ends, ["s"])]

    assert judged("a", "b") == []
    assert judged("a", "b", "c") == ["service s, set a, sync data, 1000 -> 2000"]
