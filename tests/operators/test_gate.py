"""Hosts with a gate: what it lets through is done as without one; what it refuses is said, and not run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from cli import gate as script
from clones.config import Config
from clones.config.scope import Scope
from clones.errors import Refused
from clones.observe.sync import observe
from clones.policy.catalogue import by_connection
from clones.policy.make import make
from clones.policy.sent import Part
from hooks.configuration import load
from hooks.symcli import SymcliHook
from hooks.symcli_async import SymcliHookAsync
from operators.preflight import PreflightOperator
from operators.service import ServiceStopOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from reporting.completed import ACTIVATION, copy_asset
from tests.conftest import ONE_ARRAY, SERVICES, Log, perform, sent

NOW = datetime.now(UTC)
SERVICE = "aastmphpux"


def guarded(lab: Any, config: Config, *hosts: str) -> None:
    """Each of these hosts gets a gate with the policy of that configuration; by default all."""
    for connection in hosts or by_connection(config):
        lab.host(connection).gate(make(connection, config, {}, NOW).text)


def without(service: str) -> Config:
    """The demo's services.yaml as it was before that service."""
    config: Config = load(SERVICES)
    return config.model_copy(
        update={"services": {name: one for name, one in config.services.items() if name != service}}
    )


def refresh(lab: Any, context: dict[str, Any]) -> None:
    perform(lab, ServiceStopOperator(task_id="stop", service=SERVICE), context)
    for kind in (SymcloneRecreateOperator, SymcloneActivateOperator):
        perform(lab, kind(task_id="step", service=SERVICE, sync="data"), context)


@pytest.mark.on_each_array
def test_a_copy_is_made_through_gates(lab: Any, context: dict[str, Any]) -> None:
    guarded(lab, load(SERVICES))
    refresh(lab, context)
    assert len(sent(lab, "recreate")) == len(sent(lab, "activate")) == 1
    assert not [entry for entry in lab.commands() if entry.get("exit") == 119]


@ONE_ARRAY
def test_a_service_that_its_policy_does_not_know(lab: Any, context: dict[str, Any], log: Log) -> None:
    guarded(lab, without(SERVICE))
    states = lab.sessions()
    with pytest.raises(Refused, match="The gate of symcli_demo does not let") as error:
        refresh(lab, context)
    assert "scripts/gate symcli_demo" in str(error.value) and "/etc/symclone-gate.policy" in str(error.value)
    assert lab.sessions() == states and not sent(lab, "recreate")


@ONE_ARRAY
def test_an_activation_that_is_refused_is_kept_as_not_sent(lab: Any, context: dict[str, Any]) -> None:
    """Nobody's activation is under way then: the next run decides by what the array shows."""
    config = load(SERVICES)
    perform(lab, ServiceStopOperator(task_id="stop", service=SERVICE), context)
    perform(lab, SymcloneRecreateOperator(task_id="recreate", service=SERVICE, sync="data"), context)
    policy = make("symcli_demo", config, {}, NOW).text
    lab.host("symcli_demo").gate(policy.replace(" activate -i", " activatE -i"))
    store = context["asset_state_store"][copy_asset(SERVICE, "data")]
    states = lab.sessions()
    assert not store.get(ACTIVATION)
    with pytest.raises(Refused, match="activate"):
        perform(lab, SymcloneActivateOperator(task_id="activate", service=SERVICE, sync="data"), context)
    assert lab.sessions() == states and not store.get(ACTIVATION)
    lab.host("symcli_demo").gate(policy)
    perform(lab, SymcloneActivateOperator(task_id="activate", service=SERVICE, sync="data"), context)
    assert lab.sessions() != states and store.get(ACTIVATION)


@ONE_ARRAY
async def test_a_wait_is_told_by_the_triggerer_too(lab: Any) -> None:
    config = load(SERVICES)
    scope = Scope.of(SERVICE, config.services[SERVICE], config.symcli)
    hook = SymcliHookAsync()
    guarded(lab, config, "symcli_demo")
    assert (await hook.run(observe(scope, scope.service.syncs[0]))).pairs
    guarded(lab, without(SERVICE), "symcli_demo")
    with pytest.raises(Refused, match="The gate of symcli_demo does not let"):
        await hook.run(observe(scope, scope.service.syncs[0]))
    await hook.close()


def preflight(context: dict[str, Any]) -> list[tuple[str, str]]:
    """What it says of gates."""
    with contextlib.suppress(AirflowFailException):
        PreflightOperator(task_id="check").execute(context)
    return [(one["level"], one["what"]) for one in context["ti"].xcom["findings"] if "gate" in one["what"]]


@ONE_ARRAY
def test_preflight_with_gates(lab: Any, context: dict[str, Any]) -> None:
    guarded(lab, load(SERVICES))
    levels = [level for level, _ in preflight(context)]
    assert levels == ["ok"] * 3
    assert not [one for one in context["ti"].xcom["findings"] if one["level"] in ("error", "unknown")]
    guarded(lab, without("lnxpp"), "symcli_demo")
    lab.host("lnxpp01").gate(None)
    found = preflight(context)
    assert (
        "error",
        f"its gate has another policy than services.yaml calls for: made {NOW:%Y-%m-%dT%H:%M:%SZ}",
    ) in found
    assert ("ok", "it has no gate: the key of its connection opens a shell") in found


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`scripts/gate`: its exit code, and what it printed."""

    def with_words(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scripts/gate", *words])
        code = script.main()
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return with_words


UNPINNED = ('"DEV001=1236:CLONE001=4323"', '"DEV001:CLONE001"')


@pytest.fixture
def unpinned(tmp_path: Path) -> str:
    text = SERVICES.read_text()
    assert UNPINNED[0] in text
    path = tmp_path / "services.yaml"
    path.write_text(text.replace(*UNPINNED))
    return str(path)


@pytest.mark.root_login("it calls SYMCLI by hand, as the account itself")
@ONE_ARRAY
def test_the_script_asks_the_control_host_for_its_groups(
    lab: Any, run: Run, unpinned: str, tmp_path: Path
) -> None:
    code, policy, said = run("symcli_demo", "--config", unpinned)
    assert code == 0 and "1236%204323" in policy and "LEFT OUT" not in said
    assert "Copy it to symcli_demo as /etc/symclone-gate.policy: owner root, mode 0644." in said
    lab.host("symcli_demo").gate(policy)
    code, alone, said = run("symcli_demo", "--config", unpinned, "--offline")
    assert code == 2 and "1236%204323" not in alone
    assert "LEFT OUT: sync warehouse of service reporting_copies: device group DGREP was not read" in said
    with SymcliHook("symcli_demo") as hosts:
        words = ["/usr/symcli/bin/symdg", "-g", "DGREP", "list", "ld", "-output", "xml_e"]
        lab.host("symcli_demo").gate(None)
        shown = hosts.run_command(words).stdout
    xml = tmp_path / "DGREP.xml"
    xml.write_text(shown)
    code, given, _ = run("symcli_demo", "--config", unpinned, "--offline", "--group", f"DGREP={xml}")
    assert code == 0 and "1236%204323" in given


WRONG = {
    "no such host": (["nowhere"], "Nothing is sent to 'nowhere'", "name one of: symcli_demo"),
    "parts without an end": (["symcli_demo", "--with", "provision"], "they need an end", "--until"),
    "a part that is none": (
        ["symcli_demo", "--with", "all"],
        "there is no part 'all'",
        "name provision, retire",
    ),
    "no time": (["symcli_demo", "--until", "tomorrow"], "`--until tomorrow` is no time", "2026-01-31T18:00"),
    "a time that is over": (["symcli_demo", "--until", "2001-01-01"], "is over", "to come"),
    "a group without a file": (["symcli_demo", "--group", "DGREP"], "names no file", "DGCVI=DGCVI.xml"),
    "a file that is not there": (
        ["symcli_demo", "--group", "A=/no/file"],
        "cannot be read",
        "symdg -g A list ld",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(run: Run, case: str) -> None:
    words, what, remedy = WRONG[case]
    code, policy, said = run(*words, "--offline")
    assert (code, policy) == (1, "") and what in said
    assert remedy in said.partition("What to do: ")[2]


def test_parts_end_when_it_is_said(run: Run) -> None:
    end = (NOW + timedelta(days=2)).replace(microsecond=0)
    zoned = end.astimezone().isoformat()
    for until in (end.strftime("%Y-%m-%dT%H:%M:%S"), zoned):
        parts = ",".join(part for part in Part if part is not Part.NORMAL)
        code, policy, _ = run("symcli_demo", "--offline", "--with", parts, "--until", until)
        assert code == 0 and f"for /{SERVICE} until {end:%Y-%m-%dT%H:%M:%SZ}\n" in policy
        assert " -noprompt terminate " in policy and " -noprompt restore " in policy
