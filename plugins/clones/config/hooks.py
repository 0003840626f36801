"""Commands of the site's own, at set places of every run."""

from __future__ import annotations

from typing import NoReturn

from pydantic import Field
from pydantic_core import PydanticCustomError

from clones.become import NONE
from clones.config.model import Model, Seconds
from clones.names import BecomeWritten, ConnectionId, HookName, Word
from clones.time_limits import HOOK


class Hook(Model):
    """A command of the site's own, at a set place of every run."""

    name: HookName = Field(description="The last part of its task's id.", examples=["begin_backup"])
    connection: ConnectionId | None = Field(
        None,
        description="Airflow connection (SSH) of the host that runs it: by default the first of `hosts`; "
        "around an activation required, as the source's host.",
        examples=["oraprod"],
    )
    command: tuple[Word, ...] = Field(
        min_length=1,
        description="A list of words, run without a shell; exit code 0: done. It must be safe to run "
        "twice (idempotent): after a lost session nobody knows whether it took effect.",
        examples=[["/opt/site/bin/ora-backup", "begin", "CVI"]],
    )
    become: BecomeWritten = Field(
        NONE,
        description="How its host runs it as root, as `become` of a host; none: the account does.",
        examples=["sudo"],
    )
    timeout: Seconds = Field(HOOK.seconds, description="Seconds it may take in all.", examples=[120])
    blocking: bool = Field(
        True,
        description="false: its failure is a warning in the log, and the run continues.",
        examples=[False],
    )


Hooks = tuple[Hook, ...]


def hooks_apart(place: str, hooks: Hooks) -> None:
    """Each has a task of its own, named after it."""
    names = [hook.name for hook in hooks]
    for index, name in enumerate(names):
        if name in names[:index]:
            refuse_hook(f"two hooks of `{place}` are named {name}; give each its own name", place, index)


def refuse_hook(message: str, *at: str | int) -> NoReturn:
    """An error that names the place and the number of the hook."""
    raise PydanticCustomError("hooks", "{message}", {"message": message, "at": at})
