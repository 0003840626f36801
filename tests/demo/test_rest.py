"""The REST client's errors, and its requests, against a written server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from demo.rest import AirflowRest, RestError


class Server:
    """Answers by path; counts the logins."""

    def __init__(self, answers: dict[str, tuple[int, Any]]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": f"token{len(self.requests)}"})
        status, body = self.answers[request.url.path]
        return httpx.Response(status, json=body)

    def client(self) -> AirflowRest:
        made = AirflowRest("http://airflow.test", "admin", "secret")
        made._http = httpx.Client(base_url=made.url, transport=httpx.MockTransport(self))
        return made


def test_logs_in_once() -> None:
    server = Server({"/api/v2/dags/a%20b": (200, {}), "/api/v2/dags/a b": (200, {"dag_id": "a b"})})
    client = server.client()
    assert client.dag("a b") == {"dag_id": "a b"}
    client.dag("a b")
    assert [request.url.path for request in server.requests].count("/auth/token") == 1
    assert server.requests[-1].headers["authorization"] == "Bearer token1"


def test_an_error_says_what_was_asked_and_what_came_back() -> None:
    client = Server({"/api/v2/dags/x/dagRuns": (400, {"detail": "reason: too long"})}).client()
    with pytest.raises(RestError, match=r"POST .*/dagRuns: HTTP 400: reason: too long") as caught:
        client.trigger("x", {"reason": "y"})
    assert caught.value.status == 400


def test_no_answer() -> None:
    with (
        AirflowRest("http://127.0.0.1:9", "admin", "secret", timeout=1) as client,
        pytest.raises(RestError, match="no answer") as caught,
    ):
        client.health()
    assert caught.value.status is None


def test_trigger_sends_no_logical_date() -> None:
    server = Server({"/api/v2/dags/x/dagRuns": (200, {"dag_run_id": "manual__1"})})
    assert server.client().trigger("x", {"action": "refresh"}) == "manual__1"
    assert json.loads(server.requests[-1].content) == {"logical_date": None, "conf": {"action": "refresh"}}


def test_a_log_is_text_with_its_exceptions() -> None:
    events = [
        {"timestamp": "2026-01-01T00:00:00Z", "level": "info", "event": "hello", "ti_id": "x"},
        {"event": "Task failed", "error_detail": [{"exc_type": "ValueError", "exc_value": "no"}]},
    ]
    path = "/api/v2/dags/x/dagRuns/r/taskInstances/t/logs/1"
    client = Server({path: (200, {"content": events})}).client()
    assert client.task_log("x", "r", "t").splitlines() == [
        "2026-01-01T00:00:00Z INFO hello",
        "Task failed | ValueError: no",
    ]
