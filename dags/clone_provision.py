"""One DAG per service of ``services.yaml`` that makes what its copies lack: plan -> group -> create -> wait.

It is named after the service, with ``_provision`` behind. What is there already is left alone. While a task
runs only its own service's DAG is built.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, BaseOperator, TaskGroup
from airflow.sdk.bases.operator import chain

from clones.config import NO_LIMITS, Limits, Service
from clones.runs.end import PROVISION
from clones.runs.pools import array_pool
from hooks.configuration import CONFIG
from operators.each_service import (
    ONE_AT_A_TIME,
    ask,
    each_service,
    plan_only_param,
    pool_names,
    reason_param,
    set_asked,
    set_inlets,
    set_param,
    syncs_listed,
)
from operators.provision import ProvisionPlanOperator, SymcloneProvideGroupOperator
from operators.retrying import retries
from operators.run_end import RunEndOperator
from operators.symclone import SymcloneCreateOperator
from reporting.completed import copy_assets
from sensors.symclone import SymcloneStateSensor

SUFFIX = "_provision"


def build(name: str, service: Service, limits: Limits = NO_LIMITS) -> DAG:
    """The DAG that provisions one service."""
    about = {"service": name, "config": CONFIG, "target_set": set_asked(service)}
    step: dict[str, Any] = {**about, "hold_lock": True, "phase": PROVISION}
    inlets = copy_assets(name, service) if service.snapshots else set_inlets(name, service)
    pools = {sync.name: array_pool(limits, service, sync) for sync in service.syncs}
    with DAG(
        dag_id=name + SUFFIX,
        description=f"Make the missing {_made(service)} of {name}",
        doc_md=_doc(name, service),
        schedule=None,
        **ONE_AT_A_TIME,
        tags=["symclone", "provision"],
        default_args=retries(service),
    ) as dag:
        plan = ProvisionPlanOperator(
            task_id="plan",
            **about,
            reason="{{ params.reason or '' }}",
            plan_only="{{ params.plan_only }}",
            needs_pools=pool_names(limits, name, service),
            inlets=inlets,
        )
        grouped = [sync for sync in service.syncs if sync.grouped]
        groups: list[BaseOperator] = []
        if grouped:
            with TaskGroup("group", tooltip="Make the device groups and add their devices"):
                groups = [
                    SymcloneProvideGroupOperator(
                        task_id=sync.name, sync=sync.name, pool=pools[sync.name], **step
                    )
                    for sync in grouped
                ]
        with TaskGroup("create", tooltip="Create the sessions that are missing: the first full copy"):
            creates: list[BaseOperator] = [
                SymcloneCreateOperator(
                    task_id=sync.name, sync=sync.name, pool=pools[sync.name], inlets=inlets, **step
                )
                for sync in service.syncs
            ]
        with TaskGroup("wait_prepared", tooltip="Wait until every pair can be activated"):
            # Prepared, or active since before; with `precopy_timeout` the precopy has gone round too.
            waits: list[BaseOperator] = [
                SymcloneStateSensor(
                    task_id=sync.name,
                    **about,
                    sync=sync.name,
                    wanted="precopied",
                    timeout=sync.copy_timeout,
                    poke_interval=service.poll_interval,
                )
                for sync in service.syncs
            ]
        # As the only leaf it decides the run's state.
        finish = RunEndOperator(task_id="finish", inlets=inlets, **about)
        chain(plan, *groups, *creates, waits, finish)
    ask(
        dag,
        **set_param(service, "Only the copies of this set are made. The service may run on another one."),
        reason=reason_param("Why you run it. The run's record shows it."),
        plan_only=plan_only_param(),
    )
    return dag


def _made(service: Service) -> str:
    return "first links" if service.snapshots else "device groups and first full copies"


def _doc(name: str, service: Service) -> str:
    if service.snapshots:
        return (
            f"### Provision {name}\nTakes a snapshot for each sync of service {name} whose target group is "
            "linked to nothing, and links it. Both storage groups must be there, and hold exactly the pairs. "
            "**What is on the targets is overwritten.** The service must be down. Afterwards run the action "
            f"`start` of the DAG `{name}`.\n\n"
            f"Unisphere: {service.unisphere}. Syncs, in order:\n\n{syncs_listed(service)}\n"
        )
    return (
        f"### Provision {name}\nMakes the device groups and the copy sessions of service {name} that are "
        "missing, and leaves what is there. **What is on a target that has no session yet is overwritten.** "
        f"Afterwards run the DAG `{name}`: its action `update` or `refresh` makes the copies usable.\n\n"
        f"Control host: {service.control_host}. Syncs, in order:\n\n{syncs_listed(service)}\n"
    )


globals().update(each_service(CONFIG, build, SUFFIX))
