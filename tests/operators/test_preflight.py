"""The check of a whole site against the lab: what each fault is called; and nothing is changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from cli.preflight import exit_code, main
from clones.asking.one_trip import Turns
from clones.asking.steps import Command, Result
from clones.errors import ConfigError, Unknown
from clones.observe.findings import Finding, Level
from hooks.symcli import SymcliHook
from operators.preflight import PreflightOperator
from tests.conftest import ONE_ARRAY, ROOT, SERVICES, SYMID, TWO_SETS, Log, process_list, take_down
from tests.support.loaded import run_program

HOSTS = ("symcli_demo", "aastmphpux", "lnxpp01")
Findings = list[dict[str, str]]
Preflight = Callable[..., Findings]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Every command that is sent from now on."""
    commands: list[Command] = []
    execute = SymcliHook.execute

    def remember(self: SymcliHook, command: Command, turns: Turns | None = None) -> Result:
        commands.extend(turns.commands if turns else (command,))
        return execute(self, command, turns)

    monkeypatch.setattr(SymcliHook, "execute", remember)
    return commands


@pytest.fixture
def preflight(lab: Any, context: dict[str, Any], sent: list[Command]) -> Preflight:
    """The task's findings, of a run that has only looked."""

    def state() -> Any:
        return lab.sessions(), [lab.host(name).describe() for name in HOSTS]

    def run(fails: type[Exception] | None = None, **arguments: Any) -> Findings:
        before = state()
        sent.clear()
        task = PreflightOperator(task_id="check", **arguments)
        if fails is None:
            task.execute(context)  # type: ignore[arg-type]
        else:
            with pytest.raises(fails, match="Preflight: "):
                task.execute(context)  # type: ignore[arg-type]
        assert state() == before
        assert sent and not [command for command in sent if command.changes]
        assert len(set(sent)) == len(sent), "a command was sent twice"
        findings: Findings = context["ti"].xcom["findings"]
        assert all(finding["remedy"] for finding in findings if finding["level"] != "ok")
        return findings

    return run


def grave(findings: Findings) -> list[tuple[str, str, str]]:
    return [(f["level"], f["where"], f["what"]) for f in findings if f["level"] in ("error", "unknown")]


def config(tmp_path: Path, *changes: tuple[str, str]) -> str:
    """The demo's services.yaml with some of its text replaced."""
    text = SERVICES.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "services.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.on_each_array
def test_the_demo_is_fit(lab: Any, preflight: Preflight, log: Log) -> None:
    findings = preflight()
    assert grave(findings) == []
    # For locks on the control host, and for the tokens of tries on both service hosts.
    assert [f["what"].split(";")[0] for f in findings if f["level"] == "warning"] == [
        "/var/tmp/symclone-airflow is not there yet"
    ] * 3
    whats = [f["what"] for f in findings]
    assert "SYMCLI V10.1.0.0" in whats and "2 pairs on 000297600001, as configured: Copied" in whats
    assert "3 warnings" in log.text and "-> make it yourself" in log.text
    assert len([entry for entry in lab.journal if entry["event"] == "connect"]) == len(HOSTS)


def test_a_service_that_is_down_is_fit_too(lab: Any, preflight: Preflight) -> None:
    take_down(lab)
    findings = preflight(service="aastmphpux")
    assert grave(findings) == []
    assert any(f["what"].startswith("down [exported]") for f in findings)
    assert not any("lnxpp" in f["where"] for f in findings)


@pytest.mark.over_ssh
@ONE_ARRAY
def test_another_host_key(lab: Any, preflight: Preflight, monkeypatch: pytest.MonkeyPatch) -> None:
    """One finding of the host, and what was not looked at for it; all else is looked at."""
    connection = json.loads(json.dumps(lab.connections["symcli_demo"]))
    connection["extra"]["host_key"] = lab.connections["aastmphpux"]["extra"]["host_key"]
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", json.dumps(connection))
    findings = preflight(AirflowFailException)
    assert [(level, where) for level, where, _ in grave(findings)] == [
        ("error", "host symcli_demo"),
        ("unknown", "service aastmphpux, sync data, archivelogs"),
        ("unknown", "service lnxpp, sync data, archivelogs"),
        ("unknown", "service reporting_copies, sync warehouse"),
    ]
    assert "does not show the host key" in grave(findings)[0][2]
    assert any(f["where"] == "service lnxpp, fs /pp/data on lnxpp01" for f in findings)


@ONE_ARRAY
def test_no_connection_is_defined(lab: Any, preflight: Preflight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_LNXPP01")
    findings = preflight(AirflowFailException)
    found = grave(findings)
    assert [(level, where) for level, where, _ in found] == [
        ("error", "host lnxpp01"),
        (
            "unknown",
            "service lnxpp, resource ip 192.168.40.17, vg vg_ppdata, vg vg_pparch, fs /pp/data, fs /pp/arch, "
            "app pp",
        ),
    ]
    assert "lnxpp01 cannot be used" in found[0][2]


@ONE_ARRAY
def test_a_host_is_down(lab: Any, preflight: Preflight) -> None:
    """It may pass by itself: not an error, but not success either."""
    lab.fault("down", host="aastmphpux")
    findings = preflight(Unknown)
    assert [level for level, _, _ in grave(findings)] == ["unknown", "unknown"]
    assert "aastmphpux cannot be reached over SSH" in grave(findings)[0][2]


def test_several_things_that_are_wrong_with_copies(lab: Any, preflight: Preflight, tmp_path: Path) -> None:
    """A group that is not there, an array that is not there, a small target, a pair without session."""
    path = config(
        tmp_path,
        ("symdg: DGCVIARCH", "symdg: DGNONE"),
        ('symid: "000297600001"\n        pairs: ["01A12', 'symid: "000297600009"\n        pairs: ["01A12'),
        ("DEV001=1234:CLONE001=4321", "DEV001=1234:CLONE001=4399"),
        ('"DEV001=1236:CLONE001=4323"', '"DEV001=1236:CLONE001"'),
    )
    lab.remove_session(SYMID, "1236", "4323")
    findings = preflight(AirflowFailException, config=path)
    found = grave(findings)
    assert [(level, where) for level, where, _ in found] == [
        ("error", "host symcli_demo"),
        ("error", "service aastmphpux, sync data, DEV001 -> CLONE001 (1234 -> 4321)"),
        ("error", "service aastmphpux, sync archivelogs"),
        ("error", "service lnxpp, sync archivelogs"),
        ("error", "service reporting_copies, sync warehouse, DEV001 -> CLONE001 (1236 -> 4323)"),
        ("error", "Airflow"),  # no pool for an array that nobody knows
    ]
    parts = (
        "array 000297600009 of lnxpp is not known there",
        "not for the configured 4399",
        "device group DGNONE",
        "000297600009",
        "no session",
        "pool symclone_array_000297600009",
    )
    for (_, _, what), part in zip(found, parts, strict=True):
        assert part in what
    remedies = [f["remedy"] for f in findings if f["level"] == "error"]
    assert "symcfg discover" in remedies[0] and "symdg list" in remedies[2]
    assert "reporting_copies_provision" in remedies[4]


@ONE_ARRAY
def test_a_target_that_is_too_small(lab: Any, preflight: Preflight, tmp_path: Path) -> None:
    lab.remove_session(SYMID, "1234", "4321")
    lab.remove_session(SYMID, "1236", "4323")
    path = config(
        tmp_path,
        ('symdg: DGCVI\n        pairs: ["DEV001=1234:CLONE001=4321"]', 'pairs: ["1234:4323"]'),
        ('"DEV001=1236:CLONE001=4323", ', ""),
    )
    found = grave(preflight(AirflowFailException, config=path))
    assert [where for _, where, _ in found] == ["service aastmphpux, sync data, 1234 -> 4323"]
    assert "holds 10240 MB, less than the source's 20480 MB" in found[0][2]


@ONE_ARRAY
def test_a_device_of_two_services(lab: Any, preflight: Preflight, tmp_path: Path) -> None:
    """By logical names alone it does not show in the configuration."""
    path = config(
        tmp_path,
        ('pairs: ["DEV001=1235:CLONE001=4322"]', 'pairs: ["DEV001:CLONE001"]'),
        ('symdg: DGREP\n        pairs: ["DEV001=1236:CLONE001=4323", ', 'pairs: ["1235:4322", '),
        ('"DEV002=1237:CLONE002=4324"', '"1237:4324"'),
    )
    found = grave(preflight(AirflowFailException, config=path))
    assert [where for _, where, _ in found] == [
        "service aastmphpux, sync archivelogs, DEV001 -> CLONE001 (1235 -> 4322)"
    ]
    assert "is also target of service reporting_copies, sync warehouse, 1235 -> 4322" in found[0][2]


@pytest.mark.root_login("sudo says of each once more that it is not there")
@ONE_ARRAY
def test_programs_that_are_missing(lab: Any, preflight: Preflight) -> None:
    for host, path in (
        ("symcli_demo", "/usr/symcli/bin/symclone"),
        ("aastmphpux", "/usr/sbin/vgimport"),
        ("lnxpp01", "/opt/pp/bin/ppctl"),
    ):
        lab.host(host).remove_file(path)
    found = grave(preflight(AirflowFailException))
    assert [(where, what) for level, where, what in found if level == "error"] == [
        ("host symcli_demo", "the account finds no program /usr/symcli/bin/symclone"),
        ("host aastmphpux", "the account finds no program /usr/sbin/vgimport, needed for vg vgCVI"),
        ("host lnxpp01", "the account finds no program /opt/pp/bin/ppctl, needed for app pp"),
    ]
    unknown = [where for level, where, _ in found if level == "unknown"]
    assert unknown == [
        "service aastmphpux, sync data, archivelogs",
        "service lnxpp, sync data, archivelogs",
        "service lnxpp, app pp on lnxpp01",
        "service reporting_copies, sync warehouse",
    ]


@pytest.mark.root_login("preflight asks sudo about the same command")
@ONE_ARRAY
def test_answers_that_do_not_tell(lab: Any, preflight: Preflight) -> None:
    lab.fault("exit", host="symcli_demo", match="ps -ef", exit=1, stderr="ps: not permitted")
    lab.fault("silent", host="symcli_demo", match="/symcli$")
    lab.fault("lock", host="symcli_demo", match="symcfg", exit=19)
    lab.fault("cut_before", host="symcli_demo", match="symdg -g DGCVI ", count=1)
    lab.fault("exit", host="lnxpp01", match="dmsetup info", exit=1, stderr="open failed")
    found = grave(preflight(AirflowFailException))
    assert [(level, where) for level, where, _ in found] == [
        ("unknown", "host symcli_demo"),
        ("unknown", "host symcli_demo"),
        ("error", "host symcli_demo"),
        ("unknown", "service aastmphpux, sync data"),
        ("unknown", "service lnxpp, vg vg_ppdata on lnxpp01"),
        ("unknown", "service lnxpp, vg vg_pparch on lnxpp01"),
    ]


def test_a_control_command_that_runs_now(lab: Any, preflight: Preflight) -> None:
    command = "/usr/symcli/bin/symclone -g DGCVI -noprompt recreate -i 20 -c 30 DEV001 sym ld CLONE001"
    lab.fault("exit", host="symcli_demo", match="ps -ef", exit=0, stdout=process_list(command))
    findings = preflight()
    assert any(f["level"] == "warning" and command.split("/bin/")[1][8:] in f["what"] for f in findings)


@ONE_ARRAY
def test_a_folder_for_locks_that_cannot_be_written(lab: Any, preflight: Preflight, tmp_path: Path) -> None:
    path = config(tmp_path, ("services:\n", "symcli: {work_dir: /etc/symclone/airflow}\nservices:\n"))
    assert "cannot write to /etc, " in grave(preflight(AirflowFailException, config=path))[0][2]


@ONE_ARRAY
def test_a_folder_for_tokens_that_cannot_be_written(lab: Any, preflight: Preflight, tmp_path: Path) -> None:
    """Of a service host: without it no task of the service stops or starts anything."""
    host = "      - connection: lnxpp01\n"
    path = config(tmp_path, (host, f"{host}        work_dir: /var/tmp/tokens\n"))
    lab.host("lnxpp01").write_file("/var/tmp/tokens", "a file")
    assert grave(preflight(AirflowFailException, config=path)) == [
        (
            "error",
            "host lnxpp01",
            "the account cannot write to /var/tmp/tokens, where the tokens of tries are to be: "
            "/var/tmp/tokens",
        )
    ]


def test_a_configuration_that_cannot_be_used(context: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wharehouse"):
        PreflightOperator(task_id="check", service="wharehouse").execute(context)  # type: ignore[arg-type]


@pytest.mark.root_login("a process of its own reads services.yaml by itself")
@pytest.mark.over_ssh
@ONE_ARRAY
def test_from_the_command_line(lab: Any) -> None:
    """As `scripts/preflight --json` runs it."""
    lab.fault("down", host="aastmphpux")
    done = subprocess.run(
        [sys.executable, "-m", "cli.preflight", "--service", "aastmphpux", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    shown = json.loads(done.stdout)
    assert done.returncode == shown["code"] == 2
    assert [f["where"] for f in shown["findings"] if f["level"] == "unknown"] == [
        "host aastmphpux",
        "service aastmphpux, resource ip 192.168.32.41, vg vgCVI, fs /aaststcvi",
    ]


SCRIPTS = pytest.mark.parametrize(
    "words", [("cli.preflight",), ("cli.plan", "aastmphpux", "refresh"), ("cli.status",)]
)


@pytest.mark.over_ssh
@ONE_ARRAY
@SCRIPTS
@pytest.mark.parametrize("verbose", [False, True])
def test_a_terminal_shows_what_was_found_and_no_more(lab: Any, words: tuple[str, ...], verbose: bool) -> None:
    """What was sent and came back are hundreds of lines; who wants them asks for them."""
    done = run_program(*words, *(["--verbose"] if verbose else []))
    assert done.returncode == 0 and 5 < len(done.stdout.splitlines()) < 50
    logged = [line for line in done.stderr.splitlines() if "Estimate for sync" not in line]
    assert (len(logged) > 100 and "SSH: " in done.stderr) if verbose else not logged
    if words[0] == "cli.plan":
        assert done.stderr.count("Estimate for sync") == 2


@pytest.mark.over_ssh
@ONE_ARRAY
@SCRIPTS
def test_advice_on_a_command_line_is_about_commands(lab: Any, words: tuple[str, ...]) -> None:
    lab.fault("exit", host="symcli_demo", match="symdg -g|symdev", exit=3, stderr="locked up")
    done = run_program(*words)
    assert done.returncode and "run this command again" in done.stdout
    assert "this task" not in done.stdout and "the retry" not in done.stdout


def test_a_configuration_that_cannot_be_used_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, ("pairs:", "pears:"))
    monkeypatch.setattr(sys, "argv", ["preflight", "--config", path])
    assert main() == 1
    said = capsys.readouterr().out
    assert "ERROR    configuration: " in said and "did you mean 'pairs'?" in said


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        (("ok", "warning"), 0),
        (("ok", "unknown"), 2),
        (("unknown", "error"), 1),
        ((), 0),
    ],
)
def test_exit_code(levels: tuple[str, ...], code: int) -> None:
    assert exit_code([Finding(Level(level), "here", "so") for level in levels]) == code


def test_each_target_set_is_looked_at(two_sets: Any, context: dict[str, Any], sent: list[Command]) -> None:
    """Of three families, two with both sets on one host; each service is up on set a."""
    PreflightOperator(task_id="check", config=str(TWO_SETS)).execute(context)  # type: ignore[arg-type]
    findings: Findings = context["ti"].xcom["findings"]
    assert len(set(sent)) == len(sent) and not [command for command in sent if command.changes]
    assert not [f for f in findings if f["level"] != "ok" and "is not there yet" not in f["what"]]
    said = {f["where"]: f["what"] for f in findings}
    assert len(said) > 50
    for service, host in (("lnxts", "lnxts01"), ("hpxts", "hpxts01")):
        folder = {"lnxts": "/lts/data", "hpxts": "/hts/data"}[service]
        assert said[f"service {service}, set a, fs {folder} on {host}"].startswith("up [mounted]")
        assert said[f"service {service}, set b, fs {folder} on {host}"].startswith("down [unmounted]")
    assert said["service sunts, set a, vg stspool on sunts01"].startswith("up [imported]")
    assert said["service sunts, set b, vg stspool on sunts02"].startswith("down [exported]")
    assert said["service sunts, ip 192.168.62.12 on sunts02"].startswith("down [absent]")
    assert said["service lnxts, set b, sync data"].startswith("2 pairs")


def test_a_disk_of_the_set_that_is_not_in_use_is_used_by_somebody(
    two_sets: Any, context: dict[str, Any]
) -> None:
    """What is up of the other set explains nothing here."""
    two_sets.fault(
        "exit", host="lnxts01", match="fuser .*/dev/mapper/mpathe", exit=0, stdout=" 4711\nsymclone-end\n"
    )
    with pytest.raises(AirflowFailException, match="1 error"):
        PreflightOperator(task_id="check", config=str(TWO_SETS)).execute(context)  # type: ignore[arg-type]
    ((_, where, what),) = grave(context["ti"].xcom["findings"])
    assert where.startswith("service lnxts, set b, processes on /dev/mapper/mpathe")
    assert "no resource of the service accounts for it" in what
