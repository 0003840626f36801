"""One node's view of a configuration: scopes (``dev@node1``), references (``{env.vg}``), inheritance.

Every keyword that is asked for is noted, so that what nobody asked for can be reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clones.names import ConnectionId
from opensvc.reading import Keyword, Section
from opensvc.report import Remark
from opensvc.values import fits, shown

_REFERENCE = re.compile(r"\{([^{}]*)\}")
_MOST_REFERENCES = 200
_LONGEST = 20_000


@dataclass(frozen=True)
class Given:
    """A value as this node sees it.

    :param section: where it stands, which is ``DEFAULT`` for an inherited one.
    :param keyword: as written, with its scope.
    :param text: with its references resolved; as written if one of them cannot be.
    :param trouble: why a reference cannot be resolved, else None.
    :param made_of: sections and keywords: its own, and those that it took in.
    """

    section: str
    keyword: Keyword
    text: str
    trouble: str | None = None
    made_of: frozenset[tuple[str, Keyword]] = frozenset()


def group_and_index(section: str) -> tuple[str, str]:
    """``fs#1``, and ``fs1`` of older configurations, as ``fs`` in small letters and ``1``."""
    group, mark, index = section.partition("#")
    if not mark and (found := re.fullmatch(r"([A-Za-z]+)(\d+)", section)):
        group, index = found[1], found[2]
    return group.lower(), index


class View:
    """A configuration as one node sees it, and the remarks that are made about it.

    :param name: of the service.
    :param node: whose view; None: the first of ``nodes``.
    """

    def __init__(self, sections: dict[str, Section], name: str, node: str | None = None) -> None:
        self.sections = sections
        self.name = name
        self.remarks: list[Remark] = []
        default = sections.get("DEFAULT")
        if default and default.written != "DEFAULT":
            what = f"[{default.written}] is read as [DEFAULT], as not every version of the agent does"
            remedy = "check with the agent what the service inherits, before you retire it"
            self.remarks.append(Remark(default.line, "DEFAULT", "", what, remedy))
        self._used: set[tuple[str, str]] = set()
        self._asked: set[tuple[str, str]] = set()
        self._questions: dict[tuple[str, tuple[str, ...], bool], None] = {}
        self._same: set[tuple[str, str]] = set()
        self.elsewhere: dict[tuple[str, str], bool] = {}
        self._whole: set[str] = set()
        self.node = node.lower() if node else None
        self.nodes: list[str] = []
        self.drpnodes: list[str] = []
        self.nodes = self._node_list("nodes")
        self.drpnodes = [*self._node_list("drpnode"), *self._node_list("drpnodes")]
        if self.node is None and self.nodes:
            self.node = self.nodes[0]

    def _node_list(self, keyword: str) -> list[str]:
        given = self.take("DEFAULT", keyword)
        words = given.text.lower().split() if given and not given.trouble else []
        wrong = [word for word in words if fits(ConnectionId, word)]
        if given and (wrong or given.trouble):
            which = given.trouble or f"{shown(wrong[0])} is no host's name"
            self.remark(given, f"cannot be read as hosts: {which}", "name the hosts in `hosts` yourself")
            return []
        return list(dict.fromkeys(words))

    def take(self, section: str, *keywords: str, inherit: bool = False) -> Given | None:
        """The first of these keywords that is given, by its new and old names.

        :param inherit: whether ``[DEFAULT]`` speaks for the section.
        """
        self._questions[section, keywords, inherit] = None
        for place in (section, "DEFAULT") if inherit else (section,):
            for keyword in keywords:
                self._asked.add((place, keyword))
                found = self._scoped(place, keyword)
                if found is not None:
                    given = self._resolved(place, section, found)
                    self._used |= given.made_of
                    return given
        return None

    def forms(self, section: str, keyword: str) -> list[Given]:
        """A keyword with each of the scopes that it is given with, and without."""
        values = self.sections[section].values
        given = [self._resolved(section, section, one) for one in values if one.partition("@")[0] == keyword]
        self._used.update(*(one.made_of for one in given))
        return given

    def peek(self, section: str, keyword: str) -> Given | None:
        """A keyword of a section that is reported as a whole, whoever reads it."""
        self._questions[section, (keyword,), False] = None
        found = self._scoped(section, keyword)
        return None if found is None else self._resolved(section, section, found)

    def _scoped(self, section: str, keyword: str) -> Keyword | None:
        scopes = []
        if self.node:
            scopes = [f"{keyword}@{self.node}"]
            scopes += [f"{keyword}@nodes"] if self.node in self.nodes else []
            scopes += [f"{keyword}@drpnodes"] if self.node in self.drpnodes else []
        values = self.sections[section].values if section in self.sections else {}
        return next((key for name in [*scopes, keyword] for key in values if key == name), None)

    def _resolved(self, place: str, section: str, keyword: Keyword) -> Given:
        text, own = self.sections[place].values[keyword], frozenset({(place, keyword)})
        try:
            text, referenced = self._without_references(text, section)
            return Given(place, keyword, text, made_of=own | referenced)
        except LookupError as error:
            return Given(place, keyword, text, str(error.args[0]), own)

    def _without_references(self, text: str, section: str) -> tuple[str, set[tuple[str, Keyword]]]:
        """The text, and the keywords that it took in: they are used only if all of it can be resolved."""
        referenced: set[tuple[str, Keyword]] = set()
        for _ in range(_MOST_REFERENCES):
            found = _REFERENCE.search(text)
            if not found:
                if "$(" in text:
                    raise LookupError("it holds an expression $(...), which only the agent calculates")
                return text, referenced
            value, at = self._referenced(found[1], section)
            referenced |= at
            text = text[: found.start()] + value + text[found.end() :]
            if len(text) > _LONGEST:
                break
        raise LookupError("its references go round in a circle, or are too many")

    def _referenced(self, name: str, section: str) -> tuple[str, set[tuple[str, Keyword]]]:
        name = name.strip().lower()
        if name in ("svcname", "name"):
            return self.name, set()
        if name == "rid":
            return section, set()
        if name == "rindex":
            return group_and_index(section)[1], set()
        if name in ("nodename", "short_nodename") and self.node:
            return self.node if name == "nodename" else self.node.partition(".")[0], set()
        places = [(section, name), ("DEFAULT", name)]
        for place in self.sections:
            if name.startswith(f"{place.lower()}."):
                places.insert(0, (place, name[len(place) + 1 :]))
        for place, keyword in places:
            self._asked.add((place, keyword))
            found = self._scoped(place, keyword)
            if found is not None:
                return self.sections[place].values[found], {(place, found)}
        raise LookupError(f"the reference {{{name[:60]}}} is not known without the agent")

    def of_group(self, *groups: str) -> list[str]:
        """The sections of these groups (``sync``, ``fs``), by the number after ``#``."""

        def by_number(name: str) -> tuple[int, str]:
            index = group_and_index(name)[1]
            return (int(index), "") if index.isdecimal() and len(index) < 10 else (10**9, index)

        found = [name for name in self.sections if group_and_index(name)[0] in groups]
        return sorted(found, key=by_number)

    def remark(self, at: Given | str, what: str, remedy: str) -> None:
        """Report a value, or a whole section by its name, whose keywords are then all reported."""
        if isinstance(at, Given):
            self.remark_keyword(at.section, at.keyword, what, remedy)
            return
        self._whole.add(at)
        keywords = ", ".join(self.sections[at].values) or "nothing"
        self.remarks.append(
            Remark(self.sections[at].line, at, "", f"{what} (it gives {keywords[:300]})", remedy)
        )

    def remark_keyword(self, section: str, keyword: Keyword, what: str, remedy: str) -> None:
        """Report a keyword, once for each reason."""
        remark = Remark(keyword.line, section, keyword, what, remedy)
        if remark not in self.remarks:
            self.remarks.append(remark)

    def compare_hosts(self) -> dict[tuple[str, Keyword], list[str]]:
        """What was asked for and is another value on another host: the keyword, and what it is on which host.

        What another host's value is made of is noted, to be told from what nobody refers to.
        """
        differs: dict[tuple[str, Keyword], list[str]] = {}
        for host in dict.fromkeys([*self.nodes, *self.drpnodes]):
            other = View(self.sections, self.name, host)
            for section, keywords, inherit in list(self._questions):
                mine = self.take(section, *keywords, inherit=inherit)
                theirs = other.take(section, *keywords, inherit=inherit)
                made_of = theirs.made_of if theirs else frozenset()
                if (mine and (mine.text, mine.trouble)) == (theirs and (theirs.text, theirs.trouble)):
                    self._same |= made_of
                    continue
                taken = bool(mine and not mine.trouble)
                for key in made_of:
                    self.elsewhere[key] = taken or self.elsewhere.get(key, False)
                at = mine or theirs
                if at and not at.trouble and not self._speaks_for_itself(theirs):
                    said = differs.setdefault((at.section, at.keyword), [])
                    there = f"on {host} it is {_told(theirs)}"
                    said += [there] if there not in said else []
        return differs

    def _speaks_for_itself(self, theirs: Given | None) -> bool:
        """Whether another host's value has a keyword of its own, which is among the unused."""
        return (
            theirs is not None
            and theirs.section not in self._whole
            and (theirs.section, theirs.keyword) not in self._used
        )

    def took(self, section: str, name: str) -> bool:
        """Whether a keyword was asked for there, and found, with whatever scope."""
        return any(place == section and found.partition("@")[0] == name for place, found in self._used)

    def asked(self, section: str, name: str) -> bool:
        """Whether a keyword was asked for or referred to there, found or not."""
        return (section, name) in self._asked

    def unused(self) -> list[tuple[str, Keyword]]:
        """Sections and keywords that nobody asked for or reported, and that make no host the same value."""
        silent = self._used | (self._same - self.elsewhere.keys())
        return [
            (section.name, keyword)
            for section in self.sections.values()
            if section.name not in self._whole
            for keyword in section.values
            if (section.name, keyword) not in silent
        ]


def _told(given: Given | None) -> str:
    if given is None:
        return "not given"
    return f"not known ({given.trouble})" if given.trouble else shown(given.text)
