"""Why a run is wanted: what a person triggers needs a reason, and everything that shows a run says it."""

from __future__ import annotations

from clones.clean import one_line
from clones.errors import Mistyped

APPROVER = "the approver reads it"
LOG = "it stands in the run's log"


def of(rendered: str) -> str:
    """The reason in one line, empty for none.

    :param rendered: as the template of the form's field gives it: a field without a value gives ``None``.
    """
    return one_line(rendered) if rendered != "None" else ""


def require(reason: str, *, by_hand: bool, read_by: str) -> None:
    """What a person triggers needs a reason; a schedule and a backfill have none.

    :param reason: of :func:`of`.
    :param read_by: where it is read, for the message.
    :raises Mistyped: it has none.
    """
    if by_hand and not reason:
        raise Mistyped(
            "This run was triggered by hand without a reason. Nothing was done.",
            f"trigger it again and write into `reason` why; {read_by}",
        )


def without(run_type: str) -> str:
    """What stands in place of a reason that nobody gave.

    :param run_type: Airflow's word: ``manual``, ``scheduled``, ``backfill``.
    """
    return "on schedule" if run_type == "scheduled" else "none given"
