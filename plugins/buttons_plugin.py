"""The buttons "Board" and "Run record" at the tasks of this project.

The link of an operator's own button becomes an XCom of each task, by a request. For a plugin's Airflow
asks where it shows them, in the API server (tried, 3.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperator


class ButtonsPlugin(AirflowPlugin):
    """Every process of Airflow loads this file; only the API server asks for the buttons."""

    name = "clone buttons"

    @property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]
        """One of each kind, which names the operators that have it."""
        from reporting.board_link import BoardLink
        from reporting.run_records import RunRecordLink

        with_board, with_record = operators()
        BoardLink.operators = with_board
        RunRecordLink.operators = with_record
        return [BoardLink(), RunRecordLink()]


def operators() -> tuple[list[type[BaseOperator]], list[type[BaseOperator]]]:
    """All that have the button "Board", and those that have "Run record", too."""
    import preload_plugin  # noqa: F401 (loads them all)
    from operators.approval import SecondPersonApprovalOperator
    from operators.base import CloneOperator
    from operators.each_service import NotBuiltOperator
    from operators.preflight import PreflightOperator
    from operators.run_end import RunEndOperator
    from operators.run_plan import RunPlanOperator
    from operators.status import CloneStatusOperator

    others = (SecondPersonApprovalOperator, NotBuiltOperator, PreflightOperator, CloneStatusOperator)
    return [*others, *_kinds(CloneOperator)], [*_kinds(RunPlanOperator), *_kinds(RunEndOperator)]


def _kinds(operator: type[BaseOperator]) -> Iterator[type[BaseOperator]]:
    yield operator
    for kind in operator.__subclasses__():
        yield from _kinds(kind)
