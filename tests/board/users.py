"""Run in a FAB Airflow's environment: users, one of whom may do everything with one service's DAG only.

``python users.py PASSWORD NAME:ROLE...``; of the role ``only-DAG`` that is the DAG.
"""

from __future__ import annotations

import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

BESIDE = {
    "can_read": ("DAG Runs", "Task Instances", "XComs"),
    "can_create": ("DAG Runs",),
}
"""What docs/how-to/board.md says that a team's role needs beside its DAG."""


def main() -> None:
    password, *users = sys.argv[1:]
    with get_application_builder() as appbuilder:
        security = appbuilder.sm
        for user in users:
            name, role = user.split(":")
            if role.startswith("only-"):
                made = security.add_role(role)
                allowed = [(action, place) for action, places in BESIDE.items() for place in places]
                dag = f"DAG:{role.removeprefix('only-')}"
                for action, place in (*allowed, ("can_read", dag), ("can_edit", dag)):
                    security.add_permission_to_role(made, security.create_permission(action, place))
            security.add_user(name, name, name, f"{name}@localhost", security.find_role(role), password)


if __name__ == "__main__":
    main()
