"""A whole configuration of the agent as one service, with what could not be carried over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from clones.config.model import Within
from clones.config.placeholders import fill_in
from clones.config.services import LONGEST_DELAY
from clones.errors import ConfigError
from clones.names import ServiceName, SyncName
from clones.services_yaml.checks import RESERVED
from opensvc import schedules, syncs
from opensvc.evaluating import Given, View, group_and_index
from opensvc.fields import duration, entries, flag
from opensvc.left_out import report_the_rest
from opensvc.reading import read
from opensvc.report import Remark
from opensvc.resources import FAMILIES, resources
from opensvc.two_sets import with_two_sets
from opensvc.values import fits, shown
from opensvc.writing import Block, Entry

_MAX_DELAY = Annotated[int, Within(1, LONGEST_DELAY * 60, "seconds (366 days)")]


@dataclass(frozen=True)
class Facts:
    """What no configuration of the agent says; each is a placeholder unless it is given.

    :param control_host: Airflow connection of the host with SYMCLI.
    :param timezone: of the agent's hosts, like ``Europe/Paris``.
    :param families: by host in lower case; by ``""`` that of all others.
    :param two_sets: the service is to get a second target set.
    :param node: the host whose view is taken, and where the service is started; else the first of ``nodes``.
    """

    control_host: str | None = None
    timezone: str | None = None
    families: Mapping[str, str] = field(default_factory=dict)
    node: str | None = None
    two_sets: bool = False


@dataclass(frozen=True)
class Imported:
    """One service.

    :param remarks: what was not carried over, by line; empty: everything was.
    """

    name: str
    comment: str
    block: Block
    remarks: tuple[Remark, ...]


def convert(text: str, path: str, name: str, facts: Facts = Facts()) -> Imported:
    """The service that a configuration describes.

    :param path: of the file, for messages.
    :param name: of the service as the agent calls it, which is its file's name without the suffix.
    :raises ConfigError: when the file cannot be read, or there is no clone in it.
    """
    sections = read(text, path)
    view = View(sections, name, facts.node)
    known = {*view.nodes, *view.drpnodes}
    if facts.node and known and view.node not in known:
        raise ConfigError(
            f"{path}: {facts.node} is none of its hosts.", f"name one of: {', '.join(sorted(known))}"
        )
    clones = syncs.clone_syncs(view)
    if not clones:
        several = len(known) > 1
        seen = f" as {view.node} sees it" if several else ""
        elsewhere = ", or name another of its hosts with --node" if several else ""
        raise ConfigError(
            f"{path}: has no sync of type symclone that is in use{seen}.",
            f"leave this file out: its service has no copies for this project{elsewhere}",
        )
    hosts = {name: _family(name, facts) for name in _hosts(view)}
    made = resources(view, {family for family in hosts.values() if family})
    syncs.report_same_sources(view, clones)
    written = (
        *_description(view),
        *entries(
            control_host=facts.control_host
            or fill_in("the Airflow connection of the host with SYMCLI (the agent used each host itself)")
        ),
        *_schedule(view, clones, facts, stops=bool(made)),
        *_sync_max_delay(view, clones),
        *_placed(view, hosts, made),
        *entries(rollback=flag(view, view.take("DEFAULT", "rollback"))),
        Entry("syncs", [syncs.sync(view, one, _sync_name(one, clones)) for one in clones]),
    )
    if facts.two_sets and made:
        written = with_two_sets(written, {family for family in hosts.values() if family})
    elif facts.two_sets:
        view.remark_keyword(
            clones[0],
            next(iter(view.sections[clones[0]].values)),
            "gets no second target set: a service of only syncs runs on none",
            "list what runs on its disks as `resources` first, then see docs/how-to/two-sets.md",
        )
    block = Block(written)
    own_name = _service_name(name)
    report_the_rest(view)
    comment = f"From {path}, as {view.node or 'a host that it does not name'} sees it."
    if own_name != name:
        comment += f" The agent calls it {name[:80]}."
    return Imported(own_name, comment, block, tuple(sorted(view.remarks)))


def _service_name(name: str) -> str:
    """The nearest name that a service may have here, where it becomes a DAG's."""
    if fits(ServiceName, name):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:55]
        name = name if name[:1].isalpha() else f"svc_{name}"
    return f"svc_{name}_svc" if RESERVED.fullmatch(name) else name


def _sync_name(section: str, all_of_them: list[str]) -> str:
    """``sync#1`` as ``sync1``, ``sync#data`` as ``data``; where an index is no name, all are numbered."""
    indexes = [group_and_index(one)[1] for one in all_of_them]
    names = [f"sync{index}" if fits(SyncName, index) else index for index in indexes]
    if len(set(names)) < len(names) or any(fits(SyncName, name) for name in names):
        names = [f"sync{number}" for number, _ in enumerate(all_of_them, 1)]
    return names[all_of_them.index(section)]


def _description(view: View) -> tuple[Entry, ...]:
    given = view.take("DEFAULT", "comment")
    if given is None:
        return ()
    text = " ".join("".join(char if char.isprintable() else " " for char in given.text).split())
    if given.trouble or len(text) > 200:
        view.remark(given, given.trouble or "is cut: a description has 200 characters", "write it by hand")
    return entries(description=text[:200])


def _hosts(view: View) -> list[str]:
    """Where the service may run, first where it is started."""
    names = list(dict.fromkeys([*([view.node] if view.node else []), *view.nodes, *view.drpnodes]))
    return names or [fill_in("the Airflow connection of the host on which the service runs")]


def _family(host: str, facts: Facts) -> str | None:
    return facts.families.get(host) or facts.families.get("")


def _placed(view: View, hosts: Mapping[str, str | None], made: list[Block]) -> tuple[Entry, ...]:
    """Hosts and resources, or the words that a service of only syncs needs."""
    nodes, drp = view.take("DEFAULT", "nodes"), view.take("DEFAULT", "drpnodes", "drpnode")
    if not made:
        for given in (nodes, drp):
            if given:
                view.remark(
                    given,
                    "a service of only syncs has no `hosts`: these hosts only ran SYMCLI",
                    "give `down_checks` on the servers that use the copies",
                )
        wanted = fill_in(
            "true if nobody can say whether the copies are in use; else remove it, give `down_checks`"
        )
        return (Entry("resources", []), Entry("unattended", wanted))
    comment = "Each is an Airflow connection. The service is started on the first, and proven down on all."
    for given in (nodes, drp):
        if given and (given is drp or len(view.nodes) > 1):
            view.remark(
                given,
                f"the service is started on {view.node} only, and proven down on the others",
                "put the host on which it is to be started first in `hosts`, and take out those that do not "
                "see the copied disks",
            )
    blocks = [
        Block(entries(connection=name, family=family or fill_in(f"one of {', '.join(FAMILIES)}")))
        for name, family in hosts.items()
    ]
    return (Entry("hosts", blocks, comment), Entry("resources", made))


def _sync_max_delay(view: View, clones: list[str]) -> tuple[Entry, ...]:
    """Minutes: that of the syncs, the shortest of several."""
    given = [
        one for section in clones if (one := view.take(section, "sync_max_delay", "max_delay", inherit=True))
    ]
    usable = [(one, value) for one in given if (value := duration(view, one, 60, _MAX_DELAY))]
    if usable:
        minutes = min(-(-value // 60) for _, value in usable)
        for one, value in usable:
            if value > minutes * 60:
                view.remark(one, f"the service has one for all its syncs: {minutes} minutes", "nothing")
            elif value % 60:
                view.remark(one, f"is carried over in whole minutes: {minutes}", "nothing")
        return entries(sync_max_delay=minutes)
    wanted = "minutes after which a copy is too old; by default the agent took 1440 or 1620, by its version"
    return entries(sync_max_delay=fill_in(wanted))


def _schedule(view: View, clones: list[str], facts: Facts, *, stops: bool) -> tuple[Entry, ...]:
    """The cron line of the syncs, its time zone, and remarks on what it does not say."""
    found: dict[str, tuple[str, str]] = {}
    for section in clones:
        given = _scheduled(view, section)
        if given is None:
            continue
        try:
            if given.trouble:
                raise schedules.Unclear(given.trouble)
            planned = schedules.to_cron(_definition(view, section, given))
        except schedules.Unclear as error:
            found[section] = ("", given.text)
            view.remark(
                given, f"is not carried over: {error}", "give `schedule` as five cron fields, or none"
            )
            continue
        cron = planned.cron or "none"
        found[section] = (cron, given.text)
        for differs in planned.differs:
            view.remark(given, differs, f"check that `schedule` is what you want: {cron}")
        if planned.cron and stops:
            view.remark(
                given,
                "the agent's schedule made the copies only; here the service is stopped before them and "
                "started after",
                "check that the time suits its users, or give none and trigger `update` yourself",
            )
    crons = {found.get(section, ("none", ""))[0] for section in clones}
    if crons == {"none"}:
        wide = view.take("DEFAULT", "sync_schedule")
        if wide is None or wide.text.strip() in ("", "@0"):
            return entries(schedule="none")
        view.remark(
            wide,
            "whether it was for clones depends on the agent's version (2.1: no)",
            "check `print schedule` of the agent, then give `schedule` as five cron fields, or none",
        )
        return entries(schedule=fill_in(f"five cron fields or none; [DEFAULT] had {shown(wide.text)}"))
    if len(crons) == 1 and "" not in crons:
        timezone = facts.timezone or fill_in("the time zone of the agent's hosts, like Europe/Paris")
        return entries(schedule=crons.pop(), timezone=timezone)
    had = "; ".join(f"{section}: {shown(text)}" for section, (_, text) in found.items())
    return entries(schedule=fill_in(f"one for all syncs, five cron fields or none; the agent had {had}"))


def _scheduled(view: View, section: str) -> Given | None:
    """What schedules a sync, by its new and its old names."""
    return (
        view.take(section, "schedule", inherit=True)
        or view.take(section, "sync_schedule")
        or view.take(section, "sync_period", inherit=True)
        or view.take(section, "sync_days", inherit=True)
    )


def _definition(view: View, section: str, given: Given) -> str:
    if given.keyword.partition("@")[0] in ("schedule", "sync_schedule"):
        return given.text
    texts = []
    for keyword in ("sync_period", "sync_days", "sync_interval"):
        one = view.take(section, keyword, inherit=True)
        texts.append(one.text if one else None)
    return schedules.from_old_keywords(*texts)
