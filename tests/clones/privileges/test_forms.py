"""What a host must allow, in the forms of doas, pfexec and pbrun (tests/clones/cases/privileges.yaml)."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clones.become import Free
from clones.privileges import doas, pbrun, pfexec
from clones.privileges.allowed import Allowed
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

CASE: dict[str, Any] = load_yaml((CASES / "privileges.yaml").read_text())
ALLOWED = [
    Allowed(
        tuple(word if isinstance(word, str) else Free("a disk", word) for word in one["words"]), one["why"]
    )
    for one in CASE["allowed"]
]
FORMS = {
    "doas": doas.conf(CASE["account"], ALLOWED, CASE["keep"]),
    "pfexec": pfexec.profile(CASE["account"], ALLOWED),
    "pbrun": pbrun.policy(CASE["account"], ALLOWED, CASE["keep"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_lines(form: str) -> None:
    lines = FORMS[form].splitlines()
    assert [line for line in lines if not line.startswith("#")] == CASE[form]


@pytest.mark.parametrize("form", FORMS)
def test_each_line_has_its_reason(form: str) -> None:
    lines = FORMS[form].splitlines()
    for one in ALLOWED:
        assert f"# {' '.join(one.why.split())}" in lines
    assert all(line.startswith("#") or lines[at - 1].startswith("#") for at, line in enumerate(lines))


@pytest.mark.parametrize("form", ["doas", "pbrun"])
def test_what_has_no_exact_words_has_no_rule(form: str) -> None:
    assert [line for line in FORMS[form].splitlines() if "/usr/bin/stat" in line and line.startswith("# ")]


def asked(conf: Path, *words: str) -> str:
    done = subprocess.run(["doas", "-C", conf, *words], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """Of the account that runs the test: doas asks for that one."""
    path = tmp_path / "doas.conf"
    path.write_text(doas.conf(getpass.getuser(), ALLOWED, CASE["keep"]))
    return path


def test_doas_itself_accepts_the_file(conf: Path) -> None:
    assert asked(conf) == ""


def test_doas_permits_these_commands_and_no_neighbour(conf: Path) -> None:
    for one in ALLOWED:
        words = list(one.words)
        assert asked(conf, *words) == ("permit nopass" if one.fixed else "deny"), words
        neighbours = [
            words[:-1], [*words, "-o"], [*words, ""], [*words[:-1], f"{words[-1]}x"], [*words[:-1], ""],
            [words[0]], ["/bin/sh", "-c", *words], ["/bin/sh"], [words[0].rsplit("/", 1)[-1], *words[1:]],
        ]  # fmt: skip
        for other in neighbours:
            assert asked(conf, *other) == "deny", other


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), max_size=4))
def test_doas_reads_any_words_as_they_are(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "doas.conf"
    path.write_text(doas.conf(getpass.getuser(), [Allowed(("/opt/x", *words), "why")], ()))
    assert asked(path, "/opt/x", *words) == "permit nopass"
    assert asked(path, "/opt/x", *words, "more") == "deny"
