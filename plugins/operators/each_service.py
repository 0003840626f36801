"""The DAGs of all services: each is built by itself, so that one's trouble is never the others'.

Airflow keeps one error for a whole file, and while it has one runs none of the file's DAGs. So no error of
one service gets out of here: what cannot be built becomes a DAG of the same name that says so and fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from airflow.sdk import DAG, Asset, BaseOperator, Context, Param, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException

from clones.config import Limits, Pair, Service, Sync
from clones.runs.pools import pools_of
from clones.services_yaml.checks import RESERVED
from hooks.configuration import load
from reporting.alerts import run_failed
from reporting.completed import copy_assets

ONE_AT_A_TIME: dict[str, Any] = {"catchup": False, "max_active_runs": 1, "auto_register": False}
"""Of every DAG of a service. One run at a time; none for dates that passed before it was unpaused; and
Airflow takes it from the file's globals only, never one whose building failed half way."""

log = logging.getLogger(__name__)


def each_service(
    config: str,
    build: Callable[[str, Service, Limits], DAG],
    suffix: str = "",
    wanted: Callable[[Service], object] = lambda service: True,
) -> dict[str, DAG]:
    """One kind of DAG of every service, for the globals of a DAG file, where Airflow looks for DAGs.

    In a task's own process only its service is read and built; the DAG processor reads and checks them all.

    :param config: path of the configuration file.
    :param build: with :data:`ONE_AT_A_TIME`.
    :param suffix: of the DAGs' names, behind the service's.
    :param wanted: whether a service has such a DAG.
    :returns: by a name that nothing else in a module can have, whatever the service is called.
    :raises ConfigError: the file cannot be used: for all services, with file, line and field of each error.
    """
    running = get_parsing_context().dag_id
    only = running.removesuffix(suffix) if running else None
    if running and only and (not running.endswith(suffix) or RESERVED.fullmatch(only)):
        return {}
    read = load(config, only=only)
    found = {}
    for name, service in sorted(read.services.items()):
        try:
            dag = build(name, service, read.limits) if wanted(service) else None
        except Exception as error:
            log.exception("DAG %s cannot be built; the others are", name + suffix)
            dag = _not_built(name, suffix, config, service, f"{type(error).__name__}: {error}")
        if dag is not None:
            found[f"<{dag.dag_id}>"] = dag
    return found


def reason_param(says: str, *, scheduled: bool = False) -> Param:
    """The field in which a run's reason is asked for; Airflow takes no form without one.

    :param scheduled: the DAG has a schedule, or may have had one when a run began: Airflow holds the form of
        a run against today's DAG before each task, and a task that does not fit dies without a word. So an
        empty one must fit, and the plan refuses it.
    """
    words: dict[str, Any] = {"maxLength": 500, "title": "Reason"}
    if scheduled:
        says = f"{says} Required for a run by hand."
        return Param("", type=["string", "null"], description_md=says, **words)
    return Param(type="string", minLength=1, pattern=r"\S", description_md=says, **words)


def plan_only_param() -> Param:
    """The field that asks for a plan and no more."""
    return Param(
        False,
        type="boolean",
        title="Plan only",
        description_md="Show in the log of `plan` what would be sent, and change nothing.",
    )


SET = "{{ params.set }}"
"""The target set that a form asks for, as a template."""


def set_param(service: Service, says: str) -> dict[str, Param]:
    """The field in which one of a service's target sets must be named; none for a service without.

    :param says: what is done to it.
    """
    if not service.sets:
        return {}
    field = Param(type="string", enum=list(service.sets), title="Target set", description_md=says)
    return {"set": field}


def set_asked(service: Service) -> str:
    """What a task has as `target_set` where its form has that field."""
    return SET if service.sets else ""


def set_inlets(name: str, service: Service) -> list[Asset]:
    """What the last task reads to tell which target set is in use; nothing of a service without."""
    return copy_assets(name, service) if service.sets else []


def on_set(service: Service) -> str:
    """What is put behind the words `the copies` in a question, where the form has that field."""
    return f" of target set {SET}" if service.sets else ""


def ask(dag: DAG, **form: Param) -> None:
    """Give a DAG its form, once its tasks are there.

    Of a form that it has before, Airflow makes a deep copy for each task and each class that the task derives
    from, and writes it down with each task: with thousands of services most of what their DAGs cost. The
    templates of a task have the form of its DAG anyhow. That its values fit is tested, and not looked at for
    each service.
    """
    dag.params.update(form)


def pool_names(limits: Limits, name: str, service: Service) -> list[str]:
    """The pools that a run of the service needs: its first task looks whether they exist."""
    return [pool.name for pool in pools_of(limits, {name: service})]


def syncs_listed(service: Service) -> str:
    """The syncs with their pairs, in order, for a DAG's description in Markdown."""
    return "\n".join(
        f"1. **{sync.name}**: {sync.symdg or sync.symid}: {_pairs(sync)}" for sync in service.syncs
    )


def _pairs(sync: Sync) -> str:
    """The pairs of a sync, or those of each of its target sets."""

    def listed(pairs: Sequence[Pair]) -> str:
        return ", ".join(f"`{pair.label}`" for pair in pairs)

    if not sync.targets:
        return listed(sync.pairs)
    return "; ".join(f"set {name}: {listed(pairs)}" for name, pairs in sync.targets.items())


def _not_built(name: str, suffix: str, config: str, service: Service, why: str) -> DAG:
    """It stands in the place of a DAG: its description says why, and a run of it fails and is told.

    Airflow deletes what is kept of an asset that no DAG refers to any more.
    """
    with DAG(
        dag_id=name + suffix,
        description=f"CANNOT BE BUILT: {why}",
        schedule=None,
        tags=["symclone", "not built"],
        default_args={"retries": 0},
        **ONE_AT_A_TIME,
    ) as dag:
        # Named as the last task of every run: one that goes on meanwhile ends here, too, and not as done.
        copies = copy_assets(name, service)
        NotBuiltOperator(task_id="finish", service=name, config=config, why=why, inlets=copies)
    return dag


class NotBuiltOperator(BaseOperator):
    """Says that the DAG in whose place it stands could not be built, and fails.

    :param why: the error, in one line.
    """

    template_fields: Sequence[str] = ("service", "config")
    ui_color: ClassVar[str] = "#f5d6d6"

    def __init__(self, *, service: str, config: str, why: str, **kwargs: Any) -> None:
        kwargs.setdefault("on_failure_callback", run_failed)
        super().__init__(trigger_rule="all_done", **kwargs)
        self.service = service
        self.config = config
        self.why = why

    def execute(self, context: Context) -> None:
        raise AirflowFailException(
            f"The DAG of service {self.service} cannot be built: {self.why}. Nothing was done.\nWhat to "
            "do: take the values of the service in services.yaml back that were changed last, and report "
            "this error. A run that was going on has ended here: check with `scripts/status` and on the "
            "service's hosts what it left, then trigger the service again."
        )
