"""One DAG `<service>_merge_back` for each service whose configuration says how production is proven down.

plan -> approve -> for each sync, in order: restore -> wait_restored -> terminate -> confirm -> finish. Each
run is a person's, approved by another person; nothing but the plan is tried again by itself.
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
from operators.merge_back import (
    MergeBackConfirmOperator,
    MergeBackEndOperator,
    MergeBackPlanOperator,
    MergeBackRestoreOperator,
)
from operators.retrying import retries
from operators.run_end import RunEndOperator
from sensors.symclone import SymcloneStateSensor

SUFFIX = "_merge_back"


def build(name: str, service: Service, limits: Limits = NO_LIMITS) -> DAG:
    """The merge-back DAG of one service."""
    step: dict[str, Any] = {"service": name, "config": CONFIG, "target_set": set_asked(service)}
    needs = pool_names(limits, name, service)
    with DAG(
        dag_id=name + SUFFIX,
        description=f"OVERWRITES PRODUCTION of {name} with what its copies hold",
        doc_md=_doc(name, service),
        schedule=None,
        **ONE_AT_A_TIME,
        tags=["symclone", "merge-back"],
        default_args={"retries": 0},
    ) as dag:
        tasks: list[BaseOperator] = [
            MergeBackPlanOperator(
                task_id="plan",
                reason="{{ params.reason }}",
                needs_pools=needs,
                **{**step, **retries(service), "retries": PLAN_RETRIES},
            ),
            SecondPersonApprovalOperator(
                task_id="approve",
                service=name,
                subject=f"Overwrite PRODUCTION of {name} with its copies{on_set(service)}?",
                response_timeout=timedelta(seconds=service.approval_timeout),
            ),
        ]
        ended: dict[str, str] = {}
        with TaskGroup("restore", tooltip="Overwrite production, sync by sync"):
            for sync in service.syncs:
                pool = array_pool(limits, service, sync)
                with TaskGroup(sync.name):
                    tasks += [
                        MergeBackRestoreOperator(
                            task_id="restore", sync=sync.name, ended_task_ids={**ended}, pool=pool, **step
                        ),
                        SymcloneStateSensor(
                            task_id="wait_restored",
                            sync=sync.name,
                            wanted="restored",
                            timeout=sync.restore_timeout,
                            poke_interval=service.poll_interval,
                            **step,
                        ),
                        MergeBackEndOperator(task_id="terminate", sync=sync.name, pool=pool, **step),
                    ]
                ended[sync.name] = tasks[-1].task_id
        tasks.append(MergeBackConfirmOperator(task_id="confirm", ended_task_ids=ended, **step))
        chain(*tasks)
        # As the only leaf it decides the run's state.
        tasks[-1] >> RunEndOperator(task_id="finish", inlets=set_inlets(name, service), **step)
    ask(
        dag,
        **set_param(service, "Production is overwritten with what the copies of this set hold."),
        reason=reason_param("Why production must be overwritten. The approver reads it."),
    )
    return dag


def _doc(name: str, service: Service) -> str:
    assert service.production is not None
    hosts = ", ".join(host.connection for host in service.production.hosts)
    syncs = ", ".join(f"**{sync.name}**" for sync in service.syncs)
    return (
        f"### Merge-back of {name}\n**It overwrites production** with what the copies hold: {syncs}, in "
        f"this order. Production ({hosts}) and the service must be down already; nothing here stops them. A "
        "second person approves what `plan` shows.\n"
    )


globals().update(each_service(CONFIG, build, SUFFIX, lambda service: service.production))
