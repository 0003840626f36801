"""What the YAML says of a Unisphere: its arrays, users, and what is assumed of its answers (switches)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from lab.strict import Name, Strict, Symid

Version = Literal["9.2", "10.0", "10.1", "10.2", "10.3", "10.4"]


class UnisphereSwitches(Strict):
    """What is assumed about a Unisphere and could be otherwise. Seconds are lab seconds."""

    version: Version = "10.4"
    lag_s: float = Field(default=3, ge=0)
    """How long its answers lag behind the array."""
    unseen_snapshot: Literal["accepted", "refused"] = "accepted"
    """A change of a snapshot that its answers do not show yet."""
    empty_list: Literal["by_version", "404", "200"] = "by_version"
    """The snapshots of a group that has none; by version: 404 before 10.0."""
    linked_list: Literal["shown", "missing"] = "shown"
    zone_name: bool = False
    change_answer: Literal["camelCase", "snake_case"] = "camelCase"
    execution_option: Literal["honoured", "ignored"] = "honoured"
    job_states: list[str] = Field(default_factory=lambda: ["SCHEDULED", "RUNNING"])
    """What a job is before its end, each for the same part of `job_seconds`."""
    job_seconds: float = Field(default=0, ge=0)
    """From a job's acceptance to the change."""
    defined_shown: bool = True
    nocopy_percent: Literal[0, 100] = 0
    tracks: Literal["total", "remaining"] = "total"
    flags: Literal["bool", "text"] = "bool"
    generation_calls: Literal["works", "fails"] = "works"
    snapids_key: Literal["snapids", "snap_ids"] = "snapids"
    gone_snapshot: Literal["404", "500"] = "404"
    role_refusal: Literal["403", "500"] = "403"
    page_size: int = Field(default=1000, ge=1)
    iterator_seconds: float = Field(default=180, gt=0)
    change_status: Literal["by_call", "200"] = "by_call"
    """By call: 201 for a snapshot that was made, 200 for a change."""

    @model_validator(mode="after")
    def _states(self) -> UnisphereSwitches:
        if not self.job_states or set(self.job_states) - set(UNFINISHED):
            raise ValueError(f"job_states: some of {', '.join(UNFINISHED)}")
        return self


UNFINISHED = (
    "UNSCHEDULED", "SCHEDULED", "RUNNING", "VALIDATING", "VALIDATED", "UNKNOWN", "RETRIEVING_PICTURE",
)  # fmt: skip


class UserConfig(Strict):
    """`groups` are the storage groups to whose changes a LocalRep is bound; None: of all."""

    login: Name
    password: str = Field(min_length=1)
    role: Literal["Monitor", "LocalRep", "StorageAdmin", "none"] = "StorageAdmin"
    groups: list[Name] | None = None


class UnisphereConfig(Strict):
    """`connection` of the first user, by HTTPS with a certificate of the lab's CA."""

    name: Name
    connection_id: Name
    arrays: list[Symid]
    remote_arrays: list[Symid] = Field(default_factory=list)
    """Those that another Unisphere manages: shown as not local."""
    users: list[UserConfig] = Field(
        default_factory=lambda: [UserConfig(login="symclone", password="of-the-lab")]
    )
    switches: UnisphereSwitches = Field(default_factory=UnisphereSwitches)

    @property
    def names(self) -> tuple[str, str]:
        return self.name, self.connection_id
