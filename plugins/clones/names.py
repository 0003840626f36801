"""The grammar of every name that may reach a command line.

A value that does not fit is refused when the configuration is read, with what would fit. Grammars are
narrower than what arrays and hosts accept: no name may look like an option, a path segment or a shell word.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Grammar:
    """A regular expression that a whole value must match, and how to say so.

    :param what: what the value should be, for the message.
    :param example: how to write one.
    """

    pattern: str
    what: str
    example: str
    _whole: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Here, and not at the first value: tasks are forks of what is loaded, and would each compile it.
        object.__setattr__(self, "_whole", re.compile(self.pattern))

    def check(self, value: str) -> str:
        """:raises ValueError: saying what was expected, with an example."""
        if not self._whole.fullmatch(value):
            raise ValueError(f"{value!r} is not {self.what}; write it like {self.example}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$", "examples": [self.example]}


_LD = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,31}"
_DEV = r"[0-9A-Fa-f]{4,5}"
_PATH = r"(?:/[A-Za-z0-9_+=@:,][A-Za-z0-9_.+=@:,-]*)+"

ServiceName = Annotated[
    str,
    Grammar(
        r"[A-Za-z][A-Za-z0-9_-]{0,63}",
        "a service name (a letter, then letters, digits, _ and -)",
        "aastmphpux",
    ),
]
SyncName = Annotated[
    str, Grammar(r"[A-Za-z][A-Za-z0-9_]{0,31}", "a sync name (letters, digits and _)", "archivelogs")
]
SetName = Annotated[
    str, Grammar(r"[a-z][a-z0-9_]{0,11}", "the name of a target set (lower case letters, digits and _)", "a")
]
HookName = Annotated[
    str, Grammar(r"[A-Za-z][A-Za-z0-9_]{0,31}", "a hook's name (letters, digits and _)", "begin_backup")
]
ConnectionId = Annotated[
    str, Grammar(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "the id of an Airflow connection", "symcli_prod")
]
SymId = Annotated[str, Grammar(r"[0-9]{12}", "a Symmetrix id: all 12 digits", "000190101234")]
GroupName = Annotated[
    str, Grammar(_LD, "a device group's name (at most 32 letters, digits, _ and -)", "DGCVI")
]
StorageGroupName = Annotated[
    str,
    Grammar(
        r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}",
        "a storage group's name (at most 64 letters, digits, _ and -)",
        "prod_data",
    ),
]
AbsolutePath = Annotated[
    str,
    Grammar(
        _PATH,
        "an absolute path of letters, digits and . _ + = @ : , - (no blanks, no `..`)",
        "/dev/vgCVI/lv_CVI",
    ),
]
BecomeWritten = Annotated[
    str,
    Grammar(
        rf"none|(?:{_PATH}/)?(?:sudo|doas|pfexec|pbrun)",
        "none, sudo, doas, pfexec or pbrun, or the absolute path of one of these programs",
        "sudo or /usr/local/bin/sudo",
    ),
]
DottedPath = Annotated[
    str,
    Grammar(
        r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+",
        "the dotted path of a Python class",
        "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    ),
]
VolumeGroupName = Annotated[
    str, Grammar(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,126}", "a volume group's name", "vgCVI")
]
LvPrefix = Annotated[str, Grammar(r"[A-Za-z][A-Za-z0-9_]{0,12}", "a prefix of logical volumes' names", "fsa")]
DiskName = Annotated[
    str,
    Grammar(
        rf"{_PATH}|[A-Za-z][A-Za-z0-9_-]{{0,63}}",
        "a disk as its host names it",
        "/dev/mapper/mpathb, hdisk4 or c2t0d3",
    ),
]
FsDevice = Annotated[
    str,
    Grammar(
        rf"{_PATH}|[A-Za-z][A-Za-z0-9_.:-]{{0,63}}(?:/[A-Za-z0-9_][A-Za-z0-9_.:-]{{0,63}})*",
        "a block device or a ZFS file system",
        "/dev/vgCVI/lv_CVI or, of ZFS, pppool/data",
    ),
]
InterfaceName = Annotated[
    str, Grammar(r"[A-Za-z][A-Za-z0-9_.-]{0,30}(?::[0-9]{1,4})?", "a network interface", "lan900:1 or eth0")
]
FsType = Annotated[str, Grammar(r"[a-z][a-z0-9]{1,15}", "a file system type", "vxfs, ext4 or xfs")]
_OPTION = r"[A-Za-z0-9_=.@-]+(?:=(?:/[A-Za-z0-9_@][A-Za-z0-9_.@-]*)+)?"
MountOptions = Annotated[
    str,
    Grammar(rf"{_OPTION}(?:,{_OPTION})*", "mount options joined by commas", "noatime,log=/dev/loglv00"),
]


def _whole(value: str) -> str:
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{value!r} holds half a character, which cannot be sent")
    return value


Word = Annotated[
    str,
    Grammar(r"[^\x00-\x1f\x7f]+", "one word of a command without control characters", "-k"),
    AfterValidator(_whole),
]
"""One word of a site's own command: anything printable; it is quoted before it reaches a shell."""


def _storable(value: str) -> str:
    if any(ord(char) < 32 and char not in "\n\t" for char in value):
        raise ValueError(f"{value!r} holds a control character; write plain text")
    return _whole(value)


Text = Annotated[str, AfterValidator(_storable)]
"""Anything that Airflow's database can keep for the UI: PostgreSQL takes no NUL."""


def _address(value: str) -> str:
    try:
        if "%" in value:
            raise ValueError("a zone")
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address; write it like 192.168.32.41") from None


@lru_cache(maxsize=256)  # a site has a few
def _netmask(value: str) -> str:
    for network in ("0.0.0.0", "::"):
        try:
            mask = ipaddress.ip_network(f"{network}/{value}")
        except ValueError:
            continue
        if value in (str(mask.netmask), str(mask.prefixlen)):  # not 0.0.3.255, which Python takes as well
            return value
    raise ValueError(f"{value!r} is not a netmask; write it like 255.255.252.0 or, as a prefix length, 22")


IpAddress = Annotated[str, AfterValidator(_address)]
Netmask = Annotated[str, AfterValidator(_netmask)]

_GROUP_PAIR = re.compile(
    rf"(?P<source>{_LD})(?:=(?P<source_device>{_DEV}))?:(?P<target>{_LD})(?:=(?P<target_device>{_DEV}))?"
)
_DEVICE_PAIR = re.compile(rf"(?P<source>{_DEV}):(?P<target>{_DEV})")


def match_pair(text: str, *, in_group: bool) -> dict[str, str | None]:
    """Split ``SOURCE:TARGET``.

    :returns: ``source``, ``target`` and, in a device group, ``source_device`` and ``target_device`` or None.
    :raises ValueError: naming the form that is expected.
    """
    found = (_GROUP_PAIR if in_group else _DEVICE_PAIR).fullmatch(text)
    if found:
        return found.groupdict()
    form = (
        "DEV001:CLONE001, or with the device numbers they must stand for: DEV001=1234:CLONE001=4321"
        if in_group
        else "1234:4321 (4 or 5 hexadecimal digits each; for names of a device group give `symdg`)"
    )
    raise ValueError(f"{text!r} is not a pair; write its source and target like {form}")
