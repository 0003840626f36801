"""One DAG per service of ``services.yaml``: plan -> stop -> resync -> break -> start -> finish.

Of a service with target sets: plan -> resync -> break -> prepare -> stop -> start -> finish.
The DAG of a service is named after it. Nothing here talks to a host, and while a task runs only its own
service's DAG is built.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable, Param, TaskGroup
from airflow.sdk.bases.operator import chain

from clones.actions import (
    BREAK,
    DEFAULT,
    PREPARE,
    RESYNC,
    START,
    STOP,
    actions_of,
    help_of,
    phases_of,
)
from clones.config import NO_LIMITS, Limits, Service, Sync
from clones.runs.hook_windows import Window
from clones.runs.pools import array_pool, host_pool
from clones.runs.result import BACK, RESTART
from hooks.configuration import CONFIG
from operators.change_over import ServiceChangeBackOperator, ServicePrepareOperator
from operators.each_service import (
    ONE_AT_A_TIME,
    ask,
    each_service,
    plan_only_param,
    pool_names,
    reason_param,
    syncs_listed,
)
from operators.retrying import retries
from operators.run_end import RunEndOperator
from operators.run_plan import RunPlanOperator
from operators.service import (
    ServiceCommandOperator,
    ServiceRestartUnchangedOperator,
    ServiceStartApplicationsOperator,
    ServiceStartDisksOperator,
    ServiceStartOperator,
    ServiceStopOperator,
)
from operators.source_hooks import SourceAfterActivateOperator, SourceBeforeActivateOperator
from operators.symclone import SymcloneActivateOperator, SymcloneRecreateOperator
from reporting.alerts import deadline
from reporting.completed import copy_assets, fresh_copies
from sensors.symclone import SymcloneStateSensor

# A skipped phase before a task must not skip it; a failed one must keep it from running.
AFTER_SKIPPED = "none_failed"
MEND = "{{ params.action in ('refresh', 'update') }}"
PLAN_OF_BREAK = "{{ '' if params.action == 'refresh' else 'plan' }}"
"""Only `refresh` stops the service before it splits its copies."""
_PLAN = "(ti.xcom_pull(task_ids='plan', key='plan') or {})"
TO_SET = f"{{{{ {_PLAN}.get('to_set', '') }}}}"
FROM_SET = f"{{% set plan = {_PLAN} %}}{{{{ plan.get('from_set') or plan.get('to_set', '') }}}}"
"""Of a service with target sets: the one that a run works on, and the one that the service is on before,
where that is known."""


def build(name: str, service: Service, limits: Limits = NO_LIMITS) -> DAG:
    """The DAG of one service."""
    step: dict[str, Any] = {
        "service": name,
        "config": CONFIG,
        "hold_lock": True,
        "trigger_rule": AFTER_SKIPPED,
    }
    copies = copy_assets(name, service)
    # No start date, and no time for a run that was due before: unpausing a DAG must not stop a service.
    schedule = (
        CronTriggerTimetable(service.schedule, timezone=service.timezone, run_immediately=timedelta(0))
        if service.schedule
        else None
    )
    with DAG(
        dag_id=name,
        description=service.description or f"Refresh the copies of {name}",
        doc_md=_doc(name, service),
        schedule=schedule,
        **ONE_AT_A_TIME,
        deadline=deadline(name, service, CONFIG),
        tags=["symclone"],
        default_args=retries(service),
    ) as dag:
        tasks, ends = _phases(service, limits, step, copies)
        plan = RunPlanOperator(
            task_id="plan",
            service=name,
            config=CONFIG,
            target_set="{{ params.set or '' }}" if service.sets else "",
            action="{{ params.action }}",
            reason="{{ params.reason or '' }}",
            phases={phase: [task.task_id for task in those] for phase, those in tasks.items()},
            plan_only="{{ params.plan_only }}",
            needs_pools=pool_names(limits, name, service),
            inlets=copies,
        )
        # As the only leaf it decides the run's state.
        finish = RunEndOperator(
            task_id="finish",
            service=name,
            config=CONFIG,
            target_set=TO_SET if service.sets else "",
            inlets=copies,
            outlets=[fresh_copies(name)],
            do_xcom_push=False,  # it is the XCom `result`
        )
        if service.sets:
            _chained_on_sets(plan, tasks, ends)
        else:
            chain(plan, *tasks[STOP], tasks[RESYNC][0])
            tasks[RESYNC][-1] >> tasks[BREAK][0]
            if service.snapshots and service.resources:
                # A rewind links with no resync before: what is skipped at once holds nothing back.
                tasks[STOP][-1] >> tasks[BREAK][0]
            if service.resources:
                first, restart = tasks[START][0], tasks[START][-1]
                # A failure anywhere before arrives at the ends as `upstream_failed`: `one_failed` counts it.
                ends >> first
                ends >> restart
        # After the last task of each phase: an action's later phases are skipped at once, and a skipped task
        # counts as done.
        lasts = [task for phase in tasks if phase not in (BREAK, START) for task in tasks[phase][-1:]]
        [*lasts, *ends, *tasks[START]] >> finish
    ask(dag, **_params(service))
    return dag


def _phases(
    service: Service, limits: Limits, step: dict[str, Any], copies: list[Asset]
) -> tuple[dict[str, list[BaseOperator]], list[BaseOperator]]:
    """The tasks of each phase that the service has, in order, and those that end the copying of each sync.

    Of a service with target sets each is told by the plan which set it works on.
    """
    on_former: dict[str, Any] = {"target_set": FROM_SET, "inlets": copies} if service.sets else {}
    on_new: dict[str, Any] = {"target_set": TO_SET} if service.sets else {}
    # Where each set has a host of its own, a task has its place in the pool of the first.
    on_host = {"pool": host_pool(limits, service.hosts[0].connection if service.hosts else None)}
    tasks: dict[str, list[BaseOperator]] = {
        phase: [] for phase in (phases_of(service) if service.sets else (STOP, RESYNC, BREAK, START))
    }
    ends: list[BaseOperator] = []
    for phase in phases_of(service):
        step = {**step, "phase": phase}
        if phase == STOP:
            tasks[STOP] = _stop(service, limits, {**step, **on_former}, on_host)
        elif phase == RESYNC:
            tasks[RESYNC] = _resync(service, limits, {**step, **on_new}, copies)
        elif phase == BREAK:
            tasks[BREAK], ends = _break(service, limits, {**step, **on_new})
        elif phase == PREPARE:
            with TaskGroup(PREPARE, tooltip="Make the other set ready while the service still runs"):
                prepared = {**step, **on_new, **on_host, "inlets": copies}
                tasks[PREPARE] = [ServicePrepareOperator(task_id="service", **prepared)]
        else:
            with TaskGroup(START, tooltip="Start the service on the fresh copies"):
                tasks[START] = _start(service, limits, {**step, **on_new}, on_host, copies)
                for place in ("after_start", "probes"):
                    tasks[START] += _commands(place, service, limits, {**step, **on_new})
                chain(*tasks[START])
                # As whatever runs after a failure in no pool of ours: that one is missing may be the failure.
                kept = {"inlets": copies} if service.snapshots else on_former
                after_failure = {**step, "trigger_rule": "one_failed", **kept}
                tasks[START].append(
                    ServiceChangeBackOperator(task_id=BACK.split(".")[1], **after_failure)
                    if service.sets
                    else ServiceRestartUnchangedOperator(task_id=RESTART.split(".")[1], **after_failure)
                )
    return tasks, ends


def _chained_on_sets(
    plan: BaseOperator, tasks: dict[str, list[BaseOperator]], ends: list[BaseOperator]
) -> None:
    """The chain of a service with target sets: it is stopped once the other set is ready."""
    *starts, back = tasks[START]
    plan >> tasks[RESYNC][0]
    tasks[RESYNC][-1] >> tasks[BREAK][0]
    ends >> tasks[PREPARE][0]
    chain(*tasks[PREPARE], *tasks[STOP], starts[0])
    # Also after a failure of the start, its hooks or its probes, which all arrive there.
    starts[-1] >> back


def _stop(
    service: Service, limits: Limits, step: dict[str, Any], on_host: dict[str, Any]
) -> list[BaseOperator]:
    if not service.resources:
        return []
    with TaskGroup(STOP, tooltip="Stop the service"):
        before = _commands("before_stop", service, limits, step)
        return [*before, ServiceStopOperator(task_id="service", **step, **on_host)]


def _resync(
    service: Service, limits: Limits, step: dict[str, Any], copies: list[Asset]
) -> list[BaseOperator]:
    tasks: list[BaseOperator] = []
    # Its own copy's asset, unless it also reads what is kept of the service as a whole.
    more: dict[str, Any] = {"inlets": copies} if service.sets else {}
    with TaskGroup(RESYNC, tooltip="Recreate the copies, in order"):
        for sync in service.syncs:
            with TaskGroup(sync.name):
                around = _with_hooks(
                    SymcloneRecreateOperator,
                    "recreate",
                    sync if service.snapshots else None,  # the point in time of a snapshot is here
                    f"{RESYNC}.{sync.name}",
                    {"sync": sync.name, **step},
                    pool=array_pool(limits, service, sync),
                    do_xcom_push=False,  # its record says the same
                    **more,
                )
                if tasks:
                    tasks[-1] >> around[0]
                tasks += around
    return tasks


def _break(
    service: Service, limits: Limits, step: dict[str, Any]
) -> tuple[list[BaseOperator], list[BaseOperator]]:
    """All tasks, and the last of each sync."""
    tasks: list[BaseOperator] = []
    ends: list[BaseOperator] = []
    wait = {key: value for key, value in step.items() if key != "hold_lock"}
    with TaskGroup(BREAK, tooltip="Activate the copies, in order"):
        before: BaseOperator | None = None
        for sync in service.syncs:
            with TaskGroup(sync.name):
                around = _with_hooks(
                    SymcloneActivateOperator,
                    "activate",
                    None if service.snapshots else sync,
                    f"{BREAK}.{sync.name}",
                    {"sync": sync.name, "mend_torn": MEND, **step},
                    pool=array_pool(limits, service, sync),
                    plan_task_id=PLAN_OF_BREAK,
                    do_xcom_push=False,
                    **({"inlets": copy_assets(step["service"], service)} if service.sets else {}),
                )
                tasks += around
                if before is not None:
                    before >> around[0]
                # Nothing follows an activation before its `after_activate` have ended what was begun:
                # when it fails, they fail once they have run.
                before = last = around[-1]
                one_by_one = not service.overlap and sync is not service.syncs[-1]
                if sync.wait_for == "copied" or one_by_one:
                    copied = SymcloneStateSensor(
                        task_id="wait_copied",
                        sync=sync.name,
                        wanted="copied",
                        timeout=sync.copy_timeout,
                        poke_interval=service.poll_interval,
                        **wait,
                    )
                    last >> copied
                    tasks.append(copied)
                    last = copied
                    before = before if service.overlap else copied
                ends.append(last)
    return tasks, ends


def _start(
    service: Service,
    limits: Limits,
    step: dict[str, Any],
    on_host: dict[str, Any],
    copies: list[Asset],
) -> list[BaseOperator]:
    """One task; with `before_start` hooks one for the disks, one for each hook, one for the applications."""
    starts = {**step, **on_host, "inlets": copies}
    if not service.before_start:
        return [ServiceStartOperator(task_id="service", **starts)]
    hooks = _commands("before_start", service, limits, step)
    by_name = {hook.name: task.task_id for hook, task in zip(service.before_start, hooks, strict=True)}
    return [
        ServiceStartDisksOperator(task_id="disks", **starts),
        *hooks,
        ServiceStartApplicationsOperator(task_id="service", hook_task_ids=by_name, **starts),
    ]


def _commands(place: str, service: Service, limits: Limits, step: dict[str, Any]) -> list[BaseOperator]:
    """The service's hooks at one place."""
    return [
        ServiceCommandOperator(
            task_id=f"{place}.{hook.name}",
            place=place,
            hook=hook.name,
            pool=host_pool(limits, service.host_of(hook)),
            **step,
        )
        for hook in getattr(service, place)
    ]


def _with_hooks(
    operator: type[SymcloneRecreateOperator | SymcloneActivateOperator],
    task_id: str,
    hooked: Sync | None,
    ids: str,
    step: dict[str, Any],
    **more: Any,
) -> list[BaseOperator]:
    """The step that fixes a copy's point in time, with the hooks around it; or another one, alone.

    Setups and teardowns, so that what was begun is also ended when the step fails or somebody ends the run.
    A setup without a teardown would rule over all tasks that follow: one side alone is plain tasks.

    :param hooked: the sync whose hooks they are; None: there are none around this step.
    :param ids: of the group that the tasks are in.
    """
    if hooked is None:
        return [operator(task_id=task_id, **step, **more)]
    window = Window(
        tuple(f"{ids}.before_activate.{hook.name}" for hook in hooked.before_activate),
        f"{ids}.{task_id}",
        tuple(f"{ids}.after_activate.{hook.name}" for hook in hooked.after_activate),
    )
    paired = bool(window.before and window.after)
    inside = {**step, "window": window}
    setups: list[BaseOperator] = []
    if paired:
        setups.append(EmptyOperator(task_id="setup", trigger_rule=AFTER_SKIPPED))
        inside["trigger_rule"] = "all_success"  # as Airflow wants it after a setup
    for hook in hooked.before_activate:
        setups.append(
            SourceBeforeActivateOperator(task_id=f"before_activate.{hook.name}", hook=hook.name, **inside)
        )
    main = operator(task_id=task_id, **inside, **more)
    ends = [
        SourceAfterActivateOperator(
            task_id=f"after_activate.{hook.name}",
            hook=hook.name,
            window=window,
            **{name: value for name, value in step.items() if name != "mend_torn"} | {"hold_lock": False},
        )
        for hook in hooked.after_activate
    ]
    tasks = [*setups, main, *ends]
    chain(*tasks)
    if paired:
        for end in ends:
            end.as_teardown(setups=setups)
    return tasks


def _params(service: Service) -> dict[str, Param]:
    actions = actions_of(service)
    return {
        "action": Param(
            DEFAULT,
            type="string",
            enum=list(actions),
            values_display={action: f"{action}: {help_of(action, service)}" for action in actions},
            title="Action",
            description_md="\n".join(f"* **{action}**: {help_of(action, service)}" for action in actions),
        ),
        **_set_param(service),
        "reason": reason_param("Why you run it. The run's record shows it.", scheduled=True),
        "plan_only": plan_only_param(),
    }


def _set_param(service: Service) -> dict[str, Param]:
    """The field for the set that an action is to work on; none for a service without target sets."""
    if not service.sets:
        return {}
    says = (
        "Mostly empty: the set that is not in use is refreshed, and `rewind` goes back to the one before. "
        "Name one when no set is in use and no run has recorded one, or for work on another set."
    )
    field = Param("", type="string", enum=["", *service.sets], title="Target set", description_md=says)
    return {"set": field}


def _doc(name: str, service: Service) -> str:
    runs_on = ", ".join(host.connection for host in service.hosts) or "no host: it only drives copies"
    return (
        f"### {name}\n{service.description}\n\nRuns on: {runs_on}. Control host: {service.control_host}. "
        f"A copy is too old after {service.sync_max_delay} minutes.\n\n"
        f"Syncs, in order:\n\n{syncs_listed(service)}\n"
    )


globals().update(each_service(CONFIG, build))
