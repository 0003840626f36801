"""The readers on what the lab's recorder writes: the two sides meet in files."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.read_answer import main
from lab.__main__ import main as lab_main
from tests.support.tables import load_yaml


@pytest.fixture
def cases(lab: Any, tmp_path: Path) -> dict[str, Path]:
    """A recording of the lab's control host, by the names of its command forms."""
    to = lab.connections["symcli_demo"]
    address = ["--host", f"{to['login']}@{to['host']}:{to['port']}", "--key", to["extra"]["key_file"]]
    scope = ["--sid", "000190101234", "--devices", "1234,4321", "--groups", "DGCVI"]
    out = ["--host-key", to["extra"]["host_key"], "--out", str(tmp_path / "cases")]
    asyncio.set_event_loop(asyncio.new_event_loop())
    assert lab_main(["record", *address, *scope, *out]) == 0
    return {load_yaml(p.read_text())["name"]: p for p in sorted((tmp_path / "cases").glob("*.yaml"))}


# An array with other exit codes of `verify` leaves one of its answers open.
@pytest.mark.parametrize("arrays", [{}], indirect=True)
@pytest.mark.over_ssh  # `lab record` is a client of its own
def test_every_recorded_answer_is_read(cases: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for name, path in cases.items():
        assert main([str(path)]) == 0, name
    lines = dict(zip(cases, capsys.readouterr().out.splitlines(), strict=True))
    devices = json.loads(lines["devices-xml"])["devices"]
    assert [(s["source"], s["target"], s["state"], s["percent"]) for s in devices["04321"]["sessions"]] == [
        ("01234", "04321", "Copied", 100)
    ]
    assert set(json.loads(lines["group-ld-xml-1"])["devices"].values()) == {"01234", "04321"}
    assert json.loads(lines["banner"])["version"] == "V10.1.0.0"
    assert json.loads(lines["arrays-xml"])["arrays"] == ["000000000001", "000000000002"]
    verified = {n: json.loads(line)["verified"] for n, line in lines.items() if n.startswith("verify")}
    assert [name for name, answer in verified.items() if answer] == ["verify-copied-1"]


def test_what_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = tmp_path / "case.yaml"
    command = ["symdev", "-sid", "1", "list", "-v", "-output", "xml_e"]
    case.write_text(yaml.safe_dump({"command": command, "exit": 0, "stdout": "<html/>"}))
    assert main([str(case)]) == 1
    assert f"{case}: The device list is a <html>" in capsys.readouterr().err
    case.write_text("command: [symcli]")
    assert main([str(case)]) == 1
