"""What the board's list of all services costs the API server, from the database's rows to the text sent.

On SQLite, with a refresh going on and ten completed ones of each service. The permissions are those of
somebody who may do everything.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "board.json"
COUNTS = (10, 100, 1000)
RUNS = 10
ROUNDS = 5


def main() -> None:
    """Measure and print the table."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        for count in COUNTS:
            found.append(_measure(count, Path(folder) / f"{count}.db"))
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print("| Services | List: CPU, s | Queries | kB | One service: CPU, s |\n|---|---|---|---|---|")
    for one in found:
        print("| {services} | {fleet:.2f} | {queries} | {kilobytes} | {service:.2f} |".format(**one))


def _measure(count: int, path: Path) -> dict[str, Any]:
    from board import access
    from board.app import detail
    from board.fleet import fleet
    from board.gather import facts
    from clones.config import Config
    from tests.board.rows import Everybody, Rows, counted, reader

    rows = Rows(path)
    config = Config.model_validate({"services": rows.fill(count, RUNS)})
    known = {name + ending for name in config.services for ending in ("", "_provision", "_retire")}
    vars(access)["get_auth_manager"] = lambda: Everybody(known)
    lists, ones, text = [], [], ""
    with counted(rows.engine) as sent:
        facts(reader(rows, config))
        queries = len(sent)
    for _ in range(ROUNDS):
        began = time.process_time()
        text = json.dumps(fleet(*facts(reader(rows, config))))
        lists.append(time.process_time() - began)
        began = time.process_time()
        ask = reader(rows, config)
        one, _error = facts(ask, only="svc0000")
        json.dumps(detail(ask, one, "svc0000"))
        ones.append(time.process_time() - began)
    rows.session.close()
    return {
        "services": count,
        "fleet": min(lists),
        "queries": queries,
        "kilobytes": len(text) // 1000,
        "service": min(ones),
    }
