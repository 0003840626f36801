"""The recorder against the lab itself, over SSH; and what it must never send or let through."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import Lab
from lab.__main__ import main
from lab.tools.record import FORMS, Form, RecordError, address, forms
from lab.tools.record_names import Names
from tests.support.tables import load_yaml

A = "000190101234"
ORIGINALS = ("000190101234", "000297600001", "DGCVI", "DGCVIARCH", "DGREP", "symcli01", "127.0.0.1")


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    with Lab(directory=tmp_path / "lab", clock="manual") as running:
        yield running


@pytest.fixture
def arguments(lab: Lab, tmp_path: Path) -> list[str]:
    about = lab.connections["symcli_demo"]
    return [
        "record", "--host", f"{about['login']}@{about['host']}:{about['port']}",
        "--key", about["extra"]["key_file"], "--host-key", about["extra"]["host_key"],
        "--out", str(tmp_path / "cases"), "--sid", A, "--devices", "1234,4321", "--groups", "DGCVI,DGREP",
    ]  # fmt: skip


def cases(directory: Path) -> dict[str, dict[str, Any]]:
    found = [load_yaml(path.read_text()) for path in sorted(directory.glob("*.yaml"))]
    return {case["name"]: case for case in found}


def test_recording_the_lab(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    before = lab.sessions()
    assert main([*arguments, "--names", str(tmp_path / "names.json")]) == 0
    assert lab.sessions() == before
    out = tmp_path / "cases"
    for path in out.iterdir():
        text = path.read_text()
        assert not [name for name in ORIGINALS if name.lower() in text.lower()], path.name
    found = cases(out)
    devices = found["devices-xml"]
    assert (devices["exit"], devices["stderr"], devices["se_version"]) == (0, "", "V10.1.0.0")
    assert devices["environment"] == {"SYMCLI_WAIT_ON_DB": "1", "SYMCLI_WAIT_ON_GK": "1"}
    assert devices["stdout"].count("<CLONE_Device>") == 2 and "<dev_name>1234</dev_name>" in devices["stdout"]
    assert found["verify-copied-1"]["exit"] == 0 and found["verify-created-1"]["exit"] != 0
    # The same array and group everywhere, and columns where they were.
    table = json.loads((tmp_path / "names.json").read_text())
    assert table[A] in found["arrays"]["stdout"] and devices["command"][2] == table[A]
    assert table["DGCVI"] in found["groups"]["stdout"] and found["query-1"]["command"][2] == table["DGCVI"]
    assert all(len(k) == len(v) for k, v in table.items())
    assert len(set(table.values())) == len(table)
    assert (tmp_path / "names.json").stat().st_mode & 0o077 == 0
    sent = [e["command"] for e in lab.commands()]
    assert not [c for c in sent if re.search(r"\b(recreate|activate|create|terminate)\b", c)]


def test_the_next_recording_uses_the_same_stand_ins(arguments: list[str], tmp_path: Path) -> None:
    words = [*arguments, "--names", str(tmp_path / "names.json")]
    texts = []
    for _ in range(2):
        assert main(words) == 0
        texts.append({n: (c["command"], c["stdout"]) for n, c in cases(tmp_path / "cases").items()})
    assert texts[0] == texts[1]
    inside = [*arguments, "--names", str(tmp_path / "cases" / "names.json")]
    assert main(inside) == 2


@pytest.mark.may_break(1)
def test_controls_need_the_flag_and_the_word(
    lab: Lab, arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert main([*arguments, "--controls"]) == 2
    assert lab.commands() == []
    monkeypatch.setattr("sys.stdin", io.StringIO("OVERWRITE\n"))
    assert main([*arguments, "--controls"]) == 0
    assert cases(tmp_path / "cases")["control-recreate-1"]["exit"] == 0


def test_an_airflow_connection(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SYMCLI_DEMO", json.dumps(lab.connections["symcli_demo"]))
    assert main(["record", "--host", "symcli_demo", "--out", str(tmp_path / "cases")]) == 0
    assert set(cases(tmp_path / "cases")) == {
        "banner", "definitions", "arrays", "arrays-xml", "locks", "locks-all", "groups", "groups-xml",
        "no-such-group", "no-such-group-ld-xml",
    }  # fmt: skip


def test_another_host_key_is_refused(lab: Lab, arguments: list[str], capsys: Any) -> None:
    other = lab.connections["lnxpp01"]["extra"]["host_key"]
    assert main([*arguments, "--host-key", other]) == 2
    assert "Host key" in capsys.readouterr().err and lab.commands() == []


@pytest.mark.parametrize(
    ("words", "reads"),
    [
        ("symclone -g DG query", True),
        ("symclone -sid 1 list -output xml_e", True),
        ("symdg show recreated", True),
        ("symdg show delete", False),
        ("symclone -g DG recreate -noprompt", False),
        ("symclone -g DG recr query", False),
        ("symclone -g DG query recr", False),
        ("symclone -x query terminate", False),
        ("symclone -g DG", False),
        ("symcfg discover", False),
        ("symdev not_ready 1234", False),
        ("symconfigure list", False),
        ("rm -rf /", False),
    ],
)
def test_only_what_reads_is_sent(words: str, reads: bool, tmp_path: Path) -> None:
    assert Form("x", tuple(words.split())).reads() is reads
    file = tmp_path / "forms.yaml"
    file.write_text(yaml.safe_dump({"forms": [{"name": "x", "words": words.split()}]}))
    given: dict[str, list[str]] = {"sid": [], "devices": [], "group": []}
    if reads:
        assert len(forms(file, given)) == 1
    else:
        with pytest.raises(RecordError, match="not known to read only"):
            forms(file, given)


def test_the_forms_that_come_with_it() -> None:
    found = forms(FORMS, {"sid": [A], "devices": ["1234"], "group": ["DG1", "DG2"]})
    assert {f.name for f in found if f.control} == {
        f"control-{a}-{n}" for a in ("recreate", "activate") for n in (1, 2)
    }
    assert all(f.control or f.reads() for f in found) and len({f.name for f in found}) == len(found)


@pytest.mark.parametrize(
    "text",
    [
        "SymmID 000190101234 and again 000190101234, SYMMETRIX+000190101234",
        "wwn 60000970000190101234533030334144 port 50000973A8001234 50:00:09:73:a8:00:12:34",
        "host dbhost01.example.org, DBHOST01; group DG_PROD in DG_PROD_OLD and xDG_PRODx",
        "a short name: ab, not inside cabin",
    ],
)
def test_names_are_replaced_alike_and_keep_their_width(text: str) -> None:
    names = Names()
    for name in ("dbhost01", "DG_PROD", "ab"):
        names.learn(name)
    hidden = names.hide(text)
    assert len(hidden) == len(text) and names.hide(text) == hidden and names.hide(hidden) == hidden
    assert names.left_in(hidden) == []
    for original in re.findall(r"0001901\d+|\w*0970\w+|5000\w+|(?i:dbhost01)|DG_PROD|(?<=: )ab", text):
        assert not re.search(rf"(?<![A-Za-z]){original}|{original}(?![A-Za-z])", hidden)
    assert "cabin" in hidden or "cabin" not in text


@pytest.mark.parametrize("text", ["a b", "user@", "@host", "host:port"])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(RecordError, match="--host"):
        address(text, None, None)


READER = """
import json, sys, pathlib
text = pathlib.Path(sys.argv[1]).read_text()
if "<CLONE_Device>" not in text:
    sys.exit("no clone in it")
print(json.dumps({"pairs": text.count("<CLONE_Device>")}))
"""


def test_replay(arguments: list[str], tmp_path: Path, capsys: Any) -> None:
    assert main(arguments) == 0
    reader = tmp_path / "reader.py"
    reader.write_text(READER)
    capsys.readouterr()
    assert main(["replay", str(tmp_path / "cases"), "--reader", f"{sys.executable} {reader}"]) == 1
    lines = capsys.readouterr().out.splitlines()
    read = {line.split()[1]: line.split()[2:] for line in lines if line.startswith("read")}
    devices = next(p.name for p in (tmp_path / "cases").glob("*-devices-xml.yaml") if "no-such" not in p.name)
    assert read[devices] == ['{"pairs":', "2}"]
    assert any(line.startswith("NOT READ") and line.endswith("no clone in it") for line in lines)
    reader.write_text("print('{}')")
    assert main(["replay", str(tmp_path / "cases"), "--reader", f"{sys.executable} {reader}"]) == 0
    reader.write_text("print('fine')")
    assert main(["replay", str(tmp_path / "cases"), "--reader", f"{sys.executable} {reader}"]) == 1
    assert "no JSON" in capsys.readouterr().out
    assert main(["replay", str(tmp_path / "nowhere")]) == 1
