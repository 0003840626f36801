"""Where Airflow shows something: paths of its UI, with the path that the whole site may be under."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Links:
    """Paths below one Airflow.

    :param base: path of its UI without the last slash, mostly empty.
    """

    base: str = ""

    def dag(self, dag_id: str) -> str:
        """The page of a DAG."""
        return f"{self.base}/dags/{quote(dag_id, safe='')}"

    def run(self, dag_id: str, run_id: str) -> str:
        """The page of a run."""
        return f"{self.dag(dag_id)}/runs/{quote(run_id, safe='')}"

    def task(self, dag_id: str, run_id: str, task_id: str) -> str:
        """The page of a task of a run, with its log."""
        return f"{self.run(dag_id, run_id)}/tasks/{quote(task_id, safe='')}"


NO_LINKS = Links()
