"""The gate's verdicts: case files, which need no code to add to."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gate.judging import GATE, judge, sent, with_blocks

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
TABLES: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in CASES}


def policy_of(name: str, folder: Path) -> Path:
    """The policy of a case file, or the one that it names, as a file."""
    text = TABLES[name]["policy"]
    path = folder / "policy"
    path.write_text(with_blocks(text if "\n" in text else TABLES[text]["policy"]))
    return path


@pytest.mark.parametrize("name", TABLES)
def test_verdicts(name: str, tmp_path: Path) -> None:
    with judge(policy_of(name, tmp_path)) as gate:
        wrong = [row for row in TABLES[name].get("accepted", []) if gate.says(sent(row)) != "accept"]
        for group in TABLES[name].get("refused", []):
            lines = [sent(row) for row in group["lines"]]
            assert lines and len(set(lines)) == len(lines), f"no line, or the same twice: {group['why']}"
            for line in lines:
                said = gate.says(line)
                if not said.startswith(f"refuse: {group['why']}"):
                    wrong.append((line[:200], said, group["why"]))
        assert wrong == []


@pytest.mark.parametrize("name", [name for name in TABLES if "\n" in TABLES[name]["policy"]])
def test_the_policy_of_a_case_is_one(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["perl", "-T", GATE, "--check", policy_of(name, tmp_path)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_there_are_some_hundred_lines() -> None:
    assert sum(len(group["lines"]) for table in TABLES.values() for group in table["refused"]) > 300
