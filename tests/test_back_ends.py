"""Only a back end names the programs, or the URLs, by which its arrays are asked and told."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.imports import arrows

PLUGINS = ROOT / "plugins"
PROGRAMS = re.compile(
    r"(?<![\w.])(?:symclone|symdev|symdg|symld|symcfg|symaudit)(?![\w.:-])|univmax|restapi|/replication/"
)
"""Of one back end alone. What only begins so is an id, a metric, a file of ours, or a module's name."""
WORK_FOLDER = re.compile(r"/var/\w+/symclone\b")
MAY_NAME = {
    # by which name services.yaml knows it
    "clones/backends/__init__.py": {"symclone"},
    "clones/backends/checking.py": {"symclone"},
    "clones/backends/doing.py": {"symclone"},
    # keys and values of services.yaml, and what they are for
    "clones/config/syncs.py": {"symclone", "symdg"},
    "clones/names.py": {"symdg"},
    "clones/services_yaml/unpinned.py": {"symdg"},
    # what it imports from says so
    "opensvc/services.py": {"symclone"},
    "opensvc/syncs.py": {"symcfg", "symclone", "symdg"},
    # what a control host lets through, or lets run as root
    "cli/one_host.py": {"symdg"},
    "cli/privileges.py": {"symclone"},
    "clones/policy/catalogue.py": {"symclone"},
    "clones/policy/control_hosts.py": {"symclone"},
    "clones/privileges/sudoers.py": {"symclone"},
    # the tag of a DAG
    "operators/each_service.py": {"symclone"},
}
"""Modules outside the back ends' own folders that name these all the same."""


def named(text: str) -> set[str]:
    """Programs and parts of URLs that the texts of a module name; its docstrings are no texts."""
    tree = ast.parse(text)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    return {found[0] for one in texts for found in PROGRAMS.finditer(WORK_FOLDER.sub("", one))}


def back_end(module: str) -> str:
    """The back end that a module is of; empty for all others."""
    found = re.match(r"clones\.backends\.(\w+)(?:\.|$)", module)
    is_package = found is not None and (PLUGINS / "clones" / "backends" / found[1]).is_dir()
    return found[1] if found and is_package else ""


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_a_back_end_names_its_programs_and_urls(path: Path) -> None:
    name = path.relative_to(PLUGINS).as_posix()
    module = name.removesuffix(".py").replace("/", ".")
    if not back_end(module):
        assert named(path.read_text()) == MAY_NAME.get(name, set())


def test_no_back_end_knows_another() -> None:
    found = arrows(PLUGINS, PLUGINS)
    assert {back_end(name) for name in found} == {"", "symclone", "snapvx"}
    strange = [
        f"{name} imports {other}"
        for name, others in found.items()
        for other in others
        if back_end(name) and back_end(other) not in ("", back_end(name))
    ]
    assert strange == []


MAY_KNOW = {
    "clones.backends": "lists them",
    "clones.backends.checking": "lists them",
    "clones.backends.doing": "lists them",
    "clones.runs.merge_back": "there is none but with symclone",
    "clones.policy.catalogue": "what a host lets through, by either back end",
    "clones.policy.control_hosts": "the same, of control hosts",
    "clones.policy.make": "which devices a group of symclone holds goes into a policy",
    "clones.privileges.forms": "what SYMCLI needs of its environment",
    "clones.privileges.sudoers": "likewise",
    "cli.one_host": "reads such a group from a file",
    "cli.read_answer": "reads recorded answers of symclone",
    "hooks.unisphere": "is the client of that API",
}


def test_who_knows_one_back_end_is_named_here() -> None:
    knows = {
        name
        for name, others in arrows(PLUGINS, PLUGINS).items()
        if not back_end(name) and any(back_end(other) for other in others)
    }
    assert knows == set(MAY_KNOW)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("why = 'look with `symdev show`'", {"symdev"}),
        ("words = (f'{symcli.bin}/symcfg', 'list')", {"symcfg"}),
        ("path = f'/{version}/replication/x'", {"/replication/"}),
        ("url = f'https://{host}/univmax/x'", {"univmax"}),
        ('def f():\n    """As `symclone query` shows."""', set()),
        ("m = 'symclone_copy_age'; t = 'triggers.symclone.X'; u = 'symclone://'", set()),
        ("folder = '/var/lib/symclone/x', '/var/tmp/symclone-airflow'", set()),
    ],
)
def test_what_a_text_names_is_found(text: str, found: set[str]) -> None:
    assert named(text) == found
