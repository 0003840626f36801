"""Stopping and starting, against the lab."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from clones.act import stop_and_start
from clones.asking.steps import Command
from clones.errors import Locked, NotDone, Refused, Unknown
from hooks.symcli import SymcliHook
from operators.run_plan import RunPlanOperator
from operators.service import ServiceRestartUnchangedOperator, ServiceStartOperator, ServiceStopOperator
from operators.symclone import SymcloneRecreateOperator
from tests.conftest import ONE_ARRAY, SERVICES, SYMID, Store, perform, puts_token, take_down, without_script
from tests.support.tables import load_yaml

MAP = "/var/lib/opensvc/vg_aastmphpux_vgCVI.map"


DISKS = ("readlink", "/sys/block", "multipath", "sg_turs", "lsblk", "fuser /dev")
"""What makes disks usable, and what looks at who uses them: none of it changes one."""

MD = """NAME="mpathc" KNAME="dm-1" PKNAME="" MAJ:MIN="253:1" TYPE="mpath" MOUNTPOINT=""
NAME="md1" KNAME="md1" PKNAME="dm-1" MAJ:MIN="9:1" TYPE="raid1" MOUNTPOINT=""
symclone-end
"""


def start(context: dict[str, Any], name: str = "aastmphpux") -> None:
    ServiceStartOperator(task_id="start", service=name).execute(context)  # type: ignore[arg-type]


def changes(lab: Any, host: str) -> list[str]:
    """The programs that changed something on a host, with their first words."""
    probes = ("netstat", "vgdisplay", "mount -p", "ip -o", "dmsetup", "cat /proc", "status", "/ping", *DISKS)
    return [
        without_script(entry["command"])
        for entry in lab.journal
        if entry.get("host") == host
        and entry.get("command")
        and not any(p in entry["command"] for p in probes)
        and not puts_token(entry["command"])
    ]


@pytest.mark.on_each_array
def test_hpux_in_order_and_back(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    host = "aastmphpux"
    assert changes(lab, host) == [
        "/usr/sbin/umount /aaststcvi",
        "/usr/sbin/vgchange -a n vgCVI",
        f"/usr/sbin/vgexport -p -m {MAP}.new -s vgCVI",
        f"keep {MAP}.new {MAP}",
        f"/usr/sbin/vgexport -m {MAP}.new -s vgCVI",
        "/usr/sbin/ifconfig lan900:1 0.0.0.0",
    ]
    start(context)
    assert changes(lab, host)[6:] == [
        "/usr/sbin/ifconfig lan900:1 192.168.32.41 netmask 255.255.252.0 up",
        f"/usr/sbin/vgimport -m {MAP} -s -N vgCVI",
        "/usr/sbin/vgchange -a y vgCVI",
        "/usr/sbin/fsck -F vxfs /dev/vgCVI/lv_CVI",
        "/usr/sbin/mount -F vxfs /dev/vgCVI/lv_CVI /aaststcvi",
    ]


@pytest.mark.parametrize("name", ["aastmphpux", "lnxpp"])
@pytest.mark.parametrize("half", [False, True], ids=["as configured", "half way already"])
def test_the_record_stands_before_each_change_by_one_write(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str, half: bool
) -> None:
    writes: list[list[str]] = []
    sent: list[str] = []

    class Kept(Store):
        def set(self, key: str, value: Any, *, retention: Any = None) -> None:
            super().set(key, value)
            writes.append([event["line"] for event in value[-1]["events"] if event.get("changes")])

    execute = SymcliHook._execute

    def spied(self: SymcliHook, client: Any, command: Command, turns: Any) -> Any:
        for one in turns.commands:
            if one.changes and not one.of_lock:
                sent.append(one.kept())
                assert sent[-1] in writes[-1]
        return execute(self, client, command, turns)

    monkeypatch.setattr(SymcliHook, "_execute", spied)
    if half:
        lab.fault(match="vgchange -a n", kind="exit", exit=1, count=1)
        with pytest.raises(NotDone):
            ServiceStopOperator(task_id="one", service=name).execute(context | {"task_state_store": Kept()})  # type: ignore[arg-type]
        assert len(writes) == 2, "the second is that of its end"
    for operator in (ServiceStopOperator, ServiceStartOperator):
        writes.clear()
        sent.clear()
        mine = context | {"task_state_store": Kept()}
        operator(task_id="one", service=name).execute(mine)  # type: ignore[arg-type]
        assert len(sent) > 2 and len(writes) == 1


@pytest.mark.on_each_array
def test_linux_in_order_and_back(lab: Any, context: dict[str, Any]) -> None:
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    start(context, "lnxpp")
    assert [
        command.rsplit("/", 1)[-1] if "ppctl" in command else command for command in changes(lab, "lnxpp01")
    ] == [
        "ppctl stop",
        "/usr/bin/umount /pp/arch",
        "/usr/bin/umount /pp/data",
        "/usr/sbin/vgchange -a n vg_pparch",
        "/usr/sbin/vgchange -a n vg_ppdata",
        "/usr/sbin/ip addr del 192.168.40.17/24 dev eth0",
        "/usr/sbin/ip addr add 192.168.40.17/24 dev eth0",
        "announce eth0 192.168.40.17",
        "/usr/sbin/pvscan --cache",
        "/usr/sbin/vgchange -a y vg_ppdata",
        "/usr/sbin/pvscan --cache",
        "/usr/sbin/vgchange -a y vg_pparch",
        "/usr/sbin/e2fsck -p /dev/vg_ppdata/lv_data",
        "/usr/bin/mount -t ext4 -w /dev/vg_ppdata/lv_data /pp/data",
        "/usr/bin/mount -t xfs -w /dev/vg_pparch/lv_arch /pp/arch",
        "ppctl start",
    ]


@ONE_ARRAY
def test_the_map_outlives_an_export_that_wrote_nothing(lab: Any, context: dict[str, Any]) -> None:
    host = lab.host("aastmphpux")
    before = host.files[MAP]
    wrong = lab.fault(host="aastmphpux", match="vgexport -p", kind="exit", exit=0)
    with pytest.raises(NotDone, match=r"names no logical volume: the group stays imported"):
        take_down(lab)
    assert host.files[MAP] == before and host.volume_groups()["vgCVI"]["known"]
    lab.clear_faults(wrong)
    take_down(lab)
    lab.fault(host="aastmphpux", match="vgimport", kind="exit", exit=1, count=1)
    with pytest.raises(NotDone, match="vgimport"):
        start(context)
    take_down(lab)
    assert host.files[MAP] == before
    start(context)


def test_what_is_already_so_is_left_alone(lab: Any, context: dict[str, Any]) -> None:
    start(context)
    assert changes(lab, "aastmphpux") == []
    take_down(lab)
    done = len(changes(lab, "aastmphpux"))
    take_down(lab)
    assert len(changes(lab, "aastmphpux")) == done


def mount_fails(lab: Any, count: int = 1) -> None:
    lab.fault(
        host="aastmphpux",
        match="mount -F",
        kind="exit",
        exit=1,
        stderr="vxfs mount: cannot open",
        count=count,
    )


def test_a_start_that_fails_half_way_takes_down_what_it_brought_up(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    mount_fails(lab)
    before = len(changes(lab, "aastmphpux"))
    with pytest.raises(NotDone, match=r"fs /aaststcvi.*exit code 1: vxfs mount: cannot open") as raised:
        start(context)
    assert "Taken down again, in this order: vg vgCVI, ip 192.168.32.41." in str(raised.value)
    assert "STAYED" not in str(raised.value)
    sent = [command.split()[0].rsplit("/", 1)[-1] for command in changes(lab, "aastmphpux")[before:]]
    up, down = ["ifconfig", "vgimport", "vgchange", "fsck", "mount"], ["vgchange", "vgexport", "keep"]
    assert sent == [*up, *down, "vgexport", "ifconfig"]
    host = lab.host("aastmphpux")
    assert not host.mounts() and "192.168.32.41" not in str(host.addresses())
    start(context)
    assert host.mounts()


def test_what_stays_after_a_half_way_start_is_said(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    mount_fails(lab)
    lab.fault(host="aastmphpux", match="vgchange -a n", kind="exit", exit=1, stderr="Device busy", count=1)
    with pytest.raises(NotDone, match="mount: cannot open") as raised:
        start(context)
    said = str(raised.value)
    assert "Taken down again, in this order: ip 192.168.32.41." in said
    assert "STAYED as it is: vg vgCVI (" in said and "Device busy" in said


def test_what_was_up_before_is_no_part_of_a_rollback(lab: Any, context: dict[str, Any]) -> None:
    """Nor is anything rolled back with `rollback: false`: the next try goes on from the middle."""
    take_down(lab)
    mount_fails(lab)
    scope = ServiceStartOperator(task_id="start", service="aastmphpux").scope()
    keeping = replace(scope, service=scope.service.model_copy(update={"rollback": False}))
    with SymcliHook() as hosts, pytest.raises(NotDone, match="mount: cannot open") as raised:
        hosts.run(stop_and_start.start(keeping))
    assert "Taken down" not in str(raised.value)
    mount_fails(lab)
    before = len(changes(lab, "aastmphpux"))
    with pytest.raises(NotDone, match="mount: cannot open") as raised:
        start(context)
    assert "Taken down" not in str(raised.value), "address and group were up before"
    start(context)
    assert [command.split()[0] for command in changes(lab, "aastmphpux")[before:]] == [
        "/usr/sbin/fsck",
        "/usr/sbin/mount",
        "/usr/sbin/fsck",
        "/usr/sbin/mount",
    ]


@pytest.mark.parametrize("match", ["mount -p", "vgdisplay"])
def test_a_service_that_runs_is_not_taken_down_because_a_probe_fails(
    lab: Any, context: dict[str, Any], match: str
) -> None:
    """The start touches nothing, so that there is nothing to take back."""
    lab.fault(host="aastmphpux", match=match, kind="exit", exit=1, stderr="no table", count=1)
    with pytest.raises(Unknown, match="gave no clear answer"):
        start(context)
    assert changes(lab, "aastmphpux") == [] and lab.host("aastmphpux").mounts()


def take_address(lab: Any) -> None:
    """Somebody else's host gets the address of service aastmphpux."""
    words = ("/usr/sbin/ip", "addr", "add", "192.168.32.41/22", "dev", "eth0")
    with SymcliHook() as hosts:
        assert hosts.execute(Command("lnxpp01", words)).exit_code == 0


@ONE_ARRAY
def test_an_address_that_somebody_else_has_is_not_brought_up(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    take_address(lab)
    before = len(changes(lab, "aastmphpux"))
    with pytest.raises(Refused, match=r"ip 192\.168\.32\.41 on aastmphpux is not brought up.*a host answers"):
        start(context)
    assert changes(lab, "aastmphpux")[before:] == []


@ONE_ARRAY
@pytest.mark.parametrize("action", ["refresh", "update", "start"])
def test_such_an_address_stops_the_run_before_the_array_is_touched(
    lab: Any, context: dict[str, Any], action: str
) -> None:
    take_down(lab)
    take_address(lab)
    task = RunPlanOperator(task_id="plan", service="aastmphpux", action=action, reason="test", phases={})
    with pytest.raises(Refused, match=r"its resources are down, but:\n  up .*a host answers"):
        task.execute(context)  # type: ignore[arg-type]
    recreate = SymcloneRecreateOperator(task_id="r", service="aastmphpux", sync="data")
    with pytest.raises(Refused, match=r"is not down:\n  up .*a host answers"):
        recreate.execute(context)  # type: ignore[arg-type]
    assert not [entry for entry in lab.commands() if "-noprompt" in entry["command"]]


@ONE_ARRAY
def test_the_disks_are_made_usable_before_anything_is_brought_up(lab: Any, context: dict[str, Any]) -> None:
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    since = lab.journal[-1]["seq"]
    start(context, "lnxpp")
    sent = [
        e["command"]
        for e in lab.journal
        if e["seq"] > since and e.get("host") == "lnxpp01" and e.get("command")
    ]
    of_disks = [number for number, line in enumerate(sent) if any(word in line for word in DISKS)]
    first_change = next(number for number, line in enumerate(sent) if "addr add" in line)
    assert of_disks == list(range(of_disks[0], of_disks[-1] + 1)) and of_disks[-1] < first_change
    told = [line.rsplit("/", 1)[-1] for line in sent if "sg_turs" in line]
    assert told == ["mpathb", "mpathc", "mpathd"]
    assert len([line for line in sent if "device/rescan" in line]) == 6, "two paths of each disk"


@ONE_ARRAY
def test_a_disk_that_does_not_come_back_is_named(lab: Any, context: dict[str, Any]) -> None:
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    before = changes(lab, "lnxpp01")
    lab.fault(
        host="lnxpp01", match="sg_turs --num=5 /dev/mapper/mpathc", kind="exit", exit=2, stderr="not ready"
    )
    with pytest.raises(NotDone, match=r"/dev/mapper/mpathc is not usable on lnxpp01.*Not Visible") as raised:
        start(context, "lnxpp")
    assert "masking" in raised.value.remedy and changes(lab, "lnxpp01") == before


@ONE_ARRAY
def test_disks_that_somebody_uses_keep_a_copy_from_being_overwritten(
    lab: Any, context: dict[str, Any]
) -> None:
    """The service is down by its own resources; a process or a volume on its disks says otherwise."""
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    recreate = SymcloneRecreateOperator(task_id="r", service="lnxpp", sync="archivelogs")
    for match, out, says in (
        ("fuser .*/dev/mapper/mpathb", {"exit": 0, "stdout": " 4711\n"}, "held open by process 4711"),
        ("disk .*/dev/mapper/mpathc$", {"exit": 0, "stdout": MD}, "md1"),
    ):
        lab.fault(host="lnxpp01", match=match, kind="exit", count=1, **out)
        with pytest.raises(Refused, match=f"is not down:\n  up .*{says}"):
            recreate.execute(context)  # type: ignore[arg-type]
    lab.fault(host="lnxpp01", match="fuser .*/dev/mapper/mpathb", kind="exit", exit=127, count=1)
    with pytest.raises(Unknown, match="is not known"):
        recreate.execute(context)  # type: ignore[arg-type]
    lab.fault(host="lnxpp01", match="disk .*/dev/mapper/mpathc$", kind="cut_output", bytes=60, count=1)
    with pytest.raises(Unknown, match="is not known"):
        recreate.execute(context)  # type: ignore[arg-type]
    assert not [entry for entry in lab.commands() if "-noprompt" in entry["command"]]
    recreate.execute(context)  # type: ignore[arg-type]


@ONE_ARRAY
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("mounted", "the kernel holds mpathd"),
        ("open", "mpathd .* is held open by process"),
        ("loop", "backing_file is /dev/dm-2: mpathd"),
        ("btrfs", "mpathd is a disk of the mounted btrfs"),
    ],
)
def test_a_disk_that_is_used_by_another_name_is_not_overwritten(
    lab: Any, context: dict[str, Any], how: str, says: str
) -> None:
    """Neither the host's own mounts nor fuser show it."""
    ServiceStopOperator(task_id="stop", service="lnxpp").execute(context)  # type: ignore[arg-type]
    recreate = SymcloneRecreateOperator(task_id="r", service="lnxpp", sync="archivelogs")
    lab.host("lnxpp01").use_disk("/dev/mapper/mpathd", how)
    with pytest.raises(Refused, match=f"is not down:(?s:.*)\n  up .*{says}"):
        recreate.execute(context)  # type: ignore[arg-type]
    assert not [entry for entry in lab.commands() if "-noprompt" in entry["command"]]
    lab.host("lnxpp01").use_disk("/dev/mapper/mpathd", None)
    recreate.execute(context)  # type: ignore[arg-type]


@ONE_ARRAY
def test_a_stop_that_takes_no_effect_is_seen(lab: Any, context: dict[str, Any]) -> None:
    lab.fault(host="aastmphpux", match="umount", kind="exit", exit=0)
    with pytest.raises(NotDone, match="fs /aaststcvi on aastmphpux should be down and is up"):
        take_down(lab)


@ONE_ARRAY
def test_a_probe_that_cannot_tell_stops_nothing(lab: Any, context: dict[str, Any]) -> None:
    lab.fault(host="aastmphpux", match="mount -p", kind="exit", exit=1, stderr="mount: no table")
    with pytest.raises(Unknown, match=r"gave no clear answer \(up or down\)"):
        take_down(lab)
    assert changes(lab, "aastmphpux") == []


def test_no_start_on_a_copy_that_is_not_usable(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    before = len(changes(lab, "aastmphpux"))
    perform(lab, SymcloneRecreateOperator(task_id="r", service="aastmphpux", sync="archivelogs"), context)
    with pytest.raises(Refused, match="sync archivelogs is not fully active"):
        start(context)
    assert len(changes(lab, "aastmphpux")) == before


class TestRestartOnOldCopies:
    """After a failure: only what was up, and only on copies that nobody touched."""

    def plan(self, context: dict[str, Any]) -> None:
        try:
            RunPlanOperator(
                task_id="plan", service="aastmphpux", action="refresh", reason="test", phases={}
            ).execute(context)  # type: ignore[arg-type]
        except DownstreamTasksSkipped:
            raise AssertionError("refresh leaves nothing out") from None

    def restart(self, context: dict[str, Any]) -> None:
        ServiceRestartUnchangedOperator(task_id="x", service="aastmphpux").execute(context)  # type: ignore[arg-type]

    def test_restarts(self, lab: Any, context: dict[str, Any]) -> None:
        self.plan(context)
        take_down(lab)
        lab.advance(5)
        with pytest.raises(AirflowFailException, match="runs on its old copies again"):
            self.restart(context)
        assert lab.host("aastmphpux").mounts() and context["ti"].xcom["restarted"] is True

    def test_not_after_a_recreate(self, lab: Any, context: dict[str, Any]) -> None:
        self.plan(context)
        take_down(lab)
        perform(lab, SymcloneRecreateOperator(task_id="r", service="aastmphpux", sync="data"), context)
        with pytest.raises(AirflowSkipException, match="not what they were"):
            self.restart(context)

    def test_not_while_a_command_may_still_come_through(self, lab: Any, context: dict[str, Any]) -> None:
        """A recreate that still retries on a locked array would overwrite the service once it runs."""
        self.plan(context)
        take_down(lab)
        lab.fault("lock", host="symcli_demo", match="recreate", exit=3, count=5)
        words = ("/usr/symcli/bin/symclone", "-g", "DGCVI", "-noprompt", "recreate", "-i", "20", "-c", "30")
        with SymcliHook() as hosts:
            command = Command("symcli_demo", (*words, "DEV001", "sym", "ld", "CLONE001"), timeout=0.3)
            assert hosts.execute(command).exit_code is None
        for start_it in (self.restart, start):
            with pytest.raises(
                Locked,
                match=r"This command still runs on symcli_demo, .*: `/usr/symcli/bin/symclone -g DGCVI",
            ):
                start_it(context)
        assert not lab.host("aastmphpux").mounts()

    def test_not_when_it_was_down_before(self, lab: Any, context: dict[str, Any]) -> None:
        take_down(lab)
        self.plan(context)
        with pytest.raises(AirflowSkipException, match="down before this run"):
            self.restart(context)

    def test_not_when_nothing_was_planned(self, lab: Any, context: dict[str, Any]) -> None:
        with pytest.raises(AirflowSkipException, match="before it stopped anything"):
            self.restart(context)


@ONE_ARRAY
def test_other_servers_have_a_word_in_it(lab: Any, context: dict[str, Any]) -> None:
    """A service of syncs only whose copies others use: they say whether they do."""
    check = {"name": "pp", "connection": "lnxpp01", "command": ["/opt/pp/bin/unused"]}
    plain = load_yaml(SERVICES.read_text())["services"]["reporting_copies"]
    given = {**plain, "unattended": False, "down_checks": [check], "name": "reporting_copies"}
    recreate = SymcloneRecreateOperator(task_id="r", service=given, sync="warehouse")
    for code, error, says in ((1, Refused, "is not down"), (2, Unknown, "is not known")):
        lab.fault(host="lnxpp01", match="/opt/pp/bin/unused", kind="exit", exit=code, stdout="", count=1)
        with pytest.raises(error, match=rf"{says}(.|\n)*down_check pp"):
            recreate.execute(context)  # type: ignore[arg-type]
    assert not [entry for entry in lab.commands() if "-noprompt" in entry["command"]]
    lab.fault(host="lnxpp01", match="/opt/pp/bin/unused", kind="exit", exit=0, stdout="")
    perform(lab, recreate, context)
    assert [entry for entry in lab.commands() if "recreate" in entry["command"]]


@pytest.mark.parametrize("changed", ["recreated", "activated again", "gone"])
def test_a_copy_that_changes_while_the_group_is_imported_is_not_mounted(
    lab: Any, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """What was decided before a long import may hold no more."""
    take_down(lab)
    execute = SymcliHook.execute

    def meanwhile(self: SymcliHook, command: Any, *more: Any) -> Any:
        result = execute(self, command, *more)
        if "/usr/sbin/vgchange" in command.words and "y" in command.words:
            if changed == "recreated":
                lab.set_state(SYMID, "1235", "4322", "Recreated")
            elif changed == "activated again":
                lab.set_last_action(SYMID, "1235", "4322", age_seconds=1)
            else:
                lab.remove_session(SYMID, "1235", "4322")
        return result

    monkeypatch.setattr(SymcliHook, "execute", meanwhile)
    with pytest.raises(Refused, match="sync archivelogs") as refused:
        start(context)
    assert "Taken down again, in this order: vg vgCVI" in str(refused.value)
    assert not lab.host("aastmphpux").mounts()
    assert not any(line.startswith("check") or "mount" in line for line in changes(lab, "aastmphpux")[6:])


def test_the_second_look_costs_one_round_trip(lab: Any, context: dict[str, Any]) -> None:
    take_down(lab)
    since = int(lab.journal[-1]["seq"])
    start(context)
    asked = [entry for entry in lab.commands(since) if "-devs" in entry["command"]]
    assert len(asked) == 4, "each sync twice"
    first, second = asked[:2], asked[2:]
    assert len({entry.get("within") for entry in second}) == 1 and len(first) == 2
    mounted = next(entry["seq"] for entry in lab.commands(since) if "mount -F" in entry["command"])
    imported = next(entry["seq"] for entry in lab.commands(since) if "vgchange -a y" in entry["command"])
    assert all(imported < entry["seq"] < mounted for entry in second)
