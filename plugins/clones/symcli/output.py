"""The reading of SYMCLI's output. What cannot be read raises :class:`~clones.errors.Unknown`, never less.

Layouts: the device list with its ``CLONE_Device`` elements is relied on by two field programs; the group
list was seen captured. Device numbers have 4 or 5 digits even for one device, and are compared as integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from xml.etree.ElementTree import Element, ParseError

from clones.errors import Unknown
from clones.states import Device, DeviceNumber, Session, State, device_text
from clones.symcli.commands import CLOCK_MARK

_TRACKS = re.compile(
    r"\S+\s+(?P<source>[0-9A-Fa-f]{4,5})\s+\d+\s+(?P<at_source>\d+)"
    r"\s+\S+\s+(?P<target>[0-9A-Fa-f]{4,5})\s+(?P<at_target>\d+)\s+[X.]{4}\s+\w+\s+\d+"
)
"""A row: logical name, device, protected and modified tracks; logical name, device, modified tracks; flags,
state, percent."""


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
    for path, element in _one_by_one(text, mark.end(), "the device list"):
        if path == "Symmetrix/Symm_Info/symid":
            symids.append((element.text or "").strip())
        elif path == "Symmetrix/Device":
            device = _device(element)
            if devices.setdefault(device.number, device) != device:
                raise Unknown(
                    f"The device list shows {device_text(device.number)} twice, and not alike.",
                    "read its output in the log",
                )
            element.clear()
    return DeviceList(symids[0] if symids else "", clock, devices)


def _device(element: Element) -> Device:
    size = (element.findtext("Capacity/megabytes") or "").strip()
    return Device(
        number=_as_printed(element.findtext("Dev_Info/dev_name"), "device"),
        status=(element.findtext("Dev_Info/status") or "").strip(),
        size=_count(size),
        sessions=tuple(_session(child) for child in element.iterfind("CLONE_Device")),
    )


def _session(element: Element) -> Session:
    written = (element.findtext("state") or "").strip()
    percent = (element.findtext("percent_copied") or "").strip().rstrip("%").strip()
    return Session(
        source=_number(element.findtext("SRC/dev_name"), "session's source"),
        target=_number(element.findtext("TGT/dev_name"), "session's target"),
        state=State.read(written),
        written=intern(written or "(no state)"),  # thousands of waits remember it
        percent=_count(percent),
        last_action=_time(element.findtext("last_action")),
    )


def _time(text: str | None) -> datetime | None:
    """``Fri Dec  1 10:12:08 2023``, local time of the control host; None when it is not shown."""
    try:
        return datetime.strptime(" ".join((text or "").split()), "%a %b %d %H:%M:%S %Y")
    except ValueError:
        return None


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None


def _number(text: str | None, what: str) -> int:
    return int(_as_printed(text, what))


def _as_printed(text: str | None, what: str) -> DeviceNumber:
    cleaned = (text or "").strip()
    if not re.fullmatch(r"[0-9A-Fa-f]{1,6}", cleaned):
        raise Unknown(
            f"A {what} has no readable number ({cleaned!r}).", "read the command's output in the log"
        )
    return DeviceNumber(cleaned)


class _Pieces:
    """The rest of a long text as a file, not copied: `io.StringIO` takes four bytes a character."""

    def __init__(self, text: str, begin: int) -> None:
        self._text = text
        self._at = begin

    def read(self, size: int = 65_536, /) -> str:
        """At most so many characters more."""
        self._at += size
        return self._text[self._at - size : self._at]


def _one_by_one(text: str, begin: int, what: str) -> Iterator[tuple[str, Element]]:
    """Each element once it is complete, with the tags from below the root to it, of a long document.

    Of a list of hundreds of devices each is read and then emptied. All together they were objects enough for
    Python to look through all that there are for garbage, at every list: a tenth of a second and more, in
    which a triggerer does nothing else.

    :param begin: where in the text to look for the document.
    """
    # Here, so that without it the DAG files load, and tasks say what is missing (hooks.needs).
    from defusedxml.ElementTree import iterparse

    path: list[str] = []
    try:
        for event, element in iterparse(_Pieces(text, _document(text, begin)), ("start", "end")):
            if event == "start":
                if not path:
                    _check_root(element, what)
                path.append(element.tag)
            else:
                yield "/".join(path[1:]), element
                path.pop()
    except (ParseError, ValueError) as error:  # defusedxml's are ValueErrors
        raise _unreadable(what, error) from None


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
