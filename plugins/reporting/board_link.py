"""Where the board shows something, and the button that leads from a task to its service there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, urlsplit

import attrs
from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf
from airflow.sdk.types import TaskInstanceKey

_NO_NAME = re.compile(r"[\s{]")
BOARD = "board_plugin"
"""The plugin that is the board, where a site has it."""


def base_path() -> str:
    """The path below which the whole of Airflow is, without the last slash; mostly empty."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


def board_page(*parts: str) -> str:
    """The path of a page of the board within Airflow's UI; empty where a site has no board.

    :param parts: of the page's own address, like ``service`` and the service's name; none: all services.
    """
    if not find_spec(BOARD):
        return ""
    # Airflow shows in the page's frame what stands in the address after the page's own.
    place = "/".join(quote(part, safe="") for part in parts)
    return f"{base_path()}/plugin/clones{base_path()}/clones/#/{place}"


@attrs.define()
class BoardLink(BaseOperatorLink):
    """Leads from a task to its service on the board; from one of all services to the whole board.

    Without a board, and for a service that is given as a mapping, which the board does not know, it is empty:
    Airflow then shows no button. Of a template, and of a long mapping, Airflow's API server knows no service.
    """

    name = "Board"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The path of the page."""
        service = getattr(operator, "service", None)
        if isinstance(service, Mapping):
            return ""
        known = service and service != "all" and not _NO_NAME.search(service)
        return board_page("service", service) if known else board_page()
