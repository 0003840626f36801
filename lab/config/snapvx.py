"""What the YAML says of an array's snapshots and links, and what is assumed of them (switches)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lab.strict import DeviceName, Name, Strict

SnapshotName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,32}$")]
Answer = Literal["refused", "accepted"]


class SnapvxSwitches(Strict):
    """What is assumed about snapshots and links, and could be otherwise. Seconds are lab seconds."""

    relink_from_unlinked: Answer = "refused"
    relink_other_source: Answer = "refused"
    relink_while_copying: Answer = "refused"
    relink_undefined: Answer = "accepted"
    relink_amount: Literal["changed", "all"] = "changed"
    unlink_link_amount: Literal["all", "changed"] = "all"
    link_target_not_ready: Literal["never", "during", "until_defined"] = "never"
    unlink_leaves_not_ready: bool = False
    unlink_undefined: Answer = "refused"
    unlink_nocopy_data: Literal["kept", "lost"] = "kept"
    define_seconds_per_gb: float = Field(default=0, ge=0)
    group_grew: Literal["refused", "old_members"] = "refused"
    pairing: Literal["best_match", "positional"] = "best_match"
    expired_linked: Literal["stays", "vanishes"] = "stays"
    name_reuse: Literal["generation", "refused"] = "generation"
    link_to_clone_target: Answer = "refused"
    """A link to a device that is the target of a clone session."""
    clone_to_link_target: Answer = "refused"
    """A clone session on to a device that is linked."""
    secure: Answer = "refused"
    persist: Answer = "refused"
    missing_target_group: Literal["created", "refused"] = "created"
    snapshots_a_source: int = Field(default=256, ge=1)
    change_seconds: float = Field(default=0, ge=0)
    """How long the array takes for a change: `during` it a target may be not ready."""


class SnapshotConfig(Strict):
    """A snapshot that is there at the lab's start. `ours` says that whoever the lab is there for made it.

    `ttl_hours` and `secure_hours` are from the lab's start.
    """

    group: Name
    name: SnapshotName
    age_hours: float = Field(default=0, ge=0)
    ttl_hours: float | None = None
    secure_hours: float | None = None
    policy: bool = False
    ours: bool = False


class LinkConfig(Strict):
    """A group that is linked at the lab's start, to the newest snapshot of that name; pairs by position.

    `copied` tracks of each pair are there; all when it is not said.
    """

    group: Name
    snapshot: SnapshotName
    target: Name
    nocopy: bool = False
    copied_tracks: float | None = Field(default=None, ge=0)


class WritesConfig(Strict):
    """What production writes on a source: tracks a second, never on more than `working_set` tracks."""

    device: DeviceName
    rate: float = Field(ge=0)
    working_set: float | None = Field(default=None, ge=0)
