"""What of a service is looked at together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from clones.config.scope import Scope


def parts(scopes: Sequence[Scope]) -> Iterator[list[Scope]]:
    """The service as it is; of one with target sets what is each set's own, and then the rest, on each host.

    :param scopes: it, on each of its target sets.
    """
    seen: list[str] = []
    rest: list[Scope] = []
    for scope in scopes:
        yield [scope.own()]
    for scope in scopes:
        if scope.whole is None:
            continue
        shared = scope.whole.shared_on(scope.target_set)
        hosts = tuple(host for host in shared.hosts if host.connection not in seen)
        seen += [host.connection for host in hosts]
        part = shared.model_copy(update={"hosts": hosts, "down_checks": ()})
        if hosts and shared.resources:
            rest.append(replace(scope, service=part, target_set="", whole=None))
    if rest:
        yield rest
