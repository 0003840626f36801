"""The check of a whole site, as a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from clones.asking.steps import Note
from clones.errors import Unknown
from clones.observe.findings import Level, summary, table
from hooks.configuration import CONFIG
from hooks.whole_site import preflight

ALL = "all"


class PreflightOperator(BaseOperator):
    """Look at every host, array, pair and resource of the configuration. Takes no lock, changes nothing.

    Its XCom `findings` is a list of ``{"level": "ok" | "warning" | "error" | "unknown", "where", "what",
    "remedy"}``. The task fails when there are errors, or when something could not be told.

    :param service: one service's name, or ``all`` (a template).
    :param config: path of the configuration file (a template). By default ``SYMCLONE_CONFIG``, else
        ``config/services.yaml`` beside ``plugins``.
    :raises airflow.sdk.exceptions.AirflowFailException: something does not fit.
    :raises clones.errors.Unknown: something could not be told.
    """

    template_fields: Sequence[str] = ("service", "config")
    ui_color: ClassVar[str] = "#dce9f5"

    def __init__(self, *, service: str = ALL, config: str = CONFIG, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.service = service
        self.config = config

    def execute(self, context: Context) -> None:
        findings = preflight(self.config, None if self.service == ALL else self.service, in_task=True)
        grave = [finding for finding in findings if finding.level in (Level.ERROR, Level.UNKNOWN)]
        from hooks.task_log import log_note

        log_note(self.log, Note(f"Preflight: {summary(findings)}", tuple(table(findings)), bool(grave)))
        context["ti"].xcom_push(key="findings", value=[finding.to_plain() for finding in findings])
        errors = [finding for finding in grave if finding.level is Level.ERROR]
        if errors:
            raise AirflowFailException(
                f"Preflight: {summary(findings)}. The first error: {' '.join(table(errors[:1]))}"
            )
        if grave:
            raise Unknown(
                f"Preflight: {summary(findings)}. Unknown first of all: {grave[0].where}: {grave[0].what}",
                grave[0].remedy,
            )
