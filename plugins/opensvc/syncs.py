"""``[sync#n]`` of type symclone: the form with device groups (to 1.8), and the later one with pairs."""

from __future__ import annotations

from collections.abc import Sequence

from clones.config.placeholders import fill_in
from clones.names import GroupName, SymId, match_pair
from opensvc.evaluating import Given, View
from opensvc.fields import by_subset, duration, entries, flag, in_use, not_optional, text_or_placeholder
from opensvc.values import fits, shown
from opensvc.writing import Block

_SYMID = "the array's 12 digits, as `symcfg list` shows them"
_ORDER = "check that it is the order in which the copies must be made: data first, then its logs"
_DEVICES = "SOURCE:TARGET, device numbers of the array"


def clone_syncs(view: View) -> list[str]:
    """The sections of clones, in the agent's order; other syncs are reported."""
    found = []
    for section in view.of_group("sync"):
        given = view.take(section, "type")
        kind = given.text.strip().lower() if given else "rsync"
        if kind != "symclone":
            view.remark(
                section,
                f"a sync of type {shown(kind)} is no clone, and left out",
                "keep it where it is, or replace it by other means",
            )
        elif in_use(view, section):
            found.append(section)
    ordered = by_subset(view, found, _ORDER)
    if ordered == found != sorted(found):
        view.remark_keyword(
            found[0],
            next(iter(view.sections[found[0]].values)),
            f"the order is by number: {', '.join(found)}",
            _ORDER,
        )
    return ordered


def report_same_sources(view: View, sections: Sequence[str]) -> None:
    """Syncs that copy one device to several targets are steps of one refresh here, and were perhaps not."""
    first: dict[int, str] = {}
    for section in sections:
        given = view.take(section, "pairs")
        if given is None or _no_pairs(given):
            continue
        sources = {int(str(match_pair(word, in_group=False)["source"]), 16) for word in given.text.split()}
        for other in sorted({first[number] for number in sources & first.keys()}):
            view.remark(
                given,
                f"copies a device that [{other}] copies too: both are steps of one refresh here",
                "check that the service uses both copies at a time; if it uses one while the other is made, "
                "write them as the target sets of one sync (docs/how-to/two-sets.md)",
            )
        first |= {number: section for number in sources - first.keys()}


def _no_pairs(given: Given) -> str | None:
    """Why nothing of `pairs` can be taken. Beside a word that is no pair, a pair may be part of a remark."""
    try:
        for word in given.text.split():
            match_pair(word, in_group=False)
    except ValueError as error:
        return given.trouble or str(error)
    return given.trouble


def sync(view: View, section: str, name: str) -> Block:
    """One of the service's ``syncs``."""
    not_optional(view, section, "a sync that fails stops the run, and the service is not started")
    group = view.take(section, "symdg")
    targets = view.take(section, "symdevs")
    timeout = duration(view, view.take(section, "recreate_timeout"))
    old_timeout = view.take(section, "precopy_timeout")
    if old_timeout:
        seconds = duration(view, old_timeout)
        if seconds is not None:
            view.remark(
                old_timeout,
                "is carried over as `recreate_timeout`: the agent waited so long for the state PreCopy",
                "nothing; to wait for a whole precopy before the activation, give `precopy_timeout`",
            )
        timeout = timeout if timeout is not None else seconds
    grouped = _in_group(view, section) if group or targets else _by_numbers(view, section)
    common = entries(
        precopy=flag(view, view.take(section, "precopy")),
        consistent=flag(view, view.take(section, "consistent")),
        recreate_timeout=timeout,
        restore_timeout=duration(view, view.take(section, "restore_timeout")),
    )
    return Block((*entries(name=name), *grouped.entries, *common))


def _by_numbers(view: View, section: str) -> Block:
    given, symid = view.take(section, "pairs"), _symid(view, section)
    if given and (wrong := _no_pairs(given)):
        view.remark(given, f"{shown(given.text)} is not carried over: {wrong}", "fill it in by hand")
        return Block(entries(symid=symid, pairs=[fill_in(f"{_DEVICES}; the agent had {shown(given.text)}")]))
    pairs = given.text.split() if given else []
    return Block(entries(symid=symid, pairs=pairs or [fill_in(_DEVICES)]))


def _symid(view: View, section: str) -> str:
    """The array, where no scope has a say in it: agent 2.1 reads `symid` without one."""
    given = view.forms(section, "symid")
    referred = {key for one in given for key in one.made_of if key != (section, one.keyword)}
    bare = not given or any(one.keyword == "symid" for one in given)
    if bare and len({one.text for one in given}) < 2 and not any("@" in keyword for _, keyword in referred):
        return text_or_placeholder(view, view.take(section, "symid"), SymId, _SYMID)
    for one in given:
        what = f"{shown(one.text)} is not carried over: agent 2.1 takes no scope into account here"
        view.remark(one, what, "fill in the array that has its pairs")
    return fill_in(f"{_SYMID}; the agent had {' and '.join(shown(one.text) for one in given)}")


def _in_group(view: View, section: str) -> Block:
    """The agent named the targets and read their sources from the group: these only the group can tell."""
    group = text_or_placeholder(view, view.take(section, "symdg"), GroupName, "the device group")
    given = view.take(section, "symdevs")
    words = given.text.split() if given and not given.trouble else []
    symids, pairs = [], []
    for word in words:
        symid, _, device = word.partition(":")
        symids.append(symid)
        pairs.append(fill_in(f"SOURCE:TARGET={device}, with the group's logical names"))
    if given:
        view.remark(
            given,
            given.trouble or "names the targets only, and services.yaml names each pair",
            "write each pair with the names and numbers that `symclone -g GROUP query` shows: "
            "DEV001=1234:CLONE001=4321",
        )
    one_array = len(set(symids)) == 1 and fits(SymId, symids[0]) is None
    if symids and not one_array:
        pairs = [fill_in(f"SOURCE:TARGET, for the agent's {shown(word)}") for word in words]
    return Block(
        entries(
            symid=symids[0] if one_array else fill_in(_SYMID),
            symdg=group,
            pairs=pairs or [fill_in("SOURCE:TARGET, with the group's logical names")],
        )
    )
