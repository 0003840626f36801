"""A services.yaml whose hosts all become root by sudo, made of any other."""

from __future__ import annotations

import copy
from typing import Any

KIND = "sudo"
HOOKS = ("before_activate", "after_activate", "before_stop", "before_start", "after_start", "probes")


def with_become(data: Any) -> Any:
    """The contents of a services.yaml, with `become` wherever it can stand and does not yet."""
    if not isinstance(data, dict) or not isinstance(data.get("services"), dict):
        return data
    data = copy.deepcopy(data)
    symcli = data.setdefault("symcli", {})
    for one in [symcli, *_mappings(_of(symcli, "control_hosts"))]:
        _add(one, KIND)
    for service in _mappings(data["services"]):
        production = service.get("production")
        for hosts in (service, production if isinstance(production, dict) else {}):
            for host in _mappings(hosts.get("hosts")):
                _add(host, KIND)
        for check in _mappings(service.get("down_checks")):
            _add(check, KIND)
        for holder in (service, *_mappings(service.get("syncs"))):
            for hooks in HOOKS:
                for hook in _mappings(holder.get(hooks)):
                    _add(hook, KIND)
        for resource in _mappings(service.get("resources")):
            for kind in ("app", "command"):
                _add(resource.get(kind), True)
    return data


def _of(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, dict) else None


def _mappings(found: Any) -> list[dict[str, Any]]:
    among = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return [one for one in among if isinstance(one, dict)]


def _add(mapping: Any, value: str | bool) -> None:
    if isinstance(mapping, dict):
        mapping.setdefault("become", value)
