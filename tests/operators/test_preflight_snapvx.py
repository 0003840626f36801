"""The check of a site with a Unisphere against the lab: what each fault is called; and nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from clones.backends.snapvx.names import prefix
from lab import Lab
from lab.config import load
from operators.preflight import PreflightOperator
from tests.conftest import POWERMAX, POWERMAX_LAB
from tests.support.without_ssh import connect_directly

SYMID = "000297600001"
OURS = f"{prefix('pm', f'data/{SYMID}/test_data_sg')}20260101T000000ab"
Findings = list[dict[str, str]]
Site = dict[str, Any]


def grave(findings: Findings) -> list[tuple[str, str, str, str]]:
    """All that is not as it should be, but for Airflow's pools."""
    found = [f for f in findings if f["level"] != "ok" and f["where"] != "Airflow"]
    return [(f["level"], f["where"], f["what"], f["remedy"]) for f in found]


@pytest.fixture
def preflight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: dict[str, Any]
) -> Callable[..., Findings]:
    """The task's findings about the example's services, of a run that has only looked.

    `before` changes the lab's configuration, `services` the example's text, `then` the running lab.
    """

    def run(
        before: Callable[[Site], None] = lambda site: None,
        services: tuple[str, str] = ("", ""),
        then: Callable[[Any], None] = lambda lab: None,
        **arguments: Any,
    ) -> Findings:
        site = load(POWERMAX_LAB).model_dump(by_alias=True)
        before(site)
        text = POWERMAX.read_text()
        assert services[0] in text
        config = tmp_path / "services.yaml"
        config.write_text(text.replace(*services))
        with Lab(site, directory=tmp_path / "lab", clock="manual", ports=False) as lab:
            connect_directly(monkeypatch, lab)
            then(lab)
            was = lab.snapshots(SYMID)
            task = PreflightOperator(task_id="check", config=str(config), **arguments)
            try:
                task.execute(context)  # type: ignore[arg-type]
            except AirflowException as error:
                assert "Preflight: " in str(error)
            assert lab.snapshots(SYMID) == was
            asked = [entry for entry in lab.journal if entry["event"] == "request"]
            assert {entry["method"] for entry in asked} <= {"GET"}
            sent = [
                (e["path"], str(e.get("query"))) for e in asked if e["path"] != "/version"
            ]  # the client's
            assert len(set(sent)) == len(sent), "a request was sent twice"
        findings: Findings = context["ti"].xcom["findings"]
        assert all(finding["remedy"] for finding in findings if finding["level"] != "ok")
        return findings

    return run


def test_the_example_is_fit(preflight: Callable[..., Findings]) -> None:
    findings = preflight()
    assert {level for level, *_ in grave(findings)} == {"warning"}
    told = [f["what"] for f in findings]
    assert any(
        what.startswith("its certificate is trusted, and it lets the user in; Unisphere T10.4")
        for what in told
    )
    assert f"array {SYMID} is known: PowerMax_2500, microcode 6079.175.0" in told
    assert f"2 pairs on {SYMID}, as configured: Copied" in told
    assert f"1 pair on {SYMID}, as configured: Linked" in told
    assert not any("SYMCLI" in what for what in told), "the lock host needs none"
    foreign = [what for level, _, what, _ in grave(findings) if "has not taken" in what]
    assert len(foreign) == 3 and "snapshot first_data of " in foreign[0]


def edit(path: str, value: Any) -> Callable[[Site], None]:
    """Set what stands at a path of keys and numbers."""

    def change(site: Site) -> None:
        *keys, last = [int(key) if key.isdecimal() else key for key in path.split("/")]
        found: Any = site
        for key in keys:
            found = found[key]
        found[last] = value

    return change


def user(**fields: Any) -> Callable[[Site], None]:
    def change(site: Site) -> None:
        site["unispheres"][0]["users"][0].update(fields)

    return change


def unlinked(site: Site) -> None:
    site["arrays"][0]["links"] = []


def snapshot(**fields: Any) -> Callable[[Site], None]:
    """One of service pm's own, beside the one that is linked."""

    def change(site: Site) -> None:
        site["arrays"][0]["snapvx"]["secure"] = "accepted"
        one = {"group": "prod_data_sg", "name": OURS, "age_hours": 30, "ours": True, **fields}
        site["arrays"][0]["snapshots"].append(one)

    return change


def group(name: str, *devices: str) -> Callable[[Any], None]:
    return lambda lab: lab.set_group(SYMID, name, list(devices))


def fault(kind: str, **words: Any) -> Callable[[Any], None]:
    return lambda lab: lab.fault(kind, **words)


DATA = "service pm, sync data"
SERVER = "host unisphere_demo"
CASES: dict[str, tuple[dict[str, Any], tuple[str, str, str, str]]] = {
    "another CA": (
        {"then": fault("other_ca", host="unisphere01")},
        ("error", SERVER, "shows a certificate that is not trusted", "CA's certificate"),
    ),
    "down": ({"then": fault("down", host="unisphere01")}, ("unknown", SERVER, "cannot be reached", "host")),
    "password": (
        {"before": user(password="of-yesterday"), "then": None},
        ("error", SERVER, "does not accept the login of its Airflow connection: as symclone", "`password`"),
    ),
    "no role": (
        {"before": user(role="none")},
        ("error", SERVER, "array", "role"),
    ),
    "too old": (
        {"before": edit("unispheres/0/switches/version", "9.2")},
        ("ok", SERVER, "Unisphere V9.2.0.6", ""),
    ),
    "a proxy's page": (
        {"then": fault("http", status=503, body="<html>", type="text/html", count=50)},
        ("unknown", SERVER, "does not say which version", "Unisphere for PowerMax runs"),
    ),
    "unknown array": (
        {"services": ('symid: "000297600001"', 'symid: "000297600009"')},
        ("error", SERVER, "array 000297600009 of pm, reports is not known there", "`symid`"),
    ),
    "not local": (
        {"before": edit("unispheres/0/remote_arrays", ["000297600001"]), "local": False},
        ("error", SERVER, "managed by another Unisphere", "`unisphere` in services.yaml"),
    ),
    "old microcode": (
        {"before": edit("arrays/0/microcode", "5876.286.194")},
        ("error", SERVER, "microcode 5876.286.194, which has no SnapVX", "backend: symclone"),
    ),
    "new microcode": (
        {"before": edit("arrays/0/microcode", "7001.1")},
        ("warning", SERVER, "what is known of SnapVX is of 5977 to 6079", "nobody needs"),
    ),
    "no source group": (
        {"services": ("source_group: prod_data_sg", "source_group: prod_data_gs")},
        ("error", DATA, "storage group prod_data_gs", "fix its name"),
    ),
    "no target group": (
        {"services": ("target_group: test_data_sg", "target_group: test_data_gs")},
        ("error", DATA, "storage group test_data_gs", "fix its name"),
    ),
    "a source group that grew": (
        {"then": group("prod_data_sg", "00A10", "00A11", "00A20")},
        ("error", DATA, "storage group prod_data_sg also holds 00A20", "`source_group`"),
    ),
    "a target group that lacks one": (
        {"then": group("test_data_sg", "00B10")},
        ("error", DATA, "storage group test_data_sg does not hold 00B11", "`target_group`"),
    ),
    "another source": (
        {"services": ('["00A10:00B10", "00A11:00B11"]', '["00A11:00B10", "00A10:00B11"]')},
        (
            "error",
            f"{DATA}, 00A11 -> 00B10 (00A10 -> 00B10)",
            "is linked to source 00A10, not to 00A11",
            "compare `pairs`",
        ),
    ),
    "not linked": (
        {"before": unlinked},
        ("error", f"{DATA}, 00A10 -> 00B10", "no session", "`pm_provision`"),
    ),
    "not linked, in another order": (
        {"before": unlinked, "then": group("test_data_sg", "00B11", "00B10")},
        ("warning", DATA, "the link would make the pairs 00A10:00B11, 00A11:00B10", "test_data_sg again"),
    ),
    "a smaller target": (
        {"before": lambda site: (unlinked(site), edit("arrays/0/devices/3/megabytes", 10240)(site))},
        ("error", f"{DATA}, 00A10 -> 00B10", "the target has ", "at least as large"),
    ),
    "a target with snapshots": (
        {
            "before": lambda site: (
                unlinked(site),
                site["arrays"][0]["snapshots"].append({"group": "test_data_sg", "name": "x", "policy": True}),
            )
        },
        ("error", f"{DATA}, 00A10 -> 00B10", "its target 00B10 is the source of snapshots", "policy"),
    ),
    "a secure one of ours": (
        {"before": snapshot(secure_hours=48)},
        ("warning", DATA, f"snapshot {OURS} is secure", "who made it secure"),
    ),
    "an expired one of ours, linked": (
        {
            "before": lambda site: (
                snapshot(ttl_hours=0.0001)(site),
                edit("arrays/0/links/0/snapshot", OURS)(site),
            ),
            "then": lambda lab: lab.advance(60),
        },
        ("warning", DATA, f"snapshot {OURS} has expired: it ends with its link", "`time_to_live`"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_fault_has_its_name(preflight: Callable[..., Findings], name: str, monkeypatch: Any) -> None:
    options, (level, where, what, remedy) = CASES[name]
    options = dict(options)
    if options.pop("local", True) is False:
        edit_remote = options["before"]
        options["before"] = lambda site: (edit("unispheres/0/arrays", [])(site), edit_remote(site))
    if name == "password":
        options["then"] = lambda lab: _password(lab, monkeypatch, "of-the-lab")
    found = preflight(**options)
    match = [
        f
        for f in found
        if f["level"] == level and f["where"] == where and what in f["what"] and remedy in f["remedy"]
    ]
    assert match, "\n" + "\n".join(map(str, grave(found)))


def _password(lab: Any, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    connection = {**lab.connections["unisphere_demo"], "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_UNISPHERE_DEMO", json.dumps(connection))


def test_without_its_server_nothing_is_said_of_copies(preflight: Callable[..., Findings]) -> None:
    """One finding of the server, what was not looked at for it, and all else."""
    found = preflight(then=fault("down", host="unisphere01"))
    assert [(level, where) for level, where, *_ in grave(found) if level != "warning"] == [
        ("unknown", SERVER),
        ("unknown", "service pm, sync data, archivelogs"),
        ("unknown", "service reports, sync data"),
    ]
    assert any(f["where"].startswith("service pm, fs /pm/data") for f in found)
