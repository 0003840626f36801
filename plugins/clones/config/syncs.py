"""Syncs and their pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from clones.config.hooks import Hooks, hooks_apart, refuse_hook
from clones.config.model import Model, Seconds, Within
from clones.names import GroupName, SetName, StorageGroupName, SymId, SyncName, match_pair
from clones.time_limits import COPY, RECREATE, RESTORE


class Pair(Model):
    """One source device and its target, as configured: ``SOURCE:TARGET``.

    Device numbers are kept as integers; in a device group they are None unless pinned.
    """

    source: str
    target: str
    source_device: int | None = None
    target_device: int | None = None

    @property
    def label(self) -> str:
        """How logs and errors name the pair."""
        return f"{self.source} -> {self.target}"


_LINK = "a SnapVX link has no such step"
OF_SYMCLONE: Mapping[str, str] = {
    "symdg": "its pairs are device numbers in two storage groups",
    "targets": "two target sets are made with symclone only; a rewind goes back to a former snapshot",
    "precopy": _LINK,
    "precopy_timeout": _LINK,
    "consistent": "a snapshot of a storage group is always of one point in time",
    "recreate_while_copying": "a link that copies is always waited for",
    "restore_timeout": "there is no merge-back with SnapVX",
}
"""Keys of a sync that SnapVX has no use for, and why."""
_SNAPSHOT = "symclone has no snapshots"
OF_SNAPVX: Mapping[str, str] = {
    "source_group": "its pairs are named by `pairs`, and by `symdg`",
    "target_group": "its pairs are named by `pairs`, and by `symdg`",
    "copy_link": "a clone session always copies",
    "keep": _SNAPSHOT,
    "time_to_live": _SNAPSHOT,
}
"""Keys of a sync that symclone has no use for, and why."""


class Sync(Model):
    """One ordered step of a service: the pairs that are recreated and activated together."""

    name: SyncName = Field(
        description="How tasks, logs and errors name it; the last part of its tasks' ids.", examples=["data"]
    )
    backend: Literal["symclone", "snapvx"] = Field(
        "symclone",
        description="How its array is asked and told: `symclone` (SYMCLI, over SSH) or `snapvx` (SnapVX, by "
        "the REST API of Unisphere for PowerMax). All syncs of a service have the same.",
        examples=["snapvx"],
    )
    symid: SymId | None = Field(
        None, description="The array. Required when pairs are device numbers.", examples=["000190101234"]
    )
    symdg: GroupName | None = Field(
        None,
        description="Device group on the control host. Pairs are then logical device names.",
        examples=["DGCVI"],
    )
    pairs: tuple[Pair, ...] = Field(
        (),
        description="`SOURCE:TARGET` each: logical names in a device group (`DEV001:CLONE001`, or pinned "
        "`DEV001=1234:CLONE001=4321`), else device numbers (`1234:4321`).",
        examples=[["DEV001=1234:CLONE001=4321"], ["1234:4321", "1235:4322"]],
    )
    source_group: StorageGroupName | None = Field(
        None,
        description="Of `snapvx`: the storage group that holds exactly the sources of the pairs. Its "
        "snapshots are the points in time.",
        examples=["prod_data"],
    )
    target_group: StorageGroupName | None = Field(
        None,
        description="Of `snapvx`: the storage group that holds exactly the targets of the pairs. It belongs "
        "to this sync alone.",
        examples=["pp_data"],
    )
    copy_link: bool = Field(
        True,
        alias="copy",
        description="Of `snapvx`: the link copies all tracks to the targets; false: they share the "
        "snapshot's, and nothing is waited for.",
        examples=[False],
    )
    keep: Annotated[int, Within(0, 8, "former snapshots")] = Field(
        1,
        description="Of `snapvx`: so many snapshots older than the linked one are kept for a rewind.",
        examples=[3],
    )
    time_to_live: Annotated[int, Within(1, 400, "days")] = Field(
        7,
        description="Of `snapvx`: days after which the array ends a snapshot that is not linked. Longer than "
        "`keep` + 1 times `sync_max_delay` and the longest run.",
        examples=[14],
    )
    targets: dict[SetName, Annotated[tuple[Pair, ...], Field(min_length=1)]] = Field(
        {},
        description="In place of `pairs`: the pairs of each target set, by its name; two sets or more, the "
        "same names in all syncs. The service runs on one set while another is refreshed, and then changes "
        "over.",
        examples=[{"a": ["1234:4321"], "b": ["1234:4331"]}],
    )
    precopy: bool = Field(
        True,
        description="Recreate with `-precopy`: copy changed tracks before the activation.",
        examples=[False],
    )
    consistent: bool = Field(
        True,
        description="Activate with `-consistent`: all pairs at one point in time (D5).",
        examples=[False],
    )
    precopy_timeout: Seconds | None = Field(
        None,
        description="Before activating, wait up to so many seconds until the precopy has gone through all "
        "tracks once (`symclone verify -precopy -cycled`); none: activate at once.",
        examples=[3600],
    )
    recreate_timeout: Seconds = Field(
        RECREATE.seconds, description="Seconds until all pairs must be seen prepared.", examples=[600]
    )
    restore_timeout: Seconds = Field(
        RESTORE.seconds,
        description="Seconds a merge-back's restore may take (used by the merge-back DAG).",
        examples=[43200],
    )
    wait_for: Literal["copied", "active"] = Field(
        "copied",
        description="Start the service once all tracks are `copied`, or as soon as the pairs are `active`.",
        examples=["active"],
    )
    copy_timeout: Seconds = Field(
        COPY.seconds, description="Seconds to wait for `copied` after the activation.", examples=[43200]
    )
    recreate_while_copying: bool = Field(
        False,
        description="The array's microcode accepts recreate of a session that is CopyInProg.",
        examples=[True],
    )
    before_activate: Hooks = Field(
        (),
        description="Commands on the source's host before the activation, of `snapvx` before the snapshot "
        "(Oracle: begin backup), in order.",
        examples=[
            [
                {
                    "name": "begin_backup",
                    "connection": "oraprod",
                    "command": ["/opt/site/bin/ora-backup", "begin", "CVI"],
                }
            ]
        ],
    )
    after_activate: Hooks = Field(
        (),
        description="Commands on the source's host after the activation, of `snapvx` after the snapshot (end "
        "backup, log switch), in order. Once a `before_activate` was begun they always run, "
        "also when that step failed.",
        examples=[
            [
                {
                    "name": "end_backup",
                    "connection": "oraprod",
                    "command": ["/opt/site/bin/ora-backup", "end", "CVI"],
                }
            ]
        ],
    )

    @model_validator(mode="before")
    @classmethod
    def _split_pairs(cls, data: Any) -> Any:
        """Read the pairs in the form that the sync's `symdg` or `symid` calls for."""
        if not isinstance(data, dict):
            return data
        listed = isinstance(data.get("pairs"), list | tuple)
        sets = data.get("targets")
        if not listed and not isinstance(sets, dict):
            return data
        keys = {field.alias or name for name, field in cls.model_fields.items()}
        unknown = [key for key in data if key not in keys]
        if unknown:  # said before the pairs, whose form would be misjudged after a misspelt `symdg`
            raise PydanticCustomError("extra_forbidden", "unknown key", {"at": (unknown[0],)})
        in_group = bool(data.get("symdg"))
        found = dict(data)
        if listed:
            found["pairs"] = _read_pairs(data["pairs"], in_group, ("pairs",))
        if isinstance(sets, dict):
            found["targets"] = {
                name: _read_pairs(pairs, in_group, ("targets", str(name)))
                if isinstance(pairs, list | tuple)
                else pairs
                for name, pairs in sets.items()
            }
        return found

    @model_validator(mode="after")
    def _pairs_or_targets(self) -> Sync:
        if bool(self.pairs) == bool(self.targets):
            what = "both `pairs` and `targets`" if self.pairs else "no `pairs`"
            raise ValueError(
                f"a sync has {what}: give `pairs`, or `targets` where the service has several target sets"
            )
        if len(self.targets) == 1:
            raise ValueError("`targets` has one set: give a second one, or write its pairs as `pairs`")
        self._same_sources()
        return self

    def _same_sources(self) -> None:
        """Each target set is a copy of the same devices.

        :raises PydanticCustomError: naming the first set of which that is not so.
        """
        copied = {
            name: Counter(pair.source if self.grouped else f"{pair.source_device:04X}" for pair in pairs)
            for name, pairs in self.targets.items()
        }
        first = next(iter(copied), "")
        for name, sources in copied.items():
            if sources != copied[first]:
                strange = ", ".join({**(sources - copied[first]), **(copied[first] - sources)})
                message = (
                    f"the sets {first} and {name} are not copies of the same devices: {strange} is not in "
                    "both, or not as often; fix the pairs"
                )
                at = ("targets", name)
                raise PydanticCustomError("target_sets", "{message}", {"message": message, "at": at})

    def on(self, target_set: str) -> Sync:
        """This sync with the pairs of one of its target sets, and no others."""
        return self.model_copy(update={"pairs": self.targets[target_set], "targets": {}})

    @model_validator(mode="after")
    def _one_back_end(self) -> Sync:
        """What the other back end would need is refused by name: it would be left undone without a word."""
        strange = OF_SYMCLONE if self.backend == "snapvx" else OF_SNAPVX
        for name, why in strange.items():
            given = name in self.model_fields_set and not (name == "consistent" and self.consistent)
            if given and getattr(self, name) is not None:
                key = type(self).model_fields[name].alias or name
                message = f"`{key}` is not for `backend: {self.backend}`: {why}; remove it"
                raise PydanticCustomError("back_end", "{message}", {"message": message, "at": (key,)})
        if self.backend == "snapvx":
            missing = [n for n in ("symid", "source_group", "target_group") if getattr(self, n) is None]
            if missing:
                raise ValueError(f"`backend: snapvx` needs `{'`, `'.join(missing)}`: give {missing[0]}")
            if self.source_group == self.target_group:
                message = "`source_group` and `target_group` are the same storage group: fix one"
                raise PydanticCustomError(
                    "back_end", "{message}", {"message": message, "at": ("target_group",)}
                )
        return self

    @model_validator(mode="after")
    def _one_way_to_name_pairs(self) -> Sync:
        if self.symid is None and self.symdg is None:
            raise ValueError("give `symdg` (pairs are logical names) or `symid` (pairs are device numbers)")
        return self

    @model_validator(mode="after")
    def _hooks_on_the_sources_host(self) -> Sync:
        for place, hooks in (
            ("before_activate", self.before_activate),
            ("after_activate", self.after_activate),
        ):
            hooks_apart(place, hooks)
            for index, hook in enumerate(hooks):
                if hook.connection is None:
                    refuse_hook(f"hook {hook.name} needs `connection`: the source's host", place, index)
        return self

    @property
    def grouped(self) -> bool:
        """Whether pairs are logical names of a device group."""
        return self.symdg is not None


def _read_pairs(written: Sequence[Any], in_group: bool, at: tuple[str, ...]) -> list[Any]:
    """:param at: where they are written within the sync."""
    pairs: list[Any] = []
    for index, text in enumerate(written):
        if isinstance(text, Pair | dict):
            pairs.append(text)
            continue
        try:
            found = match_pair(str(text), in_group=in_group)
        except ValueError as error:
            raise PydanticCustomError(
                "pair", "{message}", {"message": str(error), "at": (*at, index)}
            ) from None
        if not in_group:
            found |= {"source_device": found["source"], "target_device": found["target"]}
        for end in ("source_device", "target_device"):
            found[end] = int(found[end], 16) if found.get(end) else None  # type: ignore[arg-type, assignment]
        pairs.append(found)
    return pairs
