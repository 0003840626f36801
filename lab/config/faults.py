"""One fault as the YAML, the control port and Python give it, and one that a seed may set."""

from __future__ import annotations

import re
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, model_validator

from lab.strict import Strict

Kind = Literal[
    "lock", "cut_before", "cut_after", "cut_bytes", "cut_running", "delay", "slow", "hang", "exit", "silent",
    "stall", "noise", "partial", "fail_pair", "down", "disk_full", "skew", "admin", "cut_output",
    "http", "late", "job", "restart", "other_ca",
]  # fmt: skip
# What a kind can not do without, and why.
NEEDS: dict[str, tuple[str, str]] = {
    "delay": ("seconds", "a delay needs seconds"),
    "exit": ("exit", "kind exit needs an exit code"),
    "partial": ("pairs", "partial needs pairs: how many become active"),
    "cut_bytes": ("bytes", "cut_bytes needs bytes: how many are sent before the cut"),
    "cut_output": ("bytes", "cut_output needs bytes: how many of stdout arrive"),
    "stall": ("seconds", "a stall needs seconds"),
    "slow": ("rate", "slow needs rate: bytes per lab second"),
    "down": ("host", "down needs a host"),
    "disk_full": ("host", "disk_full needs a host"),
    "skew": ("host", "skew needs a host"),
    "http": ("status", "kind http needs a status"),
    "late": ("seconds", "late needs seconds"),
    "other_ca": ("host", "other_ca needs a host"),
    "admin": ("run", "admin needs run: the command of the second administrator"),
}


class FaultConfig(Strict):
    """See `lab.faults`: seconds are lab seconds, but real ones for a delay."""

    kind: Kind
    host: str | None = None
    match: str | None = Field(default=None, validation_alias=AliasChoices("match", "command"))
    count: int | None = Field(default=None, ge=1, validation_alias=AliasChoices("count", "attempts"))
    after: int = Field(default=0, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    exit: int | None = None
    stdout: str = ""
    stderr: str = ""
    pairs: int | None = Field(default=None, ge=0)
    pair: str | None = None
    bytes: int | None = Field(default=None, ge=0)
    rate: float | None = Field(default=None, gt=0)
    path: str | None = None
    skew: float = 0
    timezone: str | None = None
    run: str | None = None
    on: str | None = None
    status: int | None = Field(default=None, ge=100, le=599)
    type: str = "application/json"
    body: str = ""
    work: Literal["first", "last", "never"] | None = None
    state: Literal["FAILED", "ABORTED", "UNKNOWN", "INVALID"] | None = None

    @model_validator(mode="after")
    def _fit(self) -> FaultConfig:
        for name in ("match", "path"):
            try:
                re.compile(getattr(self, name) or "")
            except re.error as error:
                raise ValueError(f"{name} is not a regular expression: {error}") from None
        if self.kind == "lock" and self.exit not in (None, 2, 3, 19, 49):
            raise ValueError("a lock's exit is 2, 3, 19 or 49")
        needed, why = NEEDS.get(self.kind, ("kind", ""))
        if getattr(self, needed) is None:
            raise ValueError(why)
        if self.kind == "fail_pair" and not re.fullmatch(r"[0-9A-Fa-f]+>[0-9A-Fa-f]+", self.pair or ""):
            raise ValueError("fail_pair needs pair: SRC>TGT")
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (KeyError, OSError, ValueError):
                raise ValueError(f"no time zone {self.timezone!r}") from None
        return self


class RandomFaultConfig(Strict):
    """A fault that a seed may set: `draws` times, each with `probability`.

    Each that is drawn lets 0 to `within` more matching commands pass first.
    """

    fault: FaultConfig
    probability: float = Field(ge=0, le=1)
    draws: int = Field(default=1, ge=1)
    within: int = Field(default=0, ge=0)
