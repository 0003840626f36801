"""What must hold of storage groups across all services with SnapVX syncs.

A link overwrites every device of its target group, and the places that limit how many changes one array gets
at the same time are kept on one host.
"""

from __future__ import annotations

from clones.config import Config
from clones.services_yaml.checks import Problem


def check_storage_groups(config: Config) -> list[Problem]:
    """A target group belongs to one sync and is nobody's source; an array's services have one lock host."""
    problems: list[Problem] = []
    sources: dict[tuple[str, str], str] = {}
    targets: dict[tuple[str, str], str] = {}
    hosts: dict[str, tuple[str, str]] = {}
    syncs = [
        (name, service, number, sync, f"service {name}, sync {sync.name}")
        for name, service in config.services.items()
        for number, sync in enumerate(service.syncs)
        if sync.backend == "snapvx"
    ]
    for _, _, _, sync, who in syncs:
        sources.setdefault((str(sync.symid), str(sync.source_group)), who)
    for name, service, number, sync, who in syncs:
        at = ("services", name, "syncs", number, "target_group")
        symid, group = str(sync.symid), str(sync.target_group)
        first = targets.setdefault((symid, group), who)
        if first != who:
            problems.append(
                (
                    at,
                    f"{who}: its target group {group} is already that of {first}: give each sync a target "
                    "group of its own",
                )
            )
        if (symid, group) in sources:
            problems.append(
                (
                    at,
                    f"{who}: its target group {group} is the source group of {sources[symid, group]}: a "
                    "source must never be overwritten; fix one of the two",
                )
            )
        host, other = hosts.setdefault(symid, (service.control_host, name))
        if host != service.control_host:
            problems.append(
                (
                    ("services", name, "control_host"),
                    f"service {name}: its lock is on {service.control_host}, and that of service {other}, of "
                    f"the same array {symid}, on {host}: changes to one array are counted on one host; give "
                    "both the same `control_host`",
                )
            )
    return list(dict.fromkeys(problems))
