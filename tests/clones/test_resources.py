"""The drivers of resources: each probe's reading, and what is sent from each place, as cases in YAML.

A case file has the family, a resource, its label and probe, and then ``cases`` (a result and its reading),
``commands`` (what start and stop send from an `at`; none when left out), ``accepts`` (programs of which more
exit codes than 0 mean success) and ``refused`` (configurations that no driver is made for).
"""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.mark import ParameterSet

from clones.config import Service
from clones.errors import ConfigError
from clones.resources import drivers
from clones.resources.base import Driver, Use
from clones.steps import Command, Result

FOLDER = Path(__file__).parent / "cases" / "resources"
FILES: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}
HOST = "a_host"


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
    made = service(entry.get("resource", data["resource"]), family=data["family"])
    (only,) = drivers(made, made.hosts[0])
    return only


def result(command: Command, entry: dict[str, Any]) -> Result:
    return Result(
        command,
        entry.get("exit_code", 0),
        stdout=entry.get("stdout", ""),
        stderr=entry.get("stderr", ""),
        lost=entry.get("lost", ""),
    )


def check_evidence(evidence: str) -> None:
    assert 0 < len(evidence) <= 200
    assert evidence.isprintable()


@pytest.mark.parametrize(("data", "entry"), entries("cases"))
def test_reading(data: dict[str, Any], entry: dict[str, Any]) -> None:
    it = driver(data, entry)
    probe = it.read(result(it.probe(), entry))
    assert (probe.use.value, probe.at) == (entry["use"], entry.get("at", "unknown")), probe.evidence
    assert entry.get("evidence", "") in probe.evidence
    check_evidence(probe.evidence)


@pytest.mark.parametrize("exit_code", [None, 126, 127, 255, -1])
@pytest.mark.parametrize(("data", "entry"), entries("cases"))
def test_no_text_counts_when_the_probe_was_not_run(
    data: dict[str, Any], entry: dict[str, Any], exit_code: int | None
) -> None:
    it = driver(data, entry)
    probe = it.read(result(it.probe(), {**entry, "exit_code": exit_code}))
    assert probe.use is Use.UNKNOWN
    assert it.start(probe.at) == it.stop(probe.at) == []


@pytest.mark.parametrize("stem", FILES)
def test_garbage_is_unknown(stem: str) -> None:
    it = driver(FILES[stem], {})
    rng = random.Random(stem)
    letters = string.printable + "\x00\x1b\x85\u2028\udcffé"
    for exit_code in (None, 0, 1, 2):
        if stem == "app" and exit_code in (0, 1):
            continue  # an application's check speaks by its exit code alone
        for _ in range(200):
            text = "".join(rng.choices(letters, k=rng.randrange(400)))
            probe = it.read(Result(it.probe(), exit_code, stdout=text, stderr=text[::-1]))
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
            check_evidence(it.read(Result(it.probe(), entry.get("exit_code", 0), kept, kept)).evidence)


@pytest.mark.parametrize("stem", FILES)
def test_probe(stem: str) -> None:
    data = FILES[stem]
    it = driver(data, {})
    assert it.label == data["label"]
    probe = it.probe()
    assert probe.line() == data["probe"]
    assert (probe.host, probe.timeout, probe.changes) == (HOST, data.get("probe_timeout", 30), False)


@pytest.mark.parametrize(("data", "entry"), entries("commands"))
def test_commands(data: dict[str, Any], entry: dict[str, Any]) -> None:
    kind, fields = next(iter(entry.get("resource", data["resource"]).items()))
    it = driver(data, {"resource": {kind: {**fields, "timeout": 77}}})
    start, stop = it.start(entry["at"]), it.stop(entry["at"])
    assert [command.line() for command in start] == entry.get("start", [])
    assert [command.line() for command in stop] == entry.get("stop", [])
    for command in start + stop:
        assert (command.host, command.timeout, command.changes) == (HOST, 77, True)


@pytest.mark.parametrize(("data", "entry"), entries("commands"))
def test_accepted_exit_codes(data: dict[str, Any], entry: dict[str, Any]) -> None:
    it = driver(data, entry)
    more = {row["command"]: row["codes"] for row in data.get("accepts", [])}
    for command in it.start(entry["at"]) + it.stop(entry["at"]):
        accepted = [code for code in range(-1, 256) if it.accepts(command, code)]
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


def test_an_application_is_the_same_on_every_family() -> None:
    lines = set()
    for family in ("hpux", "linux"):
        made = service(FILES["app"]["resource"], family=family)
        (it,) = drivers(made, made.hosts[0])
        lines.add((it.label, it.probe().line(), it.start("stopped")[0].line(), it.stop("running")[0].line()))
    assert len(lines) == 1


def test_every_case_file_is_used() -> None:
    kinds = {f"{family}-{kind}" for family in ("hpux", "linux") for kind in ("ip", "vg", "fs")} | {"app"}
    assert set(FILES) == kinds == {path.stem for path in FOLDER.iterdir()}
    known = {"family", "resource", "label", "probe", "probe_timeout"}
    known |= {"cases", "commands", "accepts", "refused"}
    case = {"name", "resource", "exit_code", "stdout", "stderr", "lost", "use", "at", "evidence"}
    for stem, data in FILES.items():
        assert set(data) <= known, stem
        assert {entry["use"] for entry in data["cases"]} == {"up", "down", "unknown"}, stem
        names = [entry["name"] for entry in data["cases"]]
        assert len(names) == len(set(names)), stem
        assert all(set(entry) <= case for entry in data["cases"]), stem
