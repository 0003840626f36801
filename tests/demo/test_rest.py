"""The client of Airflow's REST API, against a server that answers as Airflow was seen to."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from private_airflow import rest

LOST = b'{"detail": {"reason": "Database error", "statement": "hidden", "orig_error": "hidden"}}'
OTHER = b'{"detail": "boom"}'


@pytest.fixture
def answers() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """Its address, and what it answers in turn; the last answer stays."""
    script: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = script.pop(0) if len(script) > 1 else script[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", script
        server.shutdown()


def test_a_transaction_that_was_rolled_back_is_asked_again(
    answers: tuple[str, list[tuple[int, bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "_PAUSE", 0)
    url, script = answers
    with rest.AirflowRest(url, "user", "password") as client:
        script[:] = [(500, LOST), (500, LOST), (200, b'{"scheduler": {}}')]
        assert client.health() == {"scheduler": {}}
        script[:] = [(500, LOST)]
        with pytest.raises(rest.RestError, match="Database error"):
            client.health()
        script[:] = [(500, OTHER), (200, b"{}")]
        with pytest.raises(rest.RestError, match="boom"):
            client.health()
        assert len(script) == 1, "anything else is asked once"
