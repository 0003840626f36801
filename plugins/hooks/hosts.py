"""How operators and scripts come to the hosts: what that needs is looked for before it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clones.runs.record import TaskRecord
from hooks import needs

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


def open_hosts(record: TaskRecord | None = None, **options: Any) -> SymcliHook:
    """A :class:`hooks.symcli.SymcliHook`, with its arguments.

    :raises ConfigError: a package is missing, by name.
    """
    needs.require()
    from hooks.symcli import SymcliHook

    return SymcliHook(record=record, **options)
