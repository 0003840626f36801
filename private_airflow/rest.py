"""Airflow's REST API, as far as the demo and the tests need it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

_LOST = "Database error"
"""What Airflow's API answers with status 500 when its database refused a transaction."""
_PAUSE = 0.2
"""Seconds until such a request is sent again."""


class RestError(RuntimeError):
    """Airflow did not answer, or refused: the message says what was asked and what came back.

    `status` is the HTTP status, None when there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class AirflowRest:
    """A client of one Airflow, logged in at the first request that needs it.

    :param timeout: seconds for each request.
    """

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 30.0) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)
        self._token: str | None = None

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> AirflowRest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def health(self) -> dict[str, dict[str, Any]]:
        """`metadatabase`, `scheduler`, `triggerer` and `dag_processor`: `status` and latest heartbeat."""
        return self._send("GET", "/api/v2/monitor/health", login=False).json()  # type: ignore[no-any-return]

    def warm(self) -> None:
        """Have the API server build the part that tasks talk to, which takes seconds at its first use."""
        self._send("GET", "/execution/health", login=False)

    def dag(self, dag: str) -> dict[str, Any]:
        """:raises RestError: with status 404 when Airflow has not read such a DAG."""
        return self.request("GET", f"/dags/{_word(dag)}")

    def import_errors(self) -> list[dict[str, Any]]:
        """DAG files that cannot be read: `filename` and `stack_trace`."""
        errors: list[dict[str, Any]] = self.request("GET", "/importErrors")["import_errors"]
        return errors

    def pause(self, dag: str, paused: bool = True) -> None:
        self.request("PATCH", f"/dags/{_word(dag)}", json={"is_paused": paused})

    def unpause(self, dag: str) -> None:
        self.pause(dag, False)

    def trigger(self, dag: str, conf: Mapping[str, Any] | None = None, **fields: Any) -> str:
        """Start a run now.

        :param fields: further fields of the request, such as `logical_date` or `dag_run_id`.
        :return: the run id.
        """
        body = {"logical_date": None, "conf": dict(conf or {}), **fields}
        return str(self.request("POST", f"/dags/{_word(dag)}/dagRuns", json=body)["dag_run_id"])

    def dag_run(self, dag: str, run_id: str) -> dict[str, Any]:
        """One run: `state`, `start_date`, `end_date`, `conf`..."""
        return self.request("GET", _run(dag, run_id))

    def task_instances(self, dag: str, run_id: str) -> list[dict[str, Any]]:
        """The run's tasks: `task_id`, `map_index`, `state`, `start_date`, `end_date`, `try_number`..."""
        return list(self._all(f"{_run(dag, run_id)}/taskInstances", "task_instances"))

    def task_log(self, dag: str, run_id: str, task: str, try_number: int = 1, map_index: int = -1) -> str:
        """One try's log as text, a line an event."""
        path = f"{_run(dag, run_id)}/taskInstances/{_word(task)}/logs/{try_number}"
        content = self.request("GET", path, params={"full_content": True, "map_index": map_index})["content"]
        return "\n".join(line if isinstance(line, str) else _log_line(line) for line in content)

    def clear(
        self, dag: str, *, run_id: str | None = None, tasks: Sequence[str] | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Clear tasks, so that they run again.

        :param tasks: their ids; None: all.
        :param options: of Airflow's `clearTaskInstances`, such as `only_failed`, `include_downstream`.
        :return: the tasks that were cleared.
        """
        body = {"dry_run": False, "only_failed": False, "reset_dag_runs": True, **options}
        if run_id is not None:
            body["dag_run_id"] = run_id
        if tasks is not None:
            body["task_ids"] = list(tasks)
        answer = self.request("POST", f"/dags/{_word(dag)}/clearTaskInstances", json=body)
        return list(answer["task_instances"])

    def xcom(self, dag: str, run_id: str, task: str, key: str = "return_value", map_index: int = -1) -> Any:
        """A value that a task left."""
        path = f"{_run(dag, run_id)}/taskInstances/{_word(task)}/xcomEntries/{_word(key)}"
        return self.request("GET", path, params={"map_index": map_index, "deserialize": True})["value"]

    def token(self) -> str:
        """What a request is allowed by, for those who send their own."""
        return self._token or self._login()

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Any request below ``/api/v2``; `options` are httpx's (`json`, `params`).

        :raises RestError: when there is no answer, or one that is not 2xx.
        """
        response = self._send(method, f"/api/v2{path}", **options)
        return response.json() if response.content else {}

    def _send(
        self, method: str, path: str, *, login: bool = True, again: int = 5, **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token()}"} if login else {}
        try:
            response = self._http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise RestError(f"{method} {self.url}{path}: no answer ({why})") from error
        if response.status_code == 401 and login and self._token:
            self._token = None  # it expires after a day
            return self._send(method, path, login=True, **options)
        if response.status_code == 500 and _LOST in response.text and again:
            # Airflow has rolled it back: SQLite lets one write at a time, and does not always wait.
            time.sleep(_PAUSE)
            return self._send(method, path, login=login, again=again - 1, **options)
        if response.is_error:
            status = response.status_code
            raise RestError(f"{method} {self.url}{path}: HTTP {status}: {_detail(response)}", status)
        return response

    def _login(self) -> str:
        response = self._send("POST", "/auth/token", login=False, json=self._credentials)
        token: str = response.json()["access_token"]
        self._token = token
        return token

    def _all(self, path: str, key: str, page: int = 100) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            answer = self.request("GET", path, params={"limit": page, "offset": offset})
            yield from answer[key]
            offset += len(answer[key])
            if not answer[key] or offset >= answer["total_entries"]:
                return


def _word(text: str) -> str:
    return quote(text, safe="")


def _run(dag: str, run_id: str) -> str:
    return f"/dags/{_word(dag)}/dagRuns/{_word(run_id)}"


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.text[:500] or response.reason_phrase
    return detail if isinstance(detail, str) else str(detail)[:2000]


def _log_line(line: Mapping[str, Any]) -> str:
    """``TIME LEVEL EVENT``, then the exceptions that the event carries."""
    words = [str(line.get(key) or "") for key in ("timestamp", "level", "event")]
    words[1] = words[1].upper()
    for error in line.get("error_detail") or ():
        words.append(f"| {error.get('exc_type')}: {error.get('exc_value')}")
    return " ".join(filter(None, words))
