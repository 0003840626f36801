"""The references that are written by a program: current, and whole."""

from __future__ import annotations

import ast
import inspect
from typing import Annotated, Any

import pytest
from airflow.sdk import BaseOperator
from pydantic import BaseModel, TypeAdapter

from cli import references
from clones import config
from tests.conftest import ROOT

PUBLIC = [path for paths in references.PUBLIC.values() for path in paths]
STEPS = [
    path
    for path in PUBLIC
    if inspect.isclass(references.of(path)) and issubclass(references.of(path), BaseOperator)
]
MODELS = [
    value for value in vars(config).values() if isinstance(value, type) and issubclass(value, BaseModel)
]
FIELDS = [
    (model, name)
    for model in MODELS
    if model is not config.Pair  # in the file it is a text
    for name in model.model_fields
]


def test_they_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert references.main(["--check"]) == 0, capsys.readouterr().out


def test_what_is_not_current_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(references, "FOLDER", tmp_path)
    assert references.main(["--check"]) == 1
    assert "api.md: is not current" in capsys.readouterr().out
    assert references.main([]) == 0 and references.main(["--check"]) == 0


def test_every_operator_and_sensor_is_in_it() -> None:
    """But for bases, which begin with an underscore or are named here."""
    bases = {"CloneOperator", "NewestTryOperator", "OneSyncOperator", "PlanToApproveOperator"}
    bases |= {"AheadOperator", "PlainFieldsOperator", "WaitingOperator", "OwnActivationOperator"}
    bases |= {"PhaseOperator", "NotBuiltOperator"}  # the latter is only ever made by the DAG files
    found = {
        f"{folder}.{path.stem}.{node.name}"
        for folder in ("operators", "sensors")
        for path in (ROOT / "plugins" / folder).glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Operator", "Sensor"))
        if not node.name.startswith("_") and node.name not in bases
    }
    assert found == set(STEPS)


@pytest.mark.parametrize("path", PUBLIC)
def test_each_parameter_has_a_type_and_a_meaning(path: str) -> None:
    thing = references.of(path)
    for parameter in references.parameters(thing):
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
        assert references.meaning(thing, parameter.name), parameter.name


@pytest.mark.parametrize("path", STEPS)
def test_what_stands_in_a_docstring_stands_in_the_signature(path: str) -> None:
    """No parameter of ours hides in `kwargs`, but for what an operator sets itself."""
    thing = references.of(path)
    known = {parameter.name for parameter in references.parameters(thing)}
    own = next(references.docs(thing))
    assert own.params.keys() <= known
    assert "service" in known or path.endswith("CloneStatusOperator")


@pytest.mark.parametrize("path", STEPS)
def test_each_step_says_what_it_leaves_and_what_it_raises(path: str) -> None:
    thing = references.of(path)
    assert references.errors(thing)
    # A class of one line is told by the one that it is a kind of.
    assert any("XCom" in line for doc in references.docs(thing) for line in doc.text)


@pytest.mark.parametrize(("model", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_each_key_has_a_meaning_and_examples_that_are_taken(model: type[BaseModel], name: str) -> None:
    shown = model.model_fields[name]
    assert shown.description and shown.examples
    adapter = TypeAdapter(Annotated[shown.annotation, shown])
    for example in shown.examples:
        if name == "pairs":  # whose form the rest of the sync decides
            by = {"symdg": "DG"} if "DEV001" in example[0] else {"symid": "000190101234"}
            model.model_validate({"name": "data", "pairs": example, **by})
        elif name == "targets":
            model.model_validate({"name": "data", "targets": example, "symid": "000190101234"})
        else:
            adapter.validate_python(example)


def test_each_key_of_the_file_is_in_it() -> None:
    written = (references.FOLDER / "services-yaml.md").read_text()
    told = {name for name, _ in references.SECTIONS}
    made = {"FsByDevice"}  # what a service on one target set has, which nobody writes
    untold = {model.__name__ for model in MODELS} - told - made
    assert untold == {"Pair", "Symcli"}, "Symcli's are SymcliOfHosts'"
    for model, name in FIELDS:
        assert f"| `{model.model_fields[name].alias or name}` |" in written, (model, name)
