"""Services whose hosts have no root login: each host has its own program, and not all that it must allow.

What sudo and the like say is no answer of the command behind them: nobody takes it for down, or for done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from clones.become import Become
from clones.errors import CloneError, Refused, Unknown
from clones.policy.catalogue import sent_to
from clones.privileges import doas, pfexec
from clones.privileges.allowed import Allowed
from hooks.configuration import load
from operators.symclone import SymcloneRecreateOperator
from tests.conftest import new_context, perform, without_script
from tests.operators.test_families import HOSTS, STARTS, STOPS, Bench, Make, lab_config, services
from tests.operators.test_families import make as make

pytestmark = pytest.mark.root_login("it says by itself how accounts become root")

ACCOUNT = "refresh"
OWN = {"aixpp01": "sudo", "sunpp01": "pfexec", "lnxvx01": "doas"}
SUDO = dict.fromkeys(OWN, "sudo")
CHECKED = {"start": ["/bin/true"], "stop": ["/bin/true"], "check": ["/opt/pp/bin/status"], "become": True}


def all_but(*programs: str) -> str:
    """A sudoers file that allows everything else."""
    rules = ", ".join(["ALL", *(f"!{program}" for program in programs)])
    return f"{ACCOUNT},symcli ALL=(root) NOPASSWD: {rules}\nDefaults env_keep += SYMCLI_*\n"


def with_become(kinds: dict[str, str]) -> dict[str, Any]:
    """The services of the families."""
    written = services()
    for service in written.values():
        for host in service["hosts"]:
            host["become"] = kinds[host["connection"]]
    return written


def limited(make: Make, kinds: dict[str, str], written: dict[str, Any], rules: dict[str, str]) -> Bench:
    """A lab whose hosts have no root login.

    :param rules: by host, the text of the rule file of its program.
    """
    lab = lab_config()
    for host in lab["hosts"]:
        if host["connection_id"] in rules:
            host["rights"] = {kinds[host["connection_id"]]: rules[host["connection_id"]]}
            host["login"] = "symcli" if host["family"] == "control" else ACCOUNT
    return make(lab, written)


def allowed(connection: str, written: dict[str, Any], tmp_path: Path) -> list[Allowed]:
    """What is sent there as root."""
    path = tmp_path / "written.yaml"
    path.write_text(yaml.safe_dump({"services": written}))
    every = sent_to(connection, load(path))
    return [Allowed(words, sent.reason) for sent in every for words in sent.command.as_root]


@pytest.mark.parametrize("service", HOSTS)
def test_each_family_by_its_own_program(make: Make, tmp_path: Path, service: str) -> None:
    """Of doas and pfexec with no more than what is printed for them, but for what doas has no rule for: it
    knows no patterns, and what the kernel calls a disk is another each time."""
    written, host = with_become(OWN), HOSTS[service]
    rules = {
        "aixpp01": all_but(),
        "sunpp01": pfexec.profile(ACCOUNT, allowed("sunpp01", written, tmp_path)),
        "lnxvx01": doas.conf(ACCOUNT, allowed("lnxvx01", written, tmp_path), ["LC_ALL"])
        + f"permit nopass {ACCOUNT} as root cmd /usr/sbin/blockdev\n",
    }
    bench = limited(make, OWN, written, rules)
    bench.stop(service)
    bench.refresh(service)
    bench.start(service)
    become = Become.read(OWN[host]).text
    sent = bench.changes(host)
    assert [one.replace(f"{become} ", "") for one in sent] == STOPS[service] + STARTS[service]
    raw = [one["command"] for one in bench.lab.journal if one.get("host") == host and one.get("command")]
    changes = [one for one in raw if without_script(one) in sent]
    assert len(changes) >= len(sent) and all(become in one for one in changes)


def recreate(bench: Bench, service: str) -> None:
    task = SymcloneRecreateOperator(
        task_id="recreate", service=service, sync="data", config=str(bench.config)
    )
    perform(bench.lab, task, new_context())


DENIED = [
    ("aixpp", Bench.stop, "/usr/sbin/umount", Refused),
    ("aixpp", Bench.stop, "/usr/sbin/exportvg", Refused),
    ("aixpp", recreate, "/usr/sbin/fuser", Unknown),
    ("sunpp", Bench.stop, "/usr/sbin/vxdg", Unknown),
    ("lnxvx", recreate, "/usr/sbin/vxdisk", Unknown),
    ("lnxvx", recreate, "/opt/pp/bin/status", Unknown),
]
"""What sudo does not run, what meets that first, and how it ends."""


@pytest.mark.parametrize(("service", "task", "program", "kind"), DENIED)
def test_what_is_not_run_is_neither_done_nor_down(
    make: Make, service: str, task: Callable[[Bench, str], None], program: str, kind: type[CloneError]
) -> None:
    """Its exit code is 1: of a check "down", of fuser "nobody"."""
    host = HOSTS[service]
    bench = limited(make, SUDO, with_become(SUDO), {host: all_but()})
    if task is recreate:
        bench.stop(service)
    if program.startswith("/opt"):
        written = with_become(SUDO)
        written[service]["resources"].append({"app": {"name": "pp", **CHECKED}})
        bench.config.write_text(yaml.safe_dump({"services": written}))
    bench.lab.host(host).rights(sudo=all_but(program))
    before = bench.lab.sessions()
    with pytest.raises(kind) as raised:
        task(bench, service)
    assert re.search(r"sudo: (a password is required|\S+: command not found)", str(raised.value))
    assert f"run `scripts/privileges {host}`" in str(raised.value)
    assert bench.lab.sessions() == before


def test_a_control_host_that_does_not_run_symclone(make: Make) -> None:
    host = "symcli_families"
    rules = {host: all_but("/usr/symcli/bin/symclone")}
    bench = limited(make, {**SUDO, host: "sudo"}, services(), rules)
    written = {"symcli": {"become": "sudo"}, "services": services()}
    bench.config.write_text(yaml.safe_dump(written))
    bench.stop("aixpp")
    before = bench.lab.sessions()
    with pytest.raises(Refused, match=f"{host} does not run .* as root: sudo: a password is required"):
        recreate(bench, "aixpp")
    assert bench.lab.sessions() == before
    bench.lab.host(host).rights(sudo=all_but())
    recreate(bench, "aixpp")
    assert bench.lab.sessions() != before
