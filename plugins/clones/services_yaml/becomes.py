"""How each connection's account becomes root: all that services.yaml says of one connection must agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from clones.become import NONE, Become
from clones.config import Config, Hook, Service
from clones.services_yaml.checks import Problem


class Said(NamedTuple):
    """One `become` of the file.

    :param at: where it stands, or would stand.
    :param of_host: it is the host's own; else that of one thing that is run there, which `none` says
        nothing about but that this needs no root.
    """

    connection: str
    written: str
    at: tuple[Any, ...]
    of_host: bool


HOOKS = ("before_stop", "before_start", "after_start", "probes")
HOOKS_OF_SYNCS = ("before_activate", "after_activate")


def becomes(config: Config) -> Iterator[Said]:
    """Each `become` that the file says or leaves out, in its order."""
    for name in dict.fromkeys(service.control_host for service in config.services.values()):
        own = ("control_hosts", name) if name in config.symcli.control_hosts else ()
        yield Said(name, config.symcli.on(name).become, ("symcli", *own, "become"), False)
    for name, service in config.services.items():
        yield from _of_service(service, ("services", name))


def _of_service(service: Service, at: tuple[Any, ...]) -> Iterator[Said]:
    for number, host in enumerate(service.hosts):
        yield Said(host.connection, host.become, (*at, "hosts", number), True)
    for number, host in enumerate(service.production.hosts if service.production else ()):
        yield Said(host.connection, host.become, (*at, "production", "hosts", number), True)
    for number, check in enumerate(service.down_checks):
        yield Said(check.connection, check.become, (*at, "down_checks", number), False)
    for place in HOOKS:
        yield from _of_hooks(service, getattr(service, place), (*at, place))
    for index, sync in enumerate(service.syncs):
        for place in HOOKS_OF_SYNCS:
            yield from _of_hooks(service, getattr(sync, place), (*at, "syncs", index, place))


def _of_hooks(service: Service, hooks: tuple[Hook, ...], at: tuple[Any, ...]) -> Iterator[Said]:
    for number, hook in enumerate(hooks):
        yield Said(service.host_of(hook), hook.become, (*at, number), False)


def become_of(connection: str, config: Config) -> Become:
    """How that account becomes root; `none` where nothing is run there as root by a program of its own."""
    found = (one.written for one in becomes(config) if one.connection == connection)
    return Become.read(next((written for written in found if written != NONE), NONE))


def check_becomes(config: Config) -> list[Problem]:
    """Connections of which two things are said."""
    first: dict[str, str] = {}
    of_host: dict[str, str] = {}
    problems: list[Problem] = []
    for one in becomes(config):
        before = of_host.setdefault(one.connection, one.written) if one.of_host else one.written
        if one.written != NONE:
            before = first.setdefault(one.connection, one.written) if before == one.written else before
        if before != one.written:
            what = (
                f"`become: {one.written}` of {one.connection}, and `{before}` elsewhere in this file: an "
                "account becomes root in one way; write the same everywhere"
            )
            problems.append((one.at, what))
    return problems
