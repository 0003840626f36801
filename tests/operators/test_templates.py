"""What is no template comes out as Jinja has it, and is not compiled."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from operators.service import ServiceStopOperator

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


@pytest.mark.parametrize("native", [False, True], ids=["texts", "native"])
@pytest.mark.parametrize("marks", MARKS, ids=[next(iter(one), "usual") for one in MARKS])
@pytest.mark.parametrize("text", WORDS)
def test_as_jinja_has_it(text: str, marks: dict[str, Any], native: bool) -> None:
    def dag() -> DAG:
        return DAG("s", render_template_as_native_obj=native, jinja_environment_kwargs=marks)

    found = rendered(ServiceStopOperator, text, dag(), service="s")
    assert found == rendered(BaseOperator, text, dag())


def test_a_plain_name_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    env = DAG("s").get_template_env()
    monkeypatch.setattr(type(env), "from_string", lambda *words: pytest.fail("it was compiled"))
    task = ServiceStopOperator(task_id="one", service={"name": "s", "hosts": ["a", "b"]})
    before = task.service
    assert task.render_template(before, {}, env) == before  # type: ignore[typeddict-item]
