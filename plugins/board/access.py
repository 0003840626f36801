"""Who sees what: Airflow's own permissions, asked as Airflow's own pages ask for them."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.configuration import conf
from airflow.models.dag import DagModel
from sqlalchemy.orm import Session

from clones.actions import dags_of


class Access:
    """What one user may see and do.

    :param user: as Airflow's own dependency `get_user` found it.
    :param session: of Airflow's database.
    """

    def __init__(self, user: Any, session: Session) -> None:
        self._user = user
        self._manager = get_auth_manager()
        self._readable = self._manager.get_authorized_dag_ids(user=user, method="GET", session=session)
        self._teams: dict[str, str | None] = {}
        if conf.getboolean("core", "multi_team", fallback=False):
            self._teams = DagModel.get_dag_id_to_team_name_mapping(sorted(self._readable), session=session)

    def reads(self, dag_id: str) -> bool:
        """Whether there is such a DAG, as far as this user may know."""
        return dag_id in self._readable

    def sees_runs(self, dag_id: str) -> bool:
        """Whether the runs and tasks of a DAG may be shown."""
        return all(
            self._may("GET", entity, dag_id)
            for entity in (DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE)
        )

    def sees_records(self, dag_id: str) -> bool:
        """Whether what the tasks of a DAG have left may be shown: results, progress, records."""
        return self.sees_runs(dag_id) and self._may("GET", DagAccessEntity.XCOM, dag_id)

    def triggers(self, dag_id: str) -> bool:
        """Whether the user may start runs of a DAG."""
        return self._may("POST", DagAccessEntity.RUN, dag_id)

    def runs_seen(self, services: list[str]) -> tuple[set[str], set[str]]:
        """Of all DAGs of these services: those whose runs may be shown, and those whose records may be."""
        dag_ids = [dag_id for name in services for dag_id in dags_of(name)]
        runs = {dag_id for dag_id in dag_ids if self.sees_runs(dag_id)}
        return runs, {dag_id for dag_id in runs if self.sees_records(dag_id)}

    def _may(self, method: str, entity: DagAccessEntity, dag_id: str) -> bool:
        return self.reads(dag_id) and self._manager.is_authorized_dag(
            method=method,  # type: ignore[arg-type]
            access_entity=entity,
            details=DagDetails(id=dag_id, team_name=self._teams.get(dag_id)),
            user=self._user,
        )
