"""What all operators share: whose service it is, the connection, the lock, and what a failure means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from clones.act import lock
from clones.asking.steps import Result, Steps
from clones.config.scope import Scope
from clones.errors import CloneError, MustWait, NotMyTurn, TryAgain
from clones.runs import pools
from clones.runs.other_services import refuse_shared
from clones.services_yaml.file import scope_from
from hooks import clock, needs
from hooks.configuration import CONFIG, load, load_if_unpinned
from hooks.from_airflow import known_pools
from hooks.hosts import open_hosts
from operators.ahead import AheadOperator
from operators.ended_from_outside import heard_from, refuse_ended
from operators.newest_try import look_limit
from operators.retrying import RETRY_POLICY
from operators.retrying import retries as retries
from operators.taken_up import PhaseOperator
from operators.task_record import leave_word, recorded
from operators.templates import PlainFieldsOperator
from operators.waits import WaitingOperator

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


class CloneOperator(PhaseOperator, WaitingOperator, AheadOperator, PlainFieldsOperator):
    """One step for one service.

    :param service: name of a service in the configuration file (a template), or a whole service as a mapping
        with the same keys as there, ``name`` and, if need be, ``symcli``. Give all tasks of a DAG the same
        ``name``: the lock is of that name. Without it the name is the task id.
    :param config: path of the configuration file (a template); not read for a mapping. By default
        ``SYMCLONE_CONFIG``, else ``config/services.yaml`` beside ``plugins``.
    :param target_set: the one of a service with target sets that this task works on (a template); empty for a
        service without.
    :param hold_lock: take the service's lock for this try first, and shut earlier tries out of the hosts that
        it acts on. The run's last task gives the lock back; without such a task the next run takes it over.
        False only for what changes nothing, and for `after_activate` hooks.
    :param needs_pools: names of Airflow pools that the run's tasks need: nothing is done unless all are known
        to exist.
    :param deferrable: while a copy is moving, or another run works on the service, wait in the triggerer;
        else fail, to be tried again.
    :param phase: as of :class:`operators.taken_up.PhaseOperator`.
    :raises airflow.sdk.exceptions.AirflowSkipException: the run's plan has nothing for this task.
    :raises clones.errors.Refused: a rule says no. Airflow fails the task at once.
    :raises clones.errors.ConfigError: the service is not configured, or not well. Airflow fails the task at
        once.
    :raises clones.errors.TryAgain: it may pass by itself: a lock, a host that cannot be reached, a command
        whose end is not known. Airflow tries again, as often as ``retries`` of the task says.

    Its XCom `record` is what it did, try by try, for the run's record (:mod:`clones.runs.record`).
    """

    template_fields: Sequence[str] = ("service", "config", "target_set")
    keeps_record: ClassVar[bool] = True
    """It leaves an XCom `record` also when it succeeds."""
    runs_anyway: ClassVar[bool] = False
    """Also in a run that was ended from outside (:mod:`operators.ended_from_outside`)."""
    any_set: ClassVar[bool] = False
    """Its scope is on the first of a service's target sets when none is named: it is about all of them."""
    ui_color: ClassVar[str] = "#dce9f5"

    def __init__(
        self,
        *,
        service: str | Mapping[str, Any],
        config: str = CONFIG,
        target_set: str = "",
        hold_lock: bool = True,
        needs_pools: Sequence[str] = (),
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("retry_policy", RETRY_POLICY)
        super().__init__(**kwargs)
        self.service = service
        self.config = config
        self.target_set = target_set
        self.hold_lock = hold_lock
        self.needs_pools = tuple(needs_pools)
        self.deferrable = deferrable
        self._hosts: SymcliHook | None = None
        self._resumed = False
        self.this_try: lock.Owner | None = None
        self.listed: dict[str, Result] = {}

    def scope(self) -> Scope:
        """The service that this task works on.

        :raises ConfigError: naming the file, line and field; or there is no such target set, or none is
            named.
        """
        if isinstance(self.service, str):
            config = load(self.config, only=self.service)
            asked = (self.service, config.services[self.service], config.symcli, self.target_set)
            return Scope.of(*asked, any_set=self.any_set)
        return scope_from({"name": self.task_id, **self.service}, self.target_set, any_set=self.any_set)

    def refuse_shared(self, scope: Scope) -> Steps[None]:
        """For a plan: hold the service's devices against those of all others of the file.

        All numbers in the file are compared when it is loaded. Only where a name is not pinned to one is
        there anything to ask.

        :raises Refused: a target is a source or a target of another service too.
        :raises Unknown: that could not be told.
        :raises ConfigError: the file has errors.
        """
        whole = load_if_unpinned(self.config) if isinstance(self.service, str) else None
        if whole is not None:
            yield from refuse_shared(scope, whole)

    def open(self) -> SymcliHook:
        return open_hosts(look_limit=look_limit(), must_fence=True)

    def asks(self, scope: Scope) -> Sequence[str]:
        return (*((scope.control_host,) if self.hold_lock else ()), *self.acts_on(scope))

    @staticmethod
    def _knows_versions(context: Context, hosts: SymcliHook) -> None:
        """What the run's plan was told of a server is not asked again, unless an answer says otherwise."""
        plan = context["ti"].xcom_pull(task_ids="plan", key="plan")
        hosts.servers.hints |= (plan or {}).get("versions", {})

    def refuse_set(self, context: Context, scope: Scope) -> None:
        """:raises ConfigError: the run's form names a target set, and the service has none."""
        named = (context.get("params") or {}).get("set")
        if named and not scope.target_set:
            scope.on(str(named))

    def execute(self, context: Context) -> Any:
        needs.require()
        asked = clock.awake() if self.runs_anyway else heard_from(context, self, resumed=self._resumed)
        try:
            scope, hosts = self.begun()
            self.skip_left_out(context, scope)
            if self.needs_pools:
                pools.require(self.needs_pools, known_pools() or ())
        except CloneError as error:
            leave_word(context, error)
            raise
        try:
            with recorded(context, resumed=self._resumed) as record, hosts as self._hosts:
                hosts.record = record
                if scope.service.snapshots:
                    self._knows_versions(context, hosts)
                done = self.as_newest_try(context, scope, hosts, asked)
            if self.runs_anyway:
                self._say_what_does_not_follow(context)
            return done
        except MustWait as wait:
            if not self.deferrable:
                raise
            self.log.info("%s. Waiting in the triggerer.", wait.what)
            self.wait(scope, wait.sync, wanted=wait.wanted, seconds=wait.seconds)
        except NotMyTurn as wait:
            if not self.deferrable:
                raise
            self.wait_for_turn(context, scope, wait)

    def _say_what_does_not_follow(self, context: Context) -> None:
        """Its work is done in any run. That the last task does not follow is told as elsewhere.

        :raises Refused: it stands as skipped.
        """
        try:
            refuse_ended(context, self, worked=True)
        except TryAgain as error:
            self.log.warning("%s", error)
