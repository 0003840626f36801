"""What is no template comes out as Jinja has it, and is not compiled."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from operators.service import ServiceStopOperator
from operators.symclone import SymcloneActivateOperator

WORDS = [
    "aastmphpux",
    "",
    "a { b } % #",
    "{{ who }}",
    "{% if who %}x{% endif %}",
    "a{# b #}",
    "<< who >>",
    "12",
    "a\n",
    "a\r\nb",
    "% for x in who",
    "- who",
]
MARKS: list[dict[str, Any]] = [
    {},
    {"variable_start_string": "<<", "variable_end_string": ">>"},
    {"line_statement_prefix": "% for x in who"},
    {"line_comment_prefix": "-"},
]


def rendered(kind: type[BaseOperator], text: str, dag: DAG, **words: Any) -> Any:
    task = kind(task_id="one", dag=dag, **words)
    try:
        return task.render_template([text], {"who": "me"}, dag.get_template_env())  # type: ignore[arg-type]
    except Exception as error:
        return type(error)


def service(text: str, dag: DAG, *, tried: bool) -> Any:
    """What a task has as its service, of which this is the text."""
    task = ServiceStopOperator(task_id="one", dag=dag, service=text)
    if tried:
        task = task.prepare_for_execution()
    try:
        task.render_template_fields({"who": "me"}, dag.get_template_env())  # type: ignore[arg-type]
    except Exception as error:
        return type(error)
    return task.service


@pytest.mark.parametrize("native", [False, True], ids=["texts", "native"])
@pytest.mark.parametrize("marks", MARKS, ids=[next(iter(one), "usual") for one in MARKS])
@pytest.mark.parametrize("text", WORDS)
def test_as_jinja_has_it(text: str, marks: dict[str, Any], native: bool) -> None:
    def dag() -> DAG:
        return DAG("s", render_template_as_native_obj=native, jinja_environment_kwargs=marks)

    found = rendered(ServiceStopOperator, text, dag(), service="s")
    assert found == rendered(BaseOperator, text, dag())
    assert service(text, dag(), tried=True) == service(text, dag(), tried=False)


def test_a_plain_name_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    env = DAG("s").get_template_env()
    monkeypatch.setattr(type(env), "from_string", lambda *words: pytest.fail("it was compiled"))
    task = ServiceStopOperator(task_id="one", service={"name": "s", "hosts": ["a", "b"]})
    before = task.service
    assert task.render_template(before, {}, env) == before  # type: ignore[typeddict-item]


def test_a_try_shows_what_was_rendered_and_the_dag_holds_all() -> None:
    named: dict[str, Any] = {"task_id": "one", "dag": DAG("s"), "sync": "data"}
    task = SymcloneActivateOperator(service="{{ who }}", mend_torn="{{ yes }}", **named)
    assert task.prepare_for_execution().template_fields == ["service", "mend_torn"]
    assert {"service", "sync", "mend_torn"} < {*task.template_fields}


def test_the_name_of_a_file_stays_a_template() -> None:
    class FromFile(ServiceStopOperator):
        template_ext = (".txt",)

    task = FromFile(task_id="one", dag=DAG("s"), service="service.txt")
    assert [*task.prepare_for_execution().template_fields] == [*task.template_fields]
