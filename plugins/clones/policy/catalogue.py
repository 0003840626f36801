"""All that is sent to a connection, by what services.yaml says."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from clones.asking import fence
from clones.asking.may_run import may_run
from clones.asking.steps import Result
from clones.backends.symclone.output import Group
from clones.config import Config, Service, Sync
from clones.config.scope import Scope
from clones.observe.host_files import PROGRAM_IN_A_TEXT, look_at_files
from clones.policy import control_hosts, service_hosts
from clones.policy.sent import Part, Sent, once, places, sends
from clones.policy.service_hosts import PLACES
from clones.policy.text import Fence
from clones.services_yaml.becomes import become_of

Groups = Mapping[str, Group]
"""Device groups of a control host, by name, as it has shown them."""


_FILE = re.compile(r"(?:/[^/]+)+")
FILES, FILE = "files", "/file9sample"


def sent_to(connection: str, config: Config, groups: Groups = MappingProxyType({})) -> list[Sent]:
    """All commands that a connection gets, each once, in the order of the configuration.

    :param connection: Airflow connection id (SSH).
    :param groups: the device groups of that control host. Of one that is not there, and whose names are not
        pinned to devices, no command by device number is in the list (:func:`left_out`).
    :raises ConfigError: a resource cannot be handled on its host's family.
    """
    found: list[Sent] = []
    concerned = scopes(connection, config)
    for scope in concerned:
        if scope.control_host == connection:
            found += control_hosts.of_service(scope, groups)
        found += service_hosts.of_service(connection, scope)
    found += _allowed(connection, config, found)
    return once([*found, *_files(connection, concerned, found)]) if found else []


def _allowed(connection: str, config: Config, every: Iterable[Sent]) -> Iterable[Sent]:
    """Preflight's look at what the account may run as root, without running it."""
    become = become_of(connection, config)
    for sent in every:
        for words in sent.command.as_root if sent.part is Part.NORMAL else ():
            asked = may_run(connection, become, words)
            if asked is not None:
                free = {one: kind for one, kind in sent.free.items() if any(one in w for w in asked.words)}
                reason = f"preflight asks what {become.kind} allows"
                yield Sent(asked, "", reason, free=free, sets=sent.sets if free else {})


def connections_of(service: Service) -> dict[str, None]:
    """Every host that gets anything of a service."""
    syncs = service.syncs
    hooks = (
        *(hook for place in PLACES for hook in getattr(service, place)),
        *(hook for sync in syncs for hook in (*sync.before_activate, *sync.after_activate)),
    )
    production = service.production.hosts if service.production else ()
    ends = (*service.hosts, *production, *service.down_checks, *hooks)
    return dict.fromkeys([service.control_host, *(end.connection for end in ends if end.connection)])


def by_connection(config: Config) -> dict[str, Config]:
    """For each host that gets anything, what of a configuration is about it."""
    found: dict[str, dict[str, Service]] = {}
    for name, service in config.services.items():
        for connection in connections_of(service):
            found.setdefault(connection, {})[name] = service
    return {name: config.model_copy(update={"services": services}) for name, services in found.items()}


def scopes(connection: str, config: Config) -> list[Scope]:
    """Each service of which a host gets anything, on each of its target sets."""
    return [
        scope
        for name, one in config.services.items()
        if connection in connections_of(one)
        for scope in Scope.each_set(name, one, config.symcli)
    ]


def fences(connection: str, config: Config) -> list[Fence]:
    """Where tokens stand there, for each service whose changes go there."""
    found = (
        Fence(scope.name, fence.folder(scope.work_dir_on(connection), scope.name))
        for scope in scopes(connection, config)
        if connection in (scope.control_host, *scope.fenced_hosts())
    )
    return list(dict.fromkeys(found))


def group_names(connection: str, config: Config) -> list[str]:
    """The device groups on a control host."""
    names = {
        sync.symdg: None
        for scope in scopes(connection, config)
        if scope.control_host == connection
        for sync in scope.service.syncs
        if sync.symdg is not None
    }
    return list(names)


def left_out(connection: str, config: Config, groups: Groups) -> list[str]:
    """What a catalogue lacks, for its device group was not read or lacks a name, in sentences."""
    return [
        f"sync {sync.name} of service {scope.name}: device group {sync.symdg} "
        + ("does not hold all its names" if sync.symdg in groups else "was not read")
        for scope, sync in _unpinned(connection, config)
        if not control_hosts.is_known(sync, groups)
    ]


def _unpinned(connection: str, config: Config) -> list[tuple[Scope, Sync]]:
    return [
        (scope, sync)
        for scope in scopes(connection, config)
        if scope.control_host == connection
        for sync in scope.service.syncs
        if sync.backend == "symclone" and not control_hosts.is_known(sync, {})
    ]


def _files(connection: str, concerned: Iterable[Scope], every: Iterable[Sent]) -> Iterable[Sent]:
    """Preflight's look at files: any that a command names, and the folders of this project's own."""
    known = [
        word
        for sent in every
        for word in sent.command.words
        if not any(sample in word for sample in sent.free)
    ]
    named = {word: None for word in known if _FILE.fullmatch(word)}
    inside = {path: None for word in known for path in PROGRAM_IN_A_TEXT.findall(word)}
    folders: dict[str, None] = {}
    for scope in concerned:
        for folder in (scope.work_dir_on(connection), scope.symcli.work_dir):
            while folder not in folders:
                folders[folder] = None
                folder = posixpath.dirname(folder)
    words = tuple(sorted({**named, **inside, **folders, **dict.fromkeys(places(every))}))
    for command in sends(look_at_files(connection, [FILE]), lambda one: Result(one, 1)):
        yield Sent(
            command,
            "",
            "preflight looks at programs and folders",
            free={FILE: f"<in:{FILES}>+"},
            sets={FILES: words},
        )
