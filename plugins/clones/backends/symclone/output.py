"""The reading of SYMCLI's output. What cannot be read raises :class:`~clones.errors.Unknown`, never less.

Layouts: the device list with its ``CLONE_Device`` elements is relied on by two field programs; the group
list was seen captured. Device numbers have 4 or 5 digits even for one device, and are compared as integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from clones.backends.symclone.commands import CLOCK_MARK
from clones.errors import Unknown
from clones.states import Device, DeviceNumber, Session, State, device_text

_TRACKS = re.compile(
    r"\S+\s+(?P<source>[0-9A-Fa-f]{4,5})\s+\d+\s+(?P<at_source>\d+)"
    r"\s+\S+\s+(?P<target>[0-9A-Fa-f]{4,5})\s+(?P<at_target>\d+)\s+[X.]{4}\s+\w+\s+\d+"
)
"""A row: logical name, device, protected and modified tracks; logical name, device, modified tracks; flags,
state, percent."""

_FEW_DIGITS, _HEXADECIMAL = re.compile("[0-9]{1,12}"), re.compile("[0-9A-Fa-f]{1,6}")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ({'|'.join(_MONTHS)}) "
    r"([0-9]{1,2}) ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}) ([0-9]{4})",
    re.IGNORECASE,
)
"""Not by `strptime`, which takes ten times as long, and another language's names where the locale says so."""


SESSIONS = 512
"""Read last, and remembered: each stands with its source and with its target, both in one list as a rule."""


@dataclass(frozen=True)
class Group:
    """A device group: its array, None before its first device, and the device number of each logical name."""

    symid: str | None
    devices: Mapping[str, int]


@dataclass(frozen=True)
class DeviceList:
    """The devices of one array, and the control host's local time when they were listed."""

    symid: str
    clock: datetime
    devices: Mapping[int, Device]


def read_version(text: str) -> str:
    """Read the banner of ``symcli``: ``V10.1.0.0``.

    :raises Unknown: when it is not that banner.
    """
    found = re.search(r"\(SYMCLI\)\s+Version\s+(V\S+)", text)
    if not found:
        raise Unknown("SYMCLI did not print its version.", "read the output of `symcli` in the log")
    return found[1]


def read_arrays(text: str) -> list[str]:
    """Read ``symcfg list -output xml_e``: the ids of the arrays.

    :raises Unknown: when it is not such a list.
    """
    root = _root(text, "the list of arrays")
    found = [(element.text or "").strip() for element in root.iterfind("Symmetrix/Symm_Info/symid")]
    if not found or not all(re.fullmatch(r"\d{12}", symid) for symid in found):
        raise Unknown(f"The list of arrays names {found or 'none'}.", "read its output in the log")
    return found


def read_group(text: str) -> Group:
    """Read ``symdg -g DG list ld -output xml_e``.

    :raises Unknown: when it is not such a list.
    """
    root = _root(text, "the list of the device group")
    symid = (root.findtext("DG/DG_Info/symid") or "").strip()
    devices: dict[str, int] = {}
    for info in root.iterfind("DG/Device/Dev_Info"):
        name = (info.findtext("ld_name") or "").strip()
        if not name:
            continue
        number = _number(info.findtext("dev_name"), "device group")
        if devices.setdefault(name, number) != number:
            raise Unknown(
                f"The device group has two devices of the name {name!r}.", "read its output in the log"
            )
    if not devices and symid == "N/A":
        return Group(None, devices)
    if not re.fullmatch(r"[0-9]{12}", symid):
        raise Unknown(
            f"The list of the device group names no array (symid is {symid!r}).",
            "read its output in the log",
        )
    return Group(symid, devices)


def says_no_groups(text: str) -> bool:
    """Whether ``symdg list`` says that there is no device group at all.

    A collector in the field looks for these words on stdout. Assumed: they are text also where XML is asked,
    and come with any exit code that is no lock.
    """
    return "No Symmetrix" in text and "<" not in text


def names_group(text: str, name: str) -> bool:
    """Whether ``symdg list -output xml_e`` names a group, wherever in it that stands.

    :raises Unknown: when it is not SYMCLI's.
    """
    return any((element.text or "").strip() == name for element in _root(text, "the list of groups").iter())


def read_tracks(text: str) -> dict[tuple[int, int], int]:
    """Read the table of ``symclone query``: by source and target, how many tracks either side has modified.

    A pair whose figures are not shown is left out, and so is one that shows none: where modified tracks are
    not counted (`SYMAPI_TF_COUNT_MODIFIED_TRACKS`, off by default) zeros are printed.
    """
    found = {}
    for line in text.splitlines():
        row = _TRACKS.fullmatch(line.rstrip())
        if row and int(row["at_source"]) + int(row["at_target"]):
            pair = (int(row["source"], 16), int(row["target"], 16))
            found[pair] = int(row["at_source"]) + int(row["at_target"])
    return found


def read_devices(text: str) -> DeviceList:
    """Read ``symdev list -v -devs ... -output xml_e`` behind a line with the clock.

    Every session stands with its source and with its target; it is read from both and kept once.

    :raises Unknown: when it is not such a list.
    """
    mark = re.search(rf"^{CLOCK_MARK} (\S+)\s*$", text, re.MULTILINE)
    if not mark:
        raise Unknown(
            "The control host did not print its clock before the device list.",
            "read its output in the log",
        )
    try:
        clock = datetime.fromisoformat(mark[1])
        if clock.tzinfo is not None:
            raise ValueError("with a zone, which the array's times are without")
    except ValueError:
        raise Unknown(
            f"The control host printed {mark[1]!r} as its clock.", "read its output in the log"
        ) from None
    symids: list[str] = []
    devices: dict[int, Device] = {}
    for element in _one_by_one(text, mark.end(), "the device list"):
        if element.tag == "Symm_Info":
            symids += [(symid.text or "").strip() for symid in element.iterfind("symid")]
        elif element.tag == "Device":
            device = _device(element)
            if devices.setdefault(device.number, device) != device:
                raise Unknown(
                    f"The device list shows {device_text(device.number)} twice, and not alike.",
                    "read its output in the log",
                )
    return DeviceList(symids[0] if symids else "", clock, devices)


def _device(element: Element) -> Device:
    return Device(
        number=_as_printed(_below(element, "Dev_Info", "dev_name"), "device"),
        status=_below(element, "Dev_Info", "status").strip(),
        size=_count(_below(element, "Capacity", "megabytes").strip()),
        sessions=tuple(_session(*_said(child)) for child in element.findall("CLONE_Device")),
    )


def _below(element: Element, above: str, name: str) -> str:
    """As `findtext` of the path of both, at a fourth of its price: there are thousands of devices."""
    for part in element.findall(above):
        found = part.findtext(name)
        if found is not None:
            return found
    return ""


def _said(session: Element) -> tuple[str, str, str | None, str | None, str | None]:
    text = session.findtext
    ends = _below(session, "SRC", "dev_name"), _below(session, "TGT", "dev_name")
    return *ends, text("state"), text("percent_copied"), text("last_action")


@lru_cache(SESSIONS)
def _session(source: str, target: str, state: str | None, percent: str | None, at: str | None) -> Session:
    written = (state or "").strip()
    return Session(
        source=_number(source, "session's source"),
        target=_number(target, "session's target"),
        state=State.read(written),
        written=intern(written or "(no state)"),  # thousands of waits remember it
        percent=_count((percent or "").strip().rstrip("%").strip()),
        last_action=_time(at),
    )


@lru_cache(SESSIONS)
def _time(text: str | None) -> datetime | None:
    """``Fri Dec  1 10:12:08 2023``, local time of the control host; None when it is not shown."""
    found = _TIME.fullmatch(" ".join((text or "").split()))
    if not found:
        return None
    day, hour, minute, second, year = map(int, found.group(2, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(found[1].title()) + 1, day, hour, minute, second)
    except ValueError:
        return None


def _count(text: str) -> int | None:
    return int(text) if _FEW_DIGITS.fullmatch(text) else None


def _number(text: str | None, what: str) -> int:
    return int(_digits(text, what), 16)


def _as_printed(text: str | None, what: str) -> DeviceNumber:
    return DeviceNumber(_digits(text, what))


def _digits(text: str | None, what: str) -> str:
    cleaned = (text or "").strip()
    if not _HEXADECIMAL.fullmatch(cleaned):
        raise Unknown(
            f"A {what} has no readable number ({cleaned!r}).", "read the command's output in the log"
        )
    return cleaned


PIECE = 8192
"""Characters that are read at a time: four devices, which are gone before a look for garbage finds them."""


def _one_by_one(text: str, begin: int, what: str) -> Iterator[Element]:
    """What is below each `Symmetrix` of a long document, each once it is complete.

    Of a list of hundreds of devices each is read and then let go. All together they are objects enough for
    Python to look through all that there are for garbage, at every list: a tenth of a second and more, in
    which a triggerer does nothing else.

    Only a document type can define the entities that defusedxml is there for (XML 1.0, 4.2). Without one
    Python's own parser, which takes a fifth of the time, has nothing to be tricked by.

    :param begin: where in the text to look for the document.
    """
    if "<!DOCTYPE" in text:
        yield from _root(text[begin:], what).iterfind("Symmetrix/*")
        return
    builder = TreeBuilder()
    above: Element = builder.start("above", {})  # all that is parsed comes below it, so that it can be seen
    parser = XMLParser(target=builder)
    try:
        for at in range(_document(text, begin), len(text), PIECE):
            parser.feed(text[at : at + PIECE])
            for root in above:
                _check_root(root, what)
                yield from _complete(root)
        parser.close()
    except (ParseError, ValueError) as error:
        raise _unreadable(what, error) from None
    yield from _complete(above[0], ended=True)


def _complete(root: Element, *, ended: bool = False) -> Iterator[Element]:
    """What is complete below each `Symmetrix`, to be let go: while more may come, all but the last."""
    for part in list(root):
        children = list(part)
        if part is root[-1] and not ended:
            children = children[:-1]
        if part.tag == "Symmetrix":
            yield from children
        del part[: len(children)]


def _root(text: str, what: str) -> Element:
    """The XML document in a text that may have other lines before it."""
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(text[_document(text) :])
    except (ParseError, ValueError) as error:  # defusedxml's are ValueErrors
        raise _unreadable(what, error) from None
    _check_root(root, what)
    return root


def _document(text: str, begin: int = 0) -> int:
    """Where in a text its XML document begins."""
    start = text.find("<", begin)
    if start < 0:
        raise ParseError("there is no XML in it")
    return start


def _check_root(root: Element, what: str) -> None:
    if root.tag != "SymCLI_ML":
        raise Unknown(
            f"{what[0].upper()}{what[1:]} is a <{root.tag}>, not SYMCLI's.", "read its output in the log"
        )


def _unreadable(what: str, error: Exception) -> Unknown:
    return Unknown(f"{what[0].upper()}{what[1:]} cannot be read: {error}.", "read its output in the log")
