"""The drivers of resources: each probe's reading, and what is sent from each place, as cases in YAML.

A case file has the family, a resource, its label and probe, and then ``cases`` (a result and its reading),
``commands`` (what start and stop send from an `at`; none when left out), ``accepts`` (programs of which more
exit codes than 0 mean success), ``failures`` (what a command of a start may end with: it ``says`` why it
failed, or nothing when it did its work) and ``refused`` (configurations that no driver is made for).
"""

from __future__ import annotations

import random
import re
import string
import subprocess
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from clones.asking.steps import Result
from clones.config import ResourceEntry, Service
from clones.errors import ConfigError
from clones.resources import drivers, hpux
from clones.resources.base import Driver, Use
from tests.clones.host_answers import answered, shown, shows_its_end
from tests.conftest import ROOT
from tests.support.tables import load_yaml

FOLDER = Path(__file__).parents[1] / "cases" / "resources"
FILES: dict[str, dict[str, Any]] = {
    path.stem: load_yaml(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}
HOST = "a_host"
FAMILIES = ("hpux", "linux", "aix", "sunos")


def entries(key: str) -> list[ParameterSet]:
    """Every entry under that key of every file."""
    found = []
    for stem, data in FILES.items():
        for number, entry in enumerate(data.get(key, [])):
            name = entry.get("name") or entry.get("at") or entry.get("command") or number
            found.append(pytest.param(data, entry, id=f"{stem}: {name}"))
    return found


def service(*resources: dict[str, Any], family: str) -> Service:
    return Service.model_validate(
        {
            "control_host": "symcli",
            "sync_max_delay": 1440,
            "hosts": [{"connection": HOST, "family": family}],
            "resources": list(resources),
            "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
        }
    )


def driver(data: dict[str, Any], entry: dict[str, Any]) -> Driver:
    """The driver of the entry's resource; `beside` are more resources of its service.

    With `own`, as what proves a target set's own disks unused.
    """
    made = service(entry.get("resource", data["resource"]), *entry.get("beside", []), family=data["family"])
    if entry.get("own"):
        made = made.model_copy(update={"resources": tuple(one.own() for one in made.resources)})
    only, *others = drivers(made, made.hosts[0])
    assert len(others) == len(entry.get("beside", []))
    return only


def check_evidence(evidence: str) -> None:
    assert 0 < len(evidence) <= 200
    assert evidence.isprintable()


@pytest.mark.parametrize(("data", "entry"), entries("cases"))
def test_reading(data: dict[str, Any], entry: dict[str, Any]) -> None:
    it = driver(data, entry)
    probe = it.read(answered(it.probe(), entry))
    assert (probe.use.value, probe.at) == (entry["use"], entry.get("at", "unknown")), probe.evidence
    assert entry.get("evidence", "") in probe.evidence
    check_evidence(probe.evidence)


@pytest.mark.parametrize("exit_code", [None, 126, 127, 255, -1])
@pytest.mark.parametrize(("data", "entry"), entries("cases"))
def test_no_text_counts_when_the_probe_was_not_run(
    data: dict[str, Any], entry: dict[str, Any], exit_code: int | None
) -> None:
    it = driver(data, entry)
    probe = it.read(answered(it.probe(), {**entry, "exit_code": exit_code}))
    assert probe.use is Use.UNKNOWN
    assert it.start(probe.at) == it.stop(probe.at) == []


@pytest.mark.parametrize("stem", FILES)
def test_garbage_is_unknown(stem: str) -> None:
    it = driver(FILES[stem], {})
    rng = random.Random(stem)
    letters = string.printable + "\x00\x1b\x85\u2028\udcffé"
    for exit_code in (None, 0, 1, 2):
        if stem in ("app", "command") and exit_code in (0, 1):
            continue  # a site's own check speaks by its exit code alone
        for _ in range(200):
            text = "".join(rng.choices(letters, k=rng.randrange(400)))
            case = {"exit_code": exit_code, "stdout": f"{text}\n", "stderr": text[::-1]}
            probe = it.read(answered(it.probe(), case))
            assert probe.use is Use.UNKNOWN, text
            check_evidence(probe.evidence)


@pytest.mark.parametrize("stem", FILES)
def test_mutilated_output_never_raises(stem: str) -> None:
    data, rng = FILES[stem], random.Random(stem)
    for entry in data["cases"]:
        it = driver(data, entry)
        text = entry.get("stdout", "") + entry.get("stderr", "")
        for _ in range(50):
            kept = "".join(char for char in text if rng.random() > 0.05)
            case = {**entry, "stdout": kept, "stderr": kept}
            check_evidence(it.read(answered(it.probe(), case)).evidence)


@pytest.mark.parametrize(("data", "entry"), entries("cases"))
def test_no_answer_says_down_unless_it_is_whole(data: dict[str, Any], entry: dict[str, Any]) -> None:
    """Cut behind every character, also at a line's end, and the program's exit code is 0 all the same."""
    it = driver(data, entry)
    if not shows_its_end(it.probe()) or entry.get("exit_code", 0) != 0:
        return
    text = answered(it.probe(), entry).stdout
    for length in range(len(text)):
        probe = it.read(Result(it.probe(), 0, text[:length], entry.get("stderr", "")))
        assert probe.use is not Use.DOWN, text[:length]


@pytest.mark.parametrize("stem", FILES)
def test_probe(stem: str) -> None:
    data = FILES[stem]
    it = driver(data, {})
    assert it.label == data["label"]
    probe = it.probe()
    assert shown(probe) == data["probe"]
    assert (probe.host, probe.timeout, probe.changes) == (HOST, data.get("probe_timeout", 30), False)


@pytest.mark.parametrize(("data", "entry"), entries("commands"))
def test_commands(data: dict[str, Any], entry: dict[str, Any]) -> None:
    kind, fields = next(iter(entry.get("resource", data["resource"]).items()))
    it = driver(data, {**entry, "resource": {kind: {**fields, "timeout": 77}}})
    start, stop = it.start(entry["at"]), it.stop(entry["at"])
    assert [shown(command) for command in start] == entry.get("start", [])
    assert [shown(command) for command in stop] == entry.get("stop", [])
    prepare = it.prepare(entry["at"])
    if kind == "vg":
        assert (prepare, it.prepared) == (start, it.started)  # active, and nothing is mounted from it
    elif kind == "fs":
        assert (prepare, it.prepared) == (start[:-1], it.stopped)  # checked, and not mounted
    else:
        assert (prepare, it.prepared) == ([], None)
    for command in start + stop:
        looks = shows_its_end(command)  # at what is about to be changed
        assert (command.host, command.timeout, command.changes) == (HOST, 30 if looks else 77, not looks)


@pytest.mark.parametrize(("data", "entry"), entries("commands"))
def test_accepted_exit_codes(data: dict[str, Any], entry: dict[str, Any]) -> None:
    it = driver(data, entry)
    more = {row["command"]: row["codes"] for row in data.get("accepts", [])}
    for command in it.start(entry["at"]) + it.stop(entry["at"]):
        accepted = [code for code in range(-1, 256) if it.failure(command, Result(command, code)) is None]
        if not shows_its_end(command):  # what it shows decides, see `failures`
            assert accepted == more.get(command.words[0], [0])


@pytest.mark.parametrize(("data", "entry"), entries("refused"))
def test_refused(data: dict[str, Any], entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=entry["says"]) as raised:
        driver(data, entry)
    assert raised.value.remedy


def test_order_is_the_configured_one() -> None:
    made = service(
        *(FILES[stem]["resource"] for stem in ("hpux-ip", "hpux-vg", "hpux-fs", "app")), family="hpux"
    )
    labels = [it.label for it in drivers(made, made.hosts[0])]
    assert labels == ["ip 192.168.32.41", "vg vgCVI", "fs /aaststcvi", "app pp"]


@pytest.mark.parametrize("stem", ["app", "command", "vxvm-vg"])
def test_some_are_the_same_on_every_family(stem: str) -> None:
    seen = set()
    for family in FAMILIES:
        made = service(FILES[stem]["resource"], family=family)
        (it,) = drivers(made, made.hosts[0])
        sent = [*it.start(it.stopped), *it.stop(it.started)]
        seen.add((it.label, it.probe().line(), *(command.line() for command in sent)))
    assert len(seen) == 1 and len(next(iter(seen))) > 3


@pytest.mark.parametrize("family", FAMILIES)
def test_every_manager_on_every_family_is_handled_or_refused(family: str) -> None:
    handled = set()
    for manager in ("lvm", "vxvm", "zfs"):
        made = service({"vg": {"name": "pp", "manager": manager, "map_file": "/etc/map"}}, family=family)
        try:
            handled |= {manager for _ in drivers(made, made.hosts[0])}
        except ConfigError as error:
            assert f"manager: {manager}" in error.what and "give `manager` as" in error.remedy
    assert handled == ({"vxvm", "zfs"} if family == "sunos" else {"lvm", "vxvm"})


@pytest.mark.parametrize(
    ("dev", "type", "options", "expected"),
    [
        ("/dev/vgcopy/lv", "xfs", None, "nouuid"),
        ("/dev/mapper/vgcopy-lv", "xfs", "noatime", "noatime,nouuid"),
        ("/dev/vgcopy/lv", "xfs", "nouuid,ro", "nouuid,ro"),
        ("/dev/vx/dsk/vgcopy/vol", "xfs", None, "nouuid"),
        ("/dev/vx/dsk/vgcopy2/vol", "xfs", None, None),
        ("/dev/vgcopy/lv", "ext4", None, None),
        ("/dev/vgother/lv", "xfs", None, None),
        ("/dev/vgcopy2/lv", "xfs", None, None),
        ("/dev/mapper/vgcopy--x-lv", "xfs", None, None),
    ],
)
def test_xfs_beside_its_source(dev: str, type: str, options: str | None, expected: str | None) -> None:
    made = service(
        {"vg": {"name": "vgcopy", "devices": ["/dev/mapper/mpathb"], "same_host_as_source": True}},
        {"vg": {"name": "vgother"}},
        {"fs": {"dev": dev, "mnt": "/copy", "type": type, "mnt_opt": options}},
        family="linux",
    )
    mount = drivers(made, made.hosts[0])[2].start("unmounted")[-1].words
    assert (mount[mount.index("-o") + 1] if "-o" in mount else None) == expected


@pytest.mark.parametrize(
    ("old", "new", "exit_code", "kept"),
    [
        (None, "VGID 0a1b\n1 lv_CVI\n2 lv_X\n", 0, "VGID 0a1b\n1 lv_CVI\n2 lv_X\n"),
        ("1 lv_CVI\n", "1 lv_CVI\n2 lv_X\n", 0, "1 lv_CVI\n2 lv_X\n"),
        ("1 lv_CVI\n2 lv_X\n", "1 lvol1\n", 0, "1 lv_CVI\n2 lv_X\n"),
        ("1 lv_CVI\n", "", 1, "1 lv_CVI\n"),
        ("1 lv_CVI\n", "VGID 0a1b\n", 1, "1 lv_CVI\n"),
        ("1 lv_CVI\n", None, 1, "1 lv_CVI\n"),
        ("", "1 lv_CVI\n", 0, "1 lv_CVI\n"),
        (None, None, 1, None),
    ],
)
def test_the_map_outlives_an_export_that_wrote_less(
    tmp_path: Path, old: str | None, new: str | None, exit_code: int, kept: str | None
) -> None:
    map_file, new_map = tmp_path / "map", tmp_path / "map.new"
    for path, text in ((map_file, old), (new_map, new)):
        if text is not None:
            path.write_text(text)
    done = subprocess.run(
        ["/bin/sh", "-c", hpux.KEEP_MAP, "keep", "", new_map, map_file], capture_output=True, text=True
    )
    assert done.returncode == exit_code, done
    assert (map_file.read_text() if map_file.exists() else None) == kept


@pytest.mark.parametrize(("data", "entry"), entries("failures"))
def test_what_a_command_of_its_own_may_say(data: dict[str, Any], entry: dict[str, Any]) -> None:
    """Which of its commands did its work, and what is quoted of the one that did not."""
    it = driver(data, entry)
    command = next(one for one in it.start(it.stopped) if entry["command"] in one.line())
    failed = it.failure(command, answered(command, entry))
    if "says" not in entry:
        assert failed is None
        return
    assert failed is not None and failed.final == entry.get("final", False)
    assert entry["says"] in failed.what and failed.what.isprintable()
    assert re.match(r"[a-z]+ ", failed.remedy) and entry.get("remedy", "") in failed.remedy


@pytest.mark.parametrize(
    ("written", "expected"), [(None, "nouuid"), ("noatime", "noatime,nouuid"), ("nouuid,ro", "nouuid,ro")]
)
def test_an_xfs_beside_another_set_is_mounted_in_spite_of_its_identifier(
    written: str | None, expected: str
) -> None:
    """Also without a group: it lies on a disk itself."""
    fs = {"dev": "/dev/sdb", "mnt": "/x", "type": "xfs", "by_set": {"b": {"dev": "/dev/sdc"}}}
    entry = ResourceEntry.model_validate({"fs": {**fs, **({"mnt_opt": written} if written else {})}})
    for name, apart, options in (("a", True, expected), ("b", True, expected), ("b", False, written)):
        found = entry.on(name, apart=apart).fs
        assert found is not None and found.mnt_opt == options


def test_no_file_system_is_ever_checked_with_yes_to_everything() -> None:
    for data in FILES.values():
        for entry in data["commands"]:
            for command in driver(data, entry).start(entry["at"]):
                words = command.line().split()
                assert "fsck" not in command.line() or not {"-y", "-Y", "-fy", "-o full"} & set(words), words


def test_every_case_file_is_used() -> None:
    kinds = {f"{family}-{kind}" for family in FAMILIES for kind in ("ip", "vg", "fs")} - {"sunos-vg"}
    kinds |= {"app", "command", "zfs-vg", "vxvm-vg"}
    assert set(FILES) == kinds == {path.stem for path in FOLDER.iterdir()}
    known = {"family", "resource", "label", "probe", "probe_timeout"}
    known |= {"cases", "commands", "accepts", "failures", "refused"}
    case = {
        "name",
        "resource",
        "own",
        "beside",
        "exit_code",
        "stdout",
        "stderr",
        "lost",
        "cut",
        "use",
        "at",
        "evidence",
    }
    for stem, data in FILES.items():
        assert set(data) <= known, stem
        assert {entry["use"] for entry in data["cases"]} == {"up", "down", "unknown"}, stem
        names = [entry["name"] for entry in data["cases"]]
        assert len(names) == len(set(names)), stem
        assert all(set(entry) <= case for entry in data["cases"]), stem


def test_every_program_that_is_sent_stands_in_the_reference() -> None:
    sections = dict(
        section.split("\n", 1)
        for section in (ROOT / "docs" / "reference" / "hosts.md").read_text().split("\n## ")
    )
    headings = {"hpux": "HP-UX", "linux": "Linux", "aix": "AIX", "sunos": "SunOS"}
    for stem, data in FILES.items():
        if stem in ("app", "command"):
            continue
        heading = "VxVM" if stem == "vxvm-vg" else headings[data["family"]]
        (text,) = (body for name, body in sections.items() if name.startswith(heading))
        words = set(re.findall(r"[\w./-]+", text))
        for entry in data["commands"]:
            it = driver(data, entry)
            for command in [*it.start(entry["at"]), *it.stop(entry["at"]), it.probe()]:
                script = command.words[:2] == ("/bin/sh", "-c") and not shows_its_end(command)
                programs = re.findall(r"/usr/\w+/(\w+)", command.words[2]) if script else []
                programs.append(
                    command.words[3] if script else (command.title or command.words[0]).split()[0]
                )
                for program in programs:
                    assert program.rsplit("/", 1)[-1] in words, f"{stem}: {program} is not in the reference"
