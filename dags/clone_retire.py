"""One DAG per service of ``services.yaml`` that ends its copies: plan -> approve -> terminate -> remove.

It is named after the service, with ``_retire`` behind. A second person approves what `plan` shows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, BaseOperator, TaskGroup
from airflow.sdk.bases.operator import chain

from clones.config import NO_LIMITS, Limits, Service
from clones.runs.pools import array_pool
from hooks.configuration import CONFIG
from operators.approval import PLAN_RETRIES, SecondPersonApprovalOperator
from operators.each_service import (
    ONE_AT_A_TIME,
    ask,
    each_service,
    on_set,
    pool_names,
    reason_param,
    set_asked,
    set_inlets,
    set_param,
)
from operators.retire import RetirePlanOperator, SymcloneRemoveGroupOperator, SymcloneTerminateOperator
from operators.retrying import retries
from operators.run_end import RunEndOperator
from reporting.completed import copy_assets

SUFFIX = "_retire"


def build(name: str, service: Service, limits: Limits = NO_LIMITS) -> DAG:
    """The DAG that retires the copies of one service."""
    step: dict[str, Any] = {"service": name, "config": CONFIG, "target_set": set_asked(service)}
    about = dict(step)
    needs = pool_names(limits, name, service)
    pools = {sync.name: array_pool(limits, service, sync) for sync in service.syncs}
    with DAG(
        dag_id=name + SUFFIX,
        description=(
            f"End the links and the snapshots of {name}"
            if service.snapshots
            else f"End the copy sessions of {name} and delete its device groups"
        ),
        doc_md=_doc(name, service),
        schedule=None,
        **ONE_AT_A_TIME,
        tags=["symclone", "retire"],
        default_args={"retries": 0},
    ) as dag:
        plan = RetirePlanOperator(
            task_id="plan",
            reason="{{ params.reason }}",
            needs_pools=needs,
            inlets=set_inlets(name, service),
            **{**step, **retries(service), "retries": PLAN_RETRIES},
        )
        approve = SecondPersonApprovalOperator(
            task_id="approve",
            service=name,
            subject=f"End the copies{on_set(service)} of {name} for good?",
            response_timeout=timedelta(seconds=service.approval_timeout),
        )
        step |= {"hold_lock": True, "approval_task_id": "approve"}
        kept = {"inlets": copy_assets(name, service)} if service.snapshots else {}
        with TaskGroup("terminate", tooltip="End the sessions"):
            ends: list[BaseOperator] = [
                SymcloneTerminateOperator(
                    task_id=sync.name, sync=sync.name, pool=pools[sync.name], **step, **kept
                )
                for sync in service.syncs
            ]
        left = [sync for sync in service.syncs if sync.grouped or service.snapshots]
        removes: list[BaseOperator] = []
        if left:
            with TaskGroup("remove", tooltip="Delete what belongs to the copies: device groups, snapshots"):
                removes = [
                    SymcloneRemoveGroupOperator(
                        task_id=sync.name, sync=sync.name, pool=pools[sync.name], **step
                    )
                    for sync in left
                ]
        # As the only leaf it decides the run's state.
        finish = RunEndOperator(task_id="finish", inlets=set_inlets(name, service), **about)
        chain(plan, approve, *ends, *removes, finish)
    ask(
        dag,
        **set_param(service, "Only the copies of this set are ended. The service may run on another one."),
        reason=reason_param("Why the copies are no longer needed. The approver reads it."),
    )
    return dag


def _doc(name: str, service: Service) -> str:
    if service.snapshots:
        return (
            f"### Retire {name}\nEnds the links of service {name} for good, and then its own snapshots, each "
            "by its number. The storage groups stay, and so does what is on the targets. The service must "
            f"be down already. Before, pause the DAG `{name}`; after, take it out of services.yaml.\n"
        )
    if service.sets:
        what, down, out = "one target set of", "The service must not use that set", "set"
    else:
        what, down, out = "service", "The service must be down already", "service"
    return (
        f"### Retire {name}\nEnds the copy sessions of {what} {name} for good, and deletes its device "
        f"groups when they hold nothing else. {down}. What is on the targets stays there. Before, pause the "
        f"DAG `{name}`; after, take the {out} out of services.yaml.\n"
    )


globals().update(each_service(CONFIG, build, SUFFIX))
