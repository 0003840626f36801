"""Tasks that change copies: create, recreate, activate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from clones import copies
from clones.observing import to_plain
from clones.scope import Scope
from clones.site_commands import run_hooks
from clones.states import SyncSeen
from clones.steps import Steps
from hooks.symcli import SymcliHook
from operators.base import CloneOperator, parse_since
from operators.source import Window, mark_begun


class _SyncOperator(CloneOperator):
    """One step for one sync. Its XCom is what was seen at the end, as JSON.

    :param sync: name of the sync.

    Other parameters: :class:`operators.base.CloneOperator`.
    """

    template_fields: Sequence[str] = (*CloneOperator.template_fields, "sync")

    def __init__(self, *, sync: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sync = sync

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        raise NotImplementedError

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        return to_plain(hosts.run(self.steps(scope)))


class SymcloneCreateOperator(_SyncOperator):
    """Give every pair of a sync its copy session, where it has none (`symclone create -diff`).

    :raises clones.errors.CloneError: the service is not down, a pair is not the configured one, a target is
        smaller than its source, or SYMCLI refused.
    """

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        return copies.create(scope, scope.service.sync(self.sync))


class SymcloneRecreateOperator(_SyncOperator):
    """Re-establish a sync's copies (`symclone recreate`); the targets are not usable from then on.

    Right before the command every resource of the service must say that it is down, and every pair must be
    the configured one. Prepared pairs are left alone, so is a sync that this run has activated already.

    :param since: the control host's local time at which the run began, as its plan wrote it.
    :raises clones.errors.CloneError: see :mod:`clones.errors`.
    """

    template_fields: Sequence[str] = (*_SyncOperator.template_fields, "since")

    def __init__(self, *, since: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        return copies.resync(scope, scope.service.sync(self.sync), parse_since(self.since))


class SymcloneActivateOperator(_SyncOperator):
    """Split a sync's copies at one point in time (`symclone activate`); the targets are read-write.

    All pairs go in one command, after every sync before it is seen active.

    :param mend_torn: when only some pairs are active, recreate these and activate all together; else refuse.
        A text (of a template) counts as true when it is ``True``.
    :param window: the tasks of the hooks around it. When only the failed tasks of a run were cleared, the
        `after_activate` have ended what the `before_activate` began: these are run again here first.
    :raises clones.errors.CloneError: see :mod:`clones.errors`.
    """

    template_fields: Sequence[str] = (*_SyncOperator.template_fields, "mend_torn")

    def __init__(self, *, mend_torn: bool | str = False, window: Window | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mend_torn = mend_torn
        self.window = window or Window()

    def work(self, context: Context, scope: Scope, hosts: SymcliHook) -> dict[str, object]:
        ti, sync = context["ti"], scope.service.sync(self.sync)
        if self.window.before and self.window.is_over(ti, self.task_id):
            self.log.warning("The `before_activate` hooks were ended since: they are run again first.")
            hosts.run(copies.ready_to_split(scope, sync, mend_torn=self._mend()))
            hosts.run(run_hooks(scope, sync.before_activate, f"before_activate of sync {sync.name}"))
            mark_begun(ti)
        return super().work(context, scope, hosts)

    def steps(self, scope: Scope) -> Steps[SyncSeen]:
        return copies.split(scope, scope.service.sync(self.sync), mend_torn=self._mend())

    def _mend(self) -> bool:
        return str(self.mend_torn) == "True"
