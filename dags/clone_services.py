"""One DAG per service of ``services.yaml``: plan -> stop -> resync -> break -> start -> finish.

The DAG of a service is named after it. Nothing here talks to a host, and while a task runs only its own
service's DAG is built.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable, Param, TaskGroup
from airflow.sdk.bases.operator import chain

from clones.actions import BREAK, DEFAULT, HELP, RESYNC, START, STOP, actions_of
from clones.config import NO_LIMITS, Limits, Service, Sync
from clones.runs.hook_windows import Window
from clones.runs.pools import array_pool, host_pool
from clones.runs.result import RESTART
from hooks.configuration import CONFIG
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


def build(name: str, service: Service, limits: Limits = NO_LIMITS) -> DAG:
    """The DAG of one service."""
    step: dict[str, Any] = {
        "service": name,
        "config": CONFIG,
        "hold_lock": True,
        "trigger_rule": AFTER_SKIPPED,
    }
    on_host = {**step, "pool": host_pool(limits, service.hosts[0].connection if service.hosts else None)}
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
        stops: list[BaseOperator] = []
        starts: list[BaseOperator] = []
        resyncs: list[BaseOperator] = []
        breaks: list[BaseOperator] = []
        ends: list[BaseOperator] = []  # what must be over before the service is started

        if service.resources:
            with TaskGroup(STOP, tooltip="Stop the service"):
                stops += _commands("before_stop", service, limits, step)
                stops.append(ServiceStopOperator(task_id="service", **on_host))
        with TaskGroup(RESYNC, tooltip="Recreate the copies, in order"):
            for sync in service.syncs:
                with TaskGroup(sync.name):
                    resyncs.append(
                        SymcloneRecreateOperator(
                            task_id="recreate",
                            sync=sync.name,
                            pool=array_pool(limits, service, sync),
                            do_xcom_push=False,  # its record says the same
                            **step,
                        )
                    )
        with TaskGroup(BREAK, tooltip="Activate the copies, in order"):
            before: BaseOperator | None = None
            for sync in service.syncs:
                with TaskGroup(sync.name):
                    around = _activation(sync, array_pool(limits, service, sync), step)
                    breaks += around
                    if before is not None:
                        before >> around[0]
                    # Nothing follows an activation before its `after_activate` have ended what was begun:
                    # when it fails, they fail once they have run.
                    before = last = around[-1]
                    one_by_one = not service.overlap and sync is not service.syncs[-1]
                    if sync.wait_for == "copied" or one_by_one:
                        copied = SymcloneStateSensor(
                            task_id="wait_copied",
                            service=name,
                            config=CONFIG,
                            sync=sync.name,
                            wanted="copied",
                            timeout=sync.copy_timeout,
                            poke_interval=service.poll_interval,
                            trigger_rule=AFTER_SKIPPED,
                        )
                        last >> copied
                        breaks.append(copied)
                        last = copied
                        before = before if service.overlap else copied
                    ends.append(last)
        if service.resources:
            with TaskGroup(START, tooltip="Start the service on the fresh copies"):
                starts += _start(service, limits, step, on_host)
                for place in ("after_start", "probes"):
                    starts += _commands(place, service, limits, step)
                chain(*starts)
                # As whatever runs after a failure in no pool of ours: that one is missing may be the failure.
                restart = ServiceRestartUnchangedOperator(
                    task_id=RESTART.split(".")[1], **{**step, "trigger_rule": "one_failed"}
                )
                starts.append(restart)
        phases = {
            phase: [task.task_id for task in tasks]
            for phase, tasks in ((STOP, stops), (RESYNC, resyncs), (BREAK, breaks), (START, starts))
        }
        plan = RunPlanOperator(
            task_id="plan",
            service=name,
            config=CONFIG,
            action="{{ params.action }}",
            reason="{{ params.reason or '' }}",
            phases=phases,
            plan_only="{{ params.plan_only }}",
            needs_pools=pool_names(limits, name, service),
            inlets=copies,
        )
        # As the only leaf it decides the run's state.
        finish = RunEndOperator(
            task_id="finish",
            service=name,
            config=CONFIG,
            inlets=copies,
            outlets=[fresh_copies(name)],
            do_xcom_push=False,  # it is the XCom `result`
        )
        chain(plan, *stops, *resyncs, breaks[0])
        if service.resources:
            # A failure anywhere before arrives at the ends as `upstream_failed`, which `one_failed` counts.
            ends >> starts[0]
            ends >> restart
        # After the last task of each phase: an action's later phases are skipped at once, and a skipped task
        # counts as done.
        [*stops[-1:], *resyncs[-1:], *ends, *starts] >> finish
    ask(dag, **_params(service))
    return dag


def _start(
    service: Service, limits: Limits, step: dict[str, Any], on_host: dict[str, Any]
) -> list[BaseOperator]:
    """One task; with `before_start` hooks one for the disks, one for each hook, one for the applications."""
    if not service.before_start:
        return [ServiceStartOperator(task_id="service", **on_host)]
    hooks = _commands("before_start", service, limits, step)
    by_name = {hook.name: task.task_id for hook, task in zip(service.before_start, hooks, strict=True)}
    return [
        ServiceStartDisksOperator(task_id="disks", **on_host),
        *hooks,
        ServiceStartApplicationsOperator(task_id="service", hook_task_ids=by_name, **on_host),
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


def _activation(sync: Sync, pool: str | None, step: dict[str, Any]) -> list[BaseOperator]:
    """The chain of a sync's activation with the hooks around it.

    Setups and teardowns, so that what was begun is also ended when the activation fails or somebody ends the
    run. A setup without a teardown would rule over all tasks that follow: one side alone is plain tasks.
    """
    ids = f"{BREAK}.{sync.name}"
    window = Window(
        tuple(f"{ids}.before_activate.{hook.name}" for hook in sync.before_activate),
        f"{ids}.activate",
        tuple(f"{ids}.after_activate.{hook.name}" for hook in sync.after_activate),
    )
    paired = bool(window.before and window.after)
    inside = {**step, "window": window, "mend_torn": MEND, "sync": sync.name}
    setups: list[BaseOperator] = []
    if paired:
        setups.append(EmptyOperator(task_id="setup", trigger_rule=AFTER_SKIPPED))
        inside["trigger_rule"] = "all_success"  # as Airflow wants it after a setup
    for hook in sync.before_activate:
        setups.append(
            SourceBeforeActivateOperator(task_id=f"before_activate.{hook.name}", hook=hook.name, **inside)
        )
    activate = SymcloneActivateOperator(
        task_id="activate", pool=pool, plan_task_id=PLAN_OF_BREAK, do_xcom_push=False, **inside
    )
    ends = [
        SourceAfterActivateOperator(
            task_id=f"after_activate.{hook.name}",
            sync=sync.name,
            hook=hook.name,
            window=window,
            **{**step, "hold_lock": False},
        )
        for hook in sync.after_activate
    ]
    tasks = [*setups, activate, *ends]
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
            values_display={action: f"{action}: {HELP[action]}" for action in actions},
            title="Action",
            description_md="\n".join(f"* **{action}**: {HELP[action]}" for action in actions),
        ),
        "reason": reason_param(
            "Why you run it. The run's record shows it.", scheduled=bool(service.schedule)
        ),
        "plan_only": plan_only_param(),
    }


def _doc(name: str, service: Service) -> str:
    runs_on = ", ".join(host.connection for host in service.hosts) or "no host: it only drives copies"
    return (
        f"### {name}\n{service.description}\n\nRuns on: {runs_on}. Control host: {service.control_host}. "
        f"A copy is too old after {service.sync_max_delay} minutes.\n\n"
        f"Syncs, in order:\n\n{syncs_listed(service)}\n"
    )


globals().update(each_service(CONFIG, build))
