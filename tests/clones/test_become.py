"""`become` before what is no resource's: SYMCLI, hooks and down checks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clones.act.hooks import command_of
from clones.asking.steps import Command
from clones.backends.symclone import commands, preflight
from clones.become import Become
from clones.config import DownCheck, Symcli
from clones.config.hooks import Hook
from clones.config.scope import Scope
from clones.guards.site_check import SiteCheckGuard
from clones.states import PairSeen
from hooks.configuration import load
from tests.conftest import SERVICES

CONFIG = load(SERVICES)
SUDO = ("/usr/bin/sudo", "-n")


def of_symcli(symcli: Symcli) -> Iterator[Command]:
    """Every command of SYMCLI."""
    scope = Scope("aastmphpux", CONFIG.services["aastmphpux"], symcli)
    sync = scope.service.sync("data")
    pairs = [PairSeen(pair, 0x1234 + at, 0x4321 + at, None) for at, pair in enumerate(sync.pairs)]
    yield from (
        make(symcli, "ctl") for make in (commands.version, commands.list_arrays, commands.list_groups)
    )
    yield from (make(symcli, "ctl", "DG") for make in (commands.list_group, commands.create_group))
    yield commands.delete_group(symcli, "ctl", "DG")
    yield commands.remove_name(symcli, "ctl", "DG", "DEV001")
    yield commands.add_device(symcli, "ctl", "DG", ("000190101234", "DEV001", 0x1234), target=True)
    yield commands.list_devices(symcli, "ctl", "000190101234", ["1234"])
    for control in (
        commands.create, commands.recreate, commands.activate, commands.restore, commands.end_restored,
        commands.terminate, commands.query, commands.verify_precopied,
    ):  # fmt: skip
        yield control(scope, sync, "000190101234", pairs)


def test_symcli_is_run_behind_env_and_every_text() -> None:
    plain, rooted = Symcli(), Symcli(become="sudo")
    for one, other in zip(of_symcli(plain), of_symcli(rooted), strict=True):
        at = next(n for n, word in enumerate(one.words) if word.startswith("/usr/symcli/bin/"))
        assert one.words[at - 1] == commands.ENVIRONMENT[-1], "nothing but the program stands behind env"
        assert other.words == (*one.words[:at], *SUDO, *one.words[at:])
        assert (one.as_root, other.as_root) == ((), (one.words[at:],))
        assert (other.title, other.changes, other.timeout) == (one.title, one.changes, one.timeout)


def test_preflight_looks_for_no_program_that_only_root_may_see() -> None:
    assert preflight.programs(Symcli(become="sudo"), []) == ()
    assert "/usr/symcli/bin/symclone" in preflight.programs(Symcli(), [])


@pytest.mark.parametrize("become", ["none", "sudo", "doas", "/opt/freeware/bin/sudo"])
def test_hooks_and_down_checks(become: str) -> None:
    words, stands = ("/opt/site/do", "it"), Become.read(become).words
    scope = Scope("lnxpp", CONFIG.services["lnxpp"], CONFIG.symcli)
    hook = command_of(scope, Hook(name="a", command=words, become=become))
    check = SiteCheckGuard(DownCheck(name="a", connection="h", command=words, become=become)).probe()
    for command in (hook, check):
        assert command.words == (*stands, *words)
        assert command.as_root == ((words,) if stands else ())
    assert (hook.changes, check.changes) == (True, False)
