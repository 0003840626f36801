"""What must hold of a service by the back end of its syncs."""

from __future__ import annotations

from typing import NoReturn, Protocol

from pydantic_core import PydanticCustomError

from clones.config.syncs import Sync

DAY = 1440
"""Minutes."""


class Service(Protocol):
    """What of a service its back end concerns."""

    @property
    def syncs(self) -> tuple[Sync, ...]: ...

    @property
    def unisphere(self) -> str | None: ...

    @property
    def production(self) -> object | None: ...

    @property
    def sync_max_delay(self) -> int: ...

    @property
    def run_deadline(self) -> int | None: ...


def check(service: Service) -> None:
    """One back end for all syncs, with the connection that it needs, and snapshots that live long enough.

    :raises PydanticCustomError: naming the place within the service.
    """
    first = service.syncs[0]
    for number, sync in enumerate(service.syncs):
        if sync.backend != first.backend:
            _refuse(
                f"sync {sync.name} has `backend: {sync.backend}`, and sync {first.name} `{first.backend}`: a "
                "service has one for all its syncs; fix one, or make two services",
                *("syncs", number, "backend"),
            )
    if first.backend != "snapvx":
        if service.unisphere is not None:
            _refuse("`unisphere` is only for `backend: snapvx`: remove it", "unisphere")
        return
    if service.unisphere is None:
        _refuse(
            "syncs with `backend: snapvx` need `unisphere`: give the Airflow connection of the server",
            *("syncs", 0, "backend"),
        )
    if service.production is not None:
        _refuse(
            "`production` asks for a merge-back, and there is none with `backend: snapvx`: a SnapVX restore "
            "gives production the snapshot back, not what was changed on the copy; remove it",
            "production",
        )
    _check_time_to_live(service)


def longest_run(service: Service) -> float:
    """Minutes that a run may take: its deadline, or else what its waits for copies may take."""
    if service.run_deadline is not None:
        return service.run_deadline
    return sum(sync.recreate_timeout + sync.copy_timeout for sync in service.syncs) / 60


def _check_time_to_live(service: Service) -> None:
    for number, sync in enumerate(service.syncs):
        needed = (sync.keep + 1) * service.sync_max_delay + longest_run(service)
        if sync.time_to_live * DAY <= needed:
            days = int(needed // DAY) + 1
            _refuse(
                f"sync {sync.name}: a snapshot lives {sync.time_to_live} days, and must live longer than "
                f"`keep` + 1 times `sync_max_delay` and the longest run, {needed / DAY:.1f} days: give "
                f"`time_to_live: {days}`, or keep fewer",
                *("syncs", number, "time_to_live"),
            )


def _refuse(message: str, *at: str | int) -> NoReturn:
    """:param at: the place within the service."""
    raise PydanticCustomError("back_end", "{message}", {"message": message, "at": at})
