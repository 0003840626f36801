"""SYMCLI as text: commands out, answers in."""

from __future__ import annotations

import shlex
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clones.asking.steps import Command, Result
from clones.backends.symclone import commands, output
from clones.backends.symclone.exit_codes import Outcome, classify, failure, verified
from clones.config.scope import Scope
from clones.errors import Locked, Refused, TryAgain, Unknown
from clones.states import PairSeen
from hooks.configuration import load
from tests.support.tables import load_yaml

HERE = Path(__file__).parents[2]
QUERIES = load_yaml((HERE / "cases" / "symcli" / "query.yaml").read_text())
DEVICES = load_yaml((HERE / "cases" / "symcli" / "devices.yaml").read_text())
CONFIG = load(HERE.parents[1] / "config" / "services.yaml")
GROUP = """<SymCLI_ML>
  <DG>
    <DG_Info><name>DGCVI</name><type>REGULAR</type><symid>000190101234</symid></DG_Info>
    <Device><Dev_Info><dev_name>01234</dev_name><ld_name>DEV001</ld_name></Dev_Info></Device>
    <Device><Dev_Info><dev_name>4321</dev_name><ld_name>CLONE001</ld_name></Dev_Info></Device>
  </DG>
</SymCLI_ML>
"""


@pytest.mark.parametrize("case", DEVICES, ids=[case["name"] for case in DEVICES])
def test_devices(case: dict[str, Any]) -> None:
    if "unknown" in case:
        with pytest.raises(Unknown, match=case["unknown"]):
            output.read_devices(case["text"])
        return
    shown = output.read_devices(case["text"])
    assert (shown.symid, shown.clock.isoformat()) == (case["symid"], case["clock"])
    sessions = [
        f"{s.source:04X}>{s.target:04X} {s.state} {s.percent}% {s.last_action and s.last_action.isoformat()}"
        for device in shown.devices.values()
        for s in device.sessions
    ]
    assert sessions == case["sessions"]


@pytest.mark.parametrize("case", DEVICES, ids=[case["name"] for case in DEVICES])
@pytest.mark.parametrize("piece", [1, 7, 100])
def test_devices_in_pieces_of_any_length(
    case: dict[str, Any], piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "PIECE", piece)
    test_devices(case)


BOMB = """<!DOCTYPE x [<!ENTITY a "00123"><!ENTITY b "&a;&a;&a;&a;">]>
<SymCLI_ML><Symmetrix><Device><Dev_Info><dev_name>%s</dev_name></Dev_Info></Device></Symmetrix></SymCLI_ML>"""


@pytest.mark.parametrize("name", ["&b;", "&a;", "00123"])
def test_a_document_type_defines_no_entities(name: str) -> None:
    with pytest.raises(Unknown, match="cannot be read: EntitiesForbidden"):
        output.read_devices(f"{commands.CLOCK_MARK} 2026-03-01T02:00:00\n{BOMB % name}")


def test_a_document_type_alone_is_read() -> None:
    text = BOMB.replace(' [<!ENTITY a "00123"><!ENTITY b "&a;&a;&a;&a;">]', "") % "00123"
    shown = output.read_devices(f"{commands.CLOCK_MARK} 2026-03-01T02:00:00\n{text}")
    assert list(shown.devices) == [0x123]


def test_a_long_list_is_read_without_a_copy_of_it() -> None:
    more = "<More>that is not read</More>" * 100
    numbers = (f"<Dev_Info><dev_name>{number:05X}</dev_name></Dev_Info>" for number in range(500))
    devices = "".join(f"<Device>{number}{more}</Device>" for number in numbers)
    array = f"<Symmetrix><Symm_Info><symid>000190101234</symid></Symm_Info>{devices}</Symmetrix>"
    text = f"{commands.CLOCK_MARK} 2026-03-01T02:00:00\n<SymCLI_ML>{array}</SymCLI_ML>"
    tracemalloc.start()
    try:
        assert len(output.read_devices(text).devices) == 500
        assert tracemalloc.get_traced_memory()[1] < len(text) / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", QUERIES, ids=[case["name"] for case in QUERIES])
def test_query(case: dict[str, Any]) -> None:
    shown = output.read_tracks(case["text"])
    assert {f"{s:04X}>{t:04X}": tracks for (s, t), tracks in shown.items()} == case["tracks"]


def test_group() -> None:
    group = output.read_group(GROUP)
    assert group.symid == "000190101234"
    assert group.devices == {"DEV001": 0x1234, "CLONE001": 0x4321}


def test_version() -> None:
    banner = "Symmetrix Command Line Interface (SYMCLI) Version V10.1.0.0 (Edit Level: 2752)\n"
    assert output.read_version(banner) == "V10.1.0.0"
    with pytest.raises(Unknown, match="did not print its version"):
        output.read_version("symcli: cannot open the database\n")


ARRAY = "<Symmetrix><Symm_Info><symid>{}</symid><attachment>Local</attachment></Symm_Info></Symmetrix>"


def test_arrays() -> None:
    text = f"<SymCLI_ML>{ARRAY.format('000297600001')}{ARRAY.format('000190101234')}</SymCLI_ML>"
    assert output.read_arrays(text) == ["000297600001", "000190101234"]


@pytest.mark.parametrize("text", ["", "<SymCLI_ML/>", f"<SymCLI_ML>{ARRAY.format('12')}</SymCLI_ML>"])
def test_arrays_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Unknown):
        output.read_arrays(text)


@pytest.mark.parametrize(
    "text", ["", "<SymCLI_ML/>", "<SymCLI_ML><DG><DG_Info><symid>12</symid></DG_Info></DG></SymCLI_ML>"]
)
def test_group_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Unknown):
        output.read_group(text)


def test_group_with_one_name_for_two_devices() -> None:
    with pytest.raises(Unknown, match="two devices of the name 'CLONE001'"):
        output.read_group(GROUP.replace("DEV001", "CLONE001"))


def pairs(service: str, sync: str) -> tuple[Scope, Any, str, list[PairSeen]]:
    found = CONFIG.services[service].sync(sync)
    return (
        Scope(service, CONFIG.services[service], CONFIG.symcli),
        found,
        found.symid or "",
        [PairSeen(p, p.source_device, p.target_device, None) for p in found.pairs],
    )


def test_control_commands_look_as_documented() -> None:
    """By number, also for a device group: its names may stand for others by the time the command lands."""
    short = ("env", "SYMCLI_CTL_ACCESS=PARALLEL")
    long = ("env", "SYMCLI_WAIT_ON_DB=1", "SYMCLI_WAIT_ON_GK=1", "SYMCLI_CTL_ACCESS=PARALLEL")
    for build, environment, options in (
        (commands.create, short, "create -diff -precopy -i 10 -c 3"),
        (commands.recreate, short, "recreate -precopy -i 10 -c 3"),
        (commands.restore, short, "restore -i 10 -c 3"),
        (commands.terminate, short, "terminate -i 10 -c 3"),
        (commands.activate, long, "activate -i 20 -c 30 -consistent"),
        (commands.end_restored, long, "terminate -restored -i 20 -c 30"),
    ):
        words = build(*pairs("aastmphpux", "data")).words
        assert words[3:5] == ("pairs", "/var/tmp/symclone-airflow") and words[6] == "1234 4321"
        file = words[5]
        program = f"/usr/symcli/bin/symclone -sid 000190101234 -f {file} -noprompt {options}"
        assert words[7:] == (*environment, *program.split())


@pytest.mark.parametrize(
    ("interval", "count", "sent"),
    [
        (20, 30, "-i 10 -c 3"),
        (10, 3, "-i 10 -c 3"),
        (10, 2, "-i 10 -c 2"),
        (20, 1, "-i 10 -c 2"),
        (15, 1, "-i 10 -c 1"),
        (7, 30, "-i 7 -c 4"),
        (5, 2, "-i 5 -c 2"),
        (1, 1000, "-i 1 -c 30"),
        (1, 1, "-i 1 -c 1"),
        (600, 1, "-i 10 -c 3"),
        (600, 1000, "-i 10 -c 3"),
    ],
)
def test_what_rests_on_a_proof_waits_half_a_minute_at_most(interval: int, count: int, sent: str) -> None:
    scope, *about = pairs("aastmphpux", "data")
    waits = scope.symcli.model_copy(update={"retry_interval": interval, "retry_count": count})
    scope = replace(scope, symcli=waits)
    for build in (commands.create, commands.recreate, commands.restore, commands.terminate):
        assert build(scope, *about).title.endswith(f" {sent}")
    for build in (commands.activate, commands.end_restored):
        assert f" -i {interval} -c {count}" in build(scope, *about).title


def test_commands_on_groups() -> None:
    group = (CONFIG.symcli, "c", "DGCVI")
    member = ("000190101234", "DEV001", 0x1234)
    assert [
        commands.create_group(*group).title,
        commands.add_device(*group, member, target=False).title,
        commands.add_device(*group, member, target=True).title,
        commands.remove_name(*group, "DEV001").title,
        commands.delete_group(*group).title,
    ] == [
        "/usr/symcli/bin/symdg create DGCVI -type regular -i 20 -c 30",
        "/usr/symcli/bin/symdg -g DGCVI -sid 000190101234 add dev 1234 DEV001 -i 20 -c 30",
        "/usr/symcli/bin/symdg -g DGCVI -sid 000190101234 add dev 1234 DEV001 -tgt -i 20 -c 30",
        "/usr/symcli/bin/symld -g DGCVI remove DEV001 -i 20 -c 30",
        "/usr/symcli/bin/symdg delete DGCVI -i 20 -c 30",
    ]


def test_all_pairs_go_in_one_command() -> None:
    command = commands.activate(*pairs("reporting_copies", "warehouse"))
    assert command.words[6] == "1236 4323\n1237 4324"


def test_pair_file_is_written_read_back_and_only_then_used() -> None:
    command = commands.recreate(*pairs("lnxpp", "data"))
    assert command.title.startswith(
        "/usr/symcli/bin/symclone -sid 000297600001 -f /var/tmp/symclone-airflow/lnxpp.data-"
    )
    assert "01A10 01AB4\n01A11 01AB5" in command.words
    assert command.words[:3] == ("/bin/sh", "-c", commands.WITH_PAIR_FILE)
    assert shlex.split(command.line()) == list(command.words)


def test_no_command_forces_and_queries_do_not_repeat() -> None:
    for name, service in CONFIG.services.items():
        for sync in service.syncs:
            about = pairs(name, sync.name)
            for build in (
                commands.create,
                commands.recreate,
                commands.activate,
                commands.restore,
                commands.end_restored,
                commands.terminate,
            ):
                command = build(*about)
                assert not {"-force", "-symforce"} & set(command.words)
                assert "-noprompt" in command.words and command.changes
            group = (CONFIG.symcli, "c", sync.symdg or "DG")
            for command in (
                commands.create_group(*group),
                commands.add_device(*group, ("000190101234", "DEV001", 0x1234), target=True),
                commands.remove_name(*group, "DEV001"),
                commands.delete_group(*group),
            ):
                assert not {"-force", "-symforce"} & set(command.words) and command.changes
            for look in (
                commands.list_groups(CONFIG.symcli, "c"),
                commands.list_group(CONFIG.symcli, "c", sync.symdg or "DG"),
                commands.list_devices(CONFIG.symcli, "c", "000190101234", ["1234"]),
                commands.list_arrays(CONFIG.symcli, "c"),
                commands.version(CONFIG.symcli, "c"),
            ):
                assert not {"-i", "-c"} & set(look.words[look.words.index("env") :]) and not look.changes


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        *[(code, Outcome.DONE) for code in (0, 18)],
        *[(code, Outcome.LOCKED) for code in (2, 3, 19)],
        *[(code, Outcome.UNKNOWN) for code in (None, -1, 48, 49, 126, 127, 128, 137, 143, 255)],
        *[(code, Outcome.REFUSED) for code in (1, 4, 5, 10, 22, 23, 120)],
    ],
)
def test_exit_codes(code: int | None, outcome: Outcome) -> None:
    assert classify(code) is outcome


@pytest.mark.parametrize(
    ("code", "answer"),
    [(0, True), *[(code, None) for code in (None, 1, 2, 3, 19, 49, 120, 127, 255)]]
    + [(code, False) for code in (10, 11, 25, 27, 60, 61, 67)],
)
def test_verify_codes(code: int | None, answer: bool | None) -> None:
    assert verified(code) is answer


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (1, Refused, "clear this task"),
        (3, Locked, "symcfg list -lock"),
        (None, Unknown, "which checks the array first"),
        (127, Refused, "symcli.bin"),
        (120, Refused, "/var/tmp/symclone-airflow"),
        (49, TryAgain, "devices are locked"),
    ],
)
def test_failures_say_what_to_do(code: int | None, kind: type[Exception], says: str) -> None:
    command = commands.recreate(*pairs("lnxpp", "data"))
    error = failure(
        Result(command, code, stderr="It did not work", lost="cut"),
        "Service s",
        consequence="Nothing was changed.",
    )
    assert isinstance(error, kind)
    assert says in str(error) and "It did not work" in str(error) and "Nothing was changed." in str(error)


def test_any_word_reaches_the_shell_as_one_word() -> None:
    words = ("/bin/x", "a b", "$(reboot)", "`id`", "'", '"', ";", "\n", "*", "-rf", "é")
    assert tuple(shlex.split(Command("h", words).line())) == words
