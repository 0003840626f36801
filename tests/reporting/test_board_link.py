"""Where the button "Board" of every step leads."""

from __future__ import annotations

import ast
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator

import buttons_plugin
from operators.run_end import RunEndOperator
from operators.run_plan import RunPlanOperator
from reporting import board_link
from reporting.board_link import BoardLink
from reporting.run_records import RunRecordLink
from tests.conftest import ROOT

KEY: Any = SimpleNamespace(dag_id="d", run_id="r", task_id="t")


@pytest.mark.parametrize("base", ["", "/airflow"])
@pytest.mark.parametrize(
    ("service", "leads"),
    [
        ("aastmphpux", "{base}/plugin/clones{base}/clones/#/service/aastmphpux"),
        ("a/b", "{base}/plugin/clones{base}/clones/#/service/a%2Fb"),
        ("all", "{base}/plugin/clones{base}/clones/#/"),
        (None, "{base}/plugin/clones{base}/clones/#/"),
        ({"name": "s"}, ""),
        ("{{ params.service }}", "{base}/plugin/clones{base}/clones/#/"),
        ("Truncated. You can change this behaviour", "{base}/plugin/clones{base}/clones/#/"),
    ],
    ids=[
        "a service",
        "a name to be quoted",
        "preflight of all",
        "the sweep",
        "a mapping",
        "a template",
        "cut off",
    ],
)
def test_where_it_leads(monkeypatch: pytest.MonkeyPatch, base: str, service: Any, leads: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"https://airflow.example.com{base}")
    assert BoardLink().get_link(SimpleNamespace(service=service), ti_key=KEY) == leads.format(base=base)


def test_a_site_without_a_board_has_no_such_button(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_link, "find_spec", lambda name: None)
    for service in ("aastmphpux", None):
        assert BoardLink().get_link(SimpleNamespace(service=service), ti_key=KEY) == ""


def steps() -> list[type[BaseOperator]]:
    """Every operator and sensor of the project, by the classes that its files define."""
    found = []
    for folder in ("operators", "sensors"):
        for path in sorted((ROOT / "plugins" / folder).glob("*.py")):
            classes = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]
            module = import_module(f"{folder}.{path.stem}") if classes else None
            found += [getattr(module, node.name) for node in classes]
    operators = [each for each in found if issubclass(each, BaseOperator) and "execute" in dir(each)]
    # These are parts of operators, not steps.
    bases = ("AheadOperator", "NewestTryOperator", "PhaseOperator", "PlainFieldsOperator", "WaitingOperator")
    return [each for each in operators if each.__name__ not in bases]


@pytest.mark.parametrize("step", steps(), ids=lambda step: step.__name__)
def test_every_step_has_it_from_the_plugin_and_none_writes_an_xcom_for_it(step: type[BaseOperator]) -> None:
    with_board, with_record = buttons_plugin.operators()
    assert step in with_board
    assert (step in with_record) == issubclass(step, RunPlanOperator | RunEndOperator)
    own = getattr(step, "operator_extra_links", ())
    assert not any(isinstance(link, BoardLink | RunRecordLink) for link in own)


def test_what_the_api_server_asks_for_knows_its_operators() -> None:
    board, record = buttons_plugin.ButtonsPlugin().operator_extra_links
    assert RunEndOperator in board.operators and RunEndOperator in record.operators
