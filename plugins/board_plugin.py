"""The board in Airflow's navigation: its routes are :mod:`board.app`.

Every process of Airflow loads this file, also each task's; only the API server asks for the routes.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/clones"

log = logging.getLogger(__name__)


class BoardPlugin(AirflowPlugin):
    """Entry "Clones" of the navigation, and the routes below ``/clones``."""

    name = "clones"
    external_views = [  # noqa: RUF012 (as Airflow wants it)
        {
            "name": "Clones",
            "href": f"{urlsplit(conf.get('api', 'base_url', fallback='')).path.rstrip('/')}{PREFIX}/",
            "url_route": "clones",
            "destination": "nav",
            "nav_top_level": True,
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The routes. An API server without a board is better than none."""
        try:
            from board.app import app
        except Exception:
            log.exception("The board cannot be shown")
            return []
        return [{"app": app, "url_prefix": PREFIX, "name": "Clones"}]
