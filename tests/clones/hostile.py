"""Whole services made of whatever a user could type, for property tests.

A service is drawn in every shape, with plain texts; then some of its texts are replaced: by ones from the
whole range of their grammar in :mod:`clones.names`, or by ones that no grammar has asked for.
"""

from __future__ import annotations

import typing
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from clones import names
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

LURES = [text for row in load_yaml((CASES / "lures.yaml").read_text()) for text in row] + ["\ud800"]
"""With half a character, which no file can hold."""
PLAIN = (
    "vgCVI",
    "/dev/vg/lv",
    "eth0",
    "1234:4321",
    "000190101234",
    "192.168.32.41",
    "@daily",
    "Europe/Paris",
)

texts = st.one_of(
    st.sampled_from(LURES),
    st.text(max_size=20),
    st.text(alphabet=" -/.'\"$`\\;&|<>(){}*?#~\n\t\x00abc019:=@,%", max_size=12),
    st.builds("{}{}".format, st.sampled_from(PLAIN), st.sampled_from(LURES)),
)

_GRAMMARS: dict[str, Any] = {
    **dict.fromkeys(("bin", "work_dir", "map_file", "mnt"), names.AbsolutePath),
    **{"dev": names.FsDevice, "devices": names.DiskName, "source_name": names.VolumeGroupName},
    **dict.fromkeys(("control_host", "connection"), names.ConnectionId),
    **dict.fromkeys(("start", "stop", "check", "probe"), names.Word),
    **{"ipdev": names.InterfaceName, "type": names.FsType, "mnt_opt": names.MountOptions},
    **{"symid": names.SymId, "symdg": names.GroupName},
}
_NAMES = {
    "vg": names.VolumeGroupName,
    "app": names.SyncName,
    "command": names.SyncName,
    "syncs": names.SyncName,
}


def fitting(place: tuple[Any, ...]) -> st.SearchStrategy[str] | None:
    """Anything that the grammar of a place of a service allows; None where no grammar is."""
    *above, key = (step for step in place if isinstance(step, str))
    kind = _NAMES.get(above[-1]) if above else names.ServiceName
    grammar_of = _GRAMMARS.get(key, kind if key == "name" else None)
    for part in typing.get_args(grammar_of):
        if isinstance(part, names.Grammar):
            return st.from_regex(part.pattern, fullmatch=True)
    return None


TOGETHER = (("hpux", "linux"), ("aix",), ("sunos",))
"""Families of which one service can have hosts: elsewhere interfaces and groups go by other rules."""
_INTERFACES = {"hpux": ("eth0", "lan900:1"), "aix": ("en0", "en1"), "sunos": ("e1000g0:1", "net0:12")}
_GROUPS: dict[str, list[dict[str, Any]]] = {
    "hpux": [{"map_file": "/var/vgCVI.map"}],
    "aix": [
        {},
        {"devices": ["hdisk4", "hdisk5"]},
        {"devices": ["hdisk4"], "same_host_as_source": True},
    ],
    "sunos": [
        {"manager": "zfs"},
        {"manager": "vxvm"},
        {"manager": "vxvm", "devices": ["c2t0d3"], "same_host_as_source": True, "source_name": "dgCVI"},
    ],
}
_FILE_SYSTEMS = {
    "hpux": [("vxfs", "/dev/vg/lv"), ("ext4", "/dev/vg/lv"), ("xfs", "/dev/vg/lv")],
    "aix": [("jfs2", "/dev/lv"), ("vxfs", "/dev/vx/dsk/dg/vol")],
    "sunos": [("ufs", "/dev/dsk/c2t0d4s6"), ("vxfs", "/dev/vx/dsk/dg/vol"), ("zfs", "pool/data")],
}


def _resources(family: str) -> st.SearchStrategy[dict[str, Any]]:
    words = st.lists(texts.filter(bool), min_size=1, max_size=3)
    return st.one_of(
        st.builds(
            lambda address, bits, device: {
                "ip": {"ipname": str(address), "ipdev": device, "netmask": str(bits)}
            },
            st.ip_addresses(v=4),
            st.integers(0, 32),
            st.sampled_from(_INTERFACES[family]),
        ),
        st.builds(lambda more: {"vg": {"name": "vgCVI", **deepcopy(more)}}, st.sampled_from(_GROUPS[family])),
        st.builds(
            lambda fs, options, kill: {
                "fs": {"dev": fs[1], "mnt": "/copy", "type": fs[0], "mnt_opt": options, "kill": kill}
            },
            st.sampled_from(_FILE_SYSTEMS[family]),
            st.sampled_from((None, "noatime", "-o,ro")),
            st.booleans(),
        ),
        st.builds(
            lambda stop: {
                "app": {"name": "db", "start": ["/opt/db", "start"], "stop": stop, "check": ["/opt/db", "is"]}
            },
            words,
        ),
        st.builds(
            lambda stop: {
                "command": {
                    "name": "md",
                    "start": ["/opt/md", "start"],
                    "stop": stop,
                    "probe": ["/opt/md", "is"],
                }
            },
            words,
        ),
    )


@st.composite
def _sync(draw: st.DrawFn, name: str, ends: list[int]) -> dict[str, Any]:
    """A sync of a device group, or of device numbers, over these devices: a source, its target, and so on."""
    made: dict[str, Any] = {"name": name, "precopy": draw(st.booleans()), "consistent": draw(st.booleans())}
    if draw(st.booleans()):
        pairs = [f"{source:04X}:{target:05X}" for source, target in zip(ends[::2], ends[1::2], strict=True)]
        return {**made, "symid": "000190101234", "pairs": pairs}
    pinned = draw(st.booleans())
    spelt = [f"D{n}={number:04X}" if pinned else f"D{n}" for n, number in enumerate(ends)]
    pairs = [":".join(two) for two in zip(spelt[::2], spelt[1::2], strict=True)]
    return {**made, "symdg": f"DG_{name}", "pairs": pairs}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A service as a DAG or a file gives it: `name`, `symcli`, and the keys of services.yaml."""
    ends = draw(st.lists(st.integers(0, 0xFFFFF), min_size=6, max_size=6, unique=True))
    together = draw(st.sampled_from(TOGETHER))
    families = draw(st.lists(st.sampled_from(together), min_size=1, max_size=2))
    return {
        "name": "svc",
        "symcli": {"bin": "/usr/symcli/bin", "work_dir": "/var/tmp/symclone"},
        "description": "A copy",
        "control_host": "control",
        "sync_max_delay": 1440,
        "schedule": "30 2 * * 1-5",
        "timezone": "Europe/Paris",
        "hosts": [{"connection": f"host{n}", "family": family} for n, family in enumerate(families)],
        # One of each kind: a second one would claim what the first has, which is refused.
        "resources": draw(st.lists(_resources(together[0]), min_size=1, max_size=3, unique_by=tuple)),
        "syncs": [draw(_sync("data", ends[:4])), draw(_sync("archivelogs", ends[4:]))],
    }


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a document has its texts."""
    if isinstance(value, dict):
        return [place for key, one in value.items() for place in places(one, (*at, key))]
    if isinstance(value, list):
        return [place for number, one in enumerate(value) for place in places(one, (*at, number))]
    return [at] if isinstance(value, str) else []


@st.composite
def typed(draw: st.DrawFn) -> dict[str, Any]:
    """A service in which some texts are replaced, by what fits there and by what does not."""
    document = draw(documents())
    every = places(document)
    for place in draw(st.lists(st.sampled_from(every), max_size=4)):
        fits = fitting(place)
        if fits is not None:
            put(document, place, draw(fits))
    if draw(st.booleans()):
        put(document, draw(st.sampled_from(every)), draw(texts))
    return document


def get(document: Any, place: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for step in place:
        document = document[step]
    return document


def put(document: Any, place: tuple[Any, ...], text: str) -> None:
    """Replace the text at a place."""
    get(document, place[:-1])[place[-1]] = text
