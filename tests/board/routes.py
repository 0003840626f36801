"""Every route of the board, asked as somebody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import httpx

from private_airflow.rest import AirflowRest


def paths(service: str = "lnxpp", run: str = "none") -> Iterator[str]:
    """An address of each route that the board has, so that none is forgotten."""
    from board.app import app

    filled = {"name": service, "dag_id": service, "run_id:path": run}
    for route in app.routes:
        path = str(getattr(route, "path", None))
        assert getattr(route, "dependant", None) is not None, f"{path} is no route that can ask who it is"
        if path == "/static/{name}":
            path = "/static/index.html"
        for name, value in filled.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path
        yield f"/clones{path}"


class Asker:
    """Asks the board of one Airflow with one user's token, or none."""

    def __init__(self, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self._url, self._headers = url, headers

    @classmethod
    def logged_in(cls, rest: AirflowRest) -> Asker:
        return cls(rest.url, {"Authorization": f"Bearer {rest.token()}"})

    def get(self, path: str, **headers: str) -> httpx.Response:
        sent = {**self._headers, **headers}
        return httpx.get(f"{self._url}{path}", headers=sent, trust_env=False, timeout=60)

    def json(self, path: str) -> Any:
        response = self.get(path)
        assert response.status_code == 200, (path, response.status_code, response.text)
        return response.json()

    def fleet(self) -> dict[str, dict[str, Any]]:
        """The rows, by service."""
        return {row["service"]: row for row in self.json("/clones/api/fleet")["services"]}
