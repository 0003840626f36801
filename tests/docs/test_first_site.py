"""The pages of a first site, and of gate and `become`: the rules that they show are those that are made."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from clones.become import Become
from clones.config import Config
from clones.policy.catalogue import sent_to
from clones.policy.make import make
from clones.privileges.forms import FORMS
from clones.privileges.needs import Asked, needs
from clones.services_yaml.file import read
from tests.conftest import POWERMAX, ROOT, SERVICES

HOW_TO = ROOT / "docs" / "how-to"
FIRST, MORE = ((HOW_TO / name).read_text() for name in ("first-site.md", "gate-and-become.md"))
ON_POWERMAX = (HOW_TO / "first-site-powermax.md").read_text()
NOW = datetime(2026, 1, 5, tzinfo=UTC)
HOST = "aastmphpux"


@pytest.fixture
def config() -> Config:
    """That of the repository, with what the page tells to add."""
    added = re.search(r"```yaml\n    hosts:\n(      - connection: aastmphpux\n.*?)```", FIRST, re.DOTALL)
    assert added
    kept = "      - connection: aastmphpux\n        family: hpux\n"
    text = SERVICES.read_text()
    assert kept in text and added[1].startswith(kept)
    return read(text.replace(kept, added[1]), "services.yaml")


def shown(page: str, begins: str) -> set[str]:
    """Lines of that page's blocks of code, without their indent."""
    code = "\n".join(re.findall(r"```\w*\n(.*?)```", page, re.DOTALL))
    return {line.strip() for line in code.splitlines() if line.strip().startswith(begins)}


def test_the_rules_of_sudo(config: Config) -> None:
    become = config.services[HOST].hosts[0].root
    assert become == Become.read("sudo")
    needed = needs(sent_to(HOST, config), [])
    made = FORMS[become.kind](Asked(HOST, "symclone", become, needed, NOW, config.symcli.on(HOST).bin, None))
    lines = shown(FIRST, "symclone ALL=")
    assert len(lines) >= 3 and lines <= set(made.text.splitlines())
    assert made.left_out == () and made.place in FIRST


def test_the_policy_of_a_service_host(config: Config) -> None:
    lines = shown(MORE, "change ")
    assert len(lines) >= 3 and lines <= set(make(HOST, config, {}, NOW).text.splitlines())


def test_the_policy_of_a_lock_host() -> None:
    made = make("locks_demo", read(POWERMAX.read_text(), str(POWERMAX)), {}, NOW)
    comments = {line for line in made.text.splitlines() if line.startswith("# ")}
    assert comments and comments == shown(ON_POWERMAX, "# ")
