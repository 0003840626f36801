"""Which processes are taken for commands of an earlier try (tests/clones/cases/leftovers.yaml)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from clones.asking import fence
from clones.asking.processes import processes
from clones.asking.steps import Command, Result, answer
from clones.asking.whole_answers import END, SCRIPT
from clones.backends.symclone.commands import WITH_PAIR_FILE
from clones.backends.symclone.running import still_running
from clones.config import Service
from clones.config.hooks import Hook
from clones.config.scope import Scope
from clones.errors import Locked, Unknown
from clones.observe.running_commands import nothing_still_runs, refuse_on_hosts
from clones.resources import PLACES
from hooks.configuration import load
from tests.conftest import SERVICES, TWO_SETS
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[1] / "cases" / "leftovers.yaml").read_text())
CONFIG = load(SERVICES)
ON_SETS = load(TWO_SETS)
HEAD = "UID          PID    PPID  C STIME    TTY          TIME CMD\n"
INIT = "root            1       0  0 02:00    ?        00:00:01 init\n"
LISTER = "symcli      4712       1  0 02:31    ?        00:00:00 /usr/bin/ps -ef\n"
STAND_FOR = {
    "group": "/usr/symcli/bin/symclone -g DGCVI -noprompt recreate -i 20 -c 30 DEV001 sym ld CLONE001",
    "fence": f"/bin/sh -c {fence.RUN} fence",
    "pairs": f"/bin/sh -c {WITH_PAIR_FILE} pairs /var/tmp/symclone-airflow",
    "look": f"/bin/sh -c {SCRIPT} look",
}


def scope(name: str) -> Scope:
    """Of an example configuration; `hooked` has hooks on its own host, `rooted` has them as root; `lnxts` is
    on its set b."""
    if name == "lnxts":
        return Scope.of(name, ON_SETS.services[name], ON_SETS.symcli, "b")
    if name not in ("hooked", "rooted"):
        return Scope(name, CONFIG.services[name], CONFIG.symcli)
    service = CONFIG.services["lnxpp"]
    begin = Hook(name="begin", connection="lnxpp01", command=("/opt/oracle/bin/backup", "start"))
    end = Hook(name="end", connection="lnxpp01", command=("/opt/oracle/bin/backup", "stop"))
    first, *others = service.syncs
    around = first.model_copy(update={"before_activate": (begin,), "after_activate": (end,)})
    warn = Hook(name="warn", command=("/opt/site/warn", "--why", "Rückkopie"))
    mask = Hook(name="mask", command=("/opt/site/mask", "/pp/data"))
    changes = {"syncs": (around, *others), "before_stop": (warn,), "before_start": (mask,)}
    made = Scope(name, service.model_copy(update=changes), CONFIG.symcli)
    return made if name == "hooked" else as_root(made)


def as_root(scope: Scope) -> Scope:
    """The same, with `become` wherever it can be."""
    plain = scope.service.model_dump(mode="json", exclude_unset=True)
    hooks = [hook for sync in plain["syncs"] for hook in sync.get("before_activate", ())]
    for one in (*plain["hosts"], *hooks, *plain["before_stop"], *plain["before_start"]):
        one["become"] = "sudo"
    for entry in plain["resources"]:
        entry.get("app", {})["become"] = True
    return Scope(scope.name, Service.model_validate(plain), scope.symcli)


def row(case: dict[str, Any]) -> str:
    words = case["words"]
    for name, text in STAND_FOR.items():
        words = words.replace(f"{{{name}}}", text)
    by_file = r"/usr/symcli/bin/symclone -sid 000297600001 -f /var/tmp/x/\1-0a1b.pairs -noprompt activate"
    words = re.sub(r"\{file:(\S+)\}", by_file, words)[: case.get("cut")]
    return f"root        4711       1  0 {case.get('day', '02:30'):8} ?        00:00:00 {words}"


def test_an_account_that_is_called_as_a_program_is_none() -> None:
    one = CONFIG.services["lnxpp"].sync("data")
    assert still_running(["symclone 2086 1 0 00:00 ? 00:00:00 /usr/bin/ps -ef"], "lnxpp", one) == []


def test_a_command_and_what_runs_it_as_root_are_one() -> None:
    command = STAND_FOR["group"]
    words = (f"/usr/bin/sudo -n {command}", f"/usr/bin/sudo -n {command}", command)
    rows = [row({"words": one}) for one in words]
    sync = CONFIG.services["aastmphpux"].sync("data")
    assert still_running(rows, "aastmphpux", sync) == [command]
    cut = [row({"words": one, "cut": 60}) for one in words]
    assert still_running(cut, "aastmphpux", sync) == [command[:60]]


def listed(text: str, host: str = "h", code: int | None = 0) -> Result:
    return Result(Command(host, ("ps",)), code, text)


@pytest.mark.parametrize("case", CASES["control_host"], ids=lambda case: case["words"][:60])
def test_control_commands(case: dict[str, Any]) -> None:
    service, _, sync = case["sync"].partition(".")
    found = still_running([row(case)], service, CONFIG.services[service].sync(sync))
    assert bool(found) == case["running"], found


@pytest.mark.parametrize("case", CASES["service_host"], ids=lambda case: case["words"][:60])
def test_commands_on_service_hosts(case: dict[str, Any]) -> None:
    service = scope(case["service"])
    host = service.service.hosts[0].connection
    text = f"{HEAD}{INIT}{row(case)}\n{LISTER}{END}\n"
    if not case["running"]:
        refuse_on_hosts(service, [listed(text, host)], "stop", starts=case.get("starts", False))
        return
    with pytest.raises(Locked, match="still runs on") as raised:
        refuse_on_hosts(service, [listed(text, host)], "stop", starts=case.get("starts", False))
    assert " ".join(row(case).split()[-1:]) in str(raised.value)
    assert fence.RUN not in str(raised.value), "the script says nothing to the one who reads it"
    assert not re.search(r"`\S*(sudo|doas|pfexec|pbrun) ", str(raised.value)), (
        "it is named as it was sent for"
    )


def test_what_is_kept_holds_no_nonce_of_a_try() -> None:
    name, place = "000000000012.0a1b2c3d4e5f6071", "/w/fences/svc"
    for text in (f"{place}/{name}", f"fence {place} {name} /usr/bin/umount /x", f"cut at {name[:-3]}"):
        assert "0a1b2c" not in fence.without_nonces(text) and "000000000012." in fence.without_nonces(text)
    owner = "svc@manual__2026-11-28T01:00:00@8f3c0a1b2c3d4e5f@"
    assert fence.without_nonces(owner + "0a1b2c3d4e5f6071") == owner + "..."
    assert fence.without_nonces("/w/svc.data-8764e21ae2a3ad8a.pairs") == "/w/svc.data-8764e21ae2a3ad8a.pairs"


WHOLE = f"{HEAD}{INIT}{LISTER}{END}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ps: not allowed\n",
        WHOLE.replace(LISTER, ""),
        WHOLE.replace(INIT, ""),
        *(WHOLE[:at] for at in range(len(WHOLE))),
    ],
)
def test_a_list_that_is_not_whole_is_none(text: str) -> None:
    with pytest.raises(Unknown, match="could not be listed"):
        processes(listed(text), "h", "Service s: stop is not done")


def test_a_whole_list() -> None:
    assert processes(listed(WHOLE), "h", "x") == [INIT.rstrip("\n"), LISTER.rstrip("\n")]
    with pytest.raises(Unknown):
        processes(listed(WHOLE, code=None), "h", "x")


def test_the_control_host_is_asked_for_a_whole_list() -> None:
    steps = nothing_still_runs(scope("lnxpp"), CONFIG.services["lnxpp"].syncs, "refresh")
    asked = answer(steps)
    assert isinstance(asked, Command) and asked.words[-2:] == ("/usr/bin/ps", "-ef")
    with pytest.raises(Unknown):
        answer(steps, Result(asked, 0, HEAD + LISTER))


def test_every_place_of_a_resource_is_known() -> None:
    """What is sent from a place that is not in the list would not be found on the host."""
    cases = (Path(__file__).parents[1] / "cases" / "resources").glob("*.yaml")
    found = {at for path in cases for at in re.findall(r"\bat: ['\"]?([a-z -]+[a-z])", path.read_text())}
    assert found - {"elsewhere", "unknown"} <= set(PLACES)
