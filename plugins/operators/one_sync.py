"""What all tasks that work on one sync share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from clones.asking.steps import Steps
from clones.config.scope import Scope
from clones.observe.sync import to_plain
from clones.states import SyncSeen
from operators.base import CloneOperator

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class OneSyncOperator(CloneOperator):
    """One step for one sync.

    :param sync: name of the sync, within its service (a template).

    Its XCom `return_value` is what was seen of the sync at the end, as JSON
    (:func:`clones.observe.sync.to_plain`).

    Other parameters: :class:`operators.base.CloneOperator`.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync")

    def __init__(
        self,
        *,
        sync: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **kwargs,
        )
        self.sync = sync

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        raise NotImplementedError

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> Any:
        return to_plain(hosts.run(self.steps(scope)))
