"""Template fields that are no templates: most are plain names, and each costs a task as much as one that is.

To compile one takes a millisecond. To show it among the rendered fields takes half of one in the task, and a
request to the API server where no other field is shown.
"""

from __future__ import annotations

from typing import Any, Self

from airflow.sdk import BaseOperator, Context
from jinja2 import Environment
from jinja2.nativetypes import NativeEnvironment


class PlainFieldsOperator(BaseOperator):
    """Compiles only those texts of its template fields that are templates; each comes out as Jinja has it."""

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """As Airflow's, of which this is a short cut."""
        text = isinstance(content, str) and not self.template_ext  # with which it could be a file's name
        if text and jinja_env is not None and _is_plain(content, jinja_env):
            return content
        return super().render_template(content, context, jinja_env, seen_oids)

    def prepare_for_execution(self) -> Self:
        """A copy for one try, whose template fields are those that are templates.

        Airflow shows only these as rendered. The DAG that it keeps holds all, as the API server reads them.
        """
        task = super().prepare_for_execution()
        if not task.template_ext:
            env = task.get_template_env()
            task.template_fields = [one for one in task.template_fields if _renders(getattr(task, one), env)]
        return task


def _renders(value: object, env: Environment) -> bool:
    """Whether Jinja may make something else of it."""
    return not (
        value is None or isinstance(value, bool) or (isinstance(value, str) and _is_plain(value, env))
    )


def _is_plain(text: str, env: Environment) -> bool:
    """Whether Jinja would give the text as it is: a DAG may have other marks, or make numbers of texts."""
    if isinstance(env, NativeEnvironment) or env.line_statement_prefix or env.line_comment_prefix:
        return False
    marks = (env.variable_start_string, env.block_start_string, env.comment_start_string)
    return not any(mark in text for mark in (*marks, "\n", "\r"))
