"""The service's lock: a directory on the control host that names the run which holds it (D7).

``mkdir`` is atomic, and so is ``rmdir``, which fails on a directory that is not empty. The lock of service S
is ``<work_dir>/locks/S`` with one directory in it, whose name is the owner. From that follows:

* taken:      ``mkdir S && mkdir S/OWNER`` - of two runs only one makes S; first it looks whether it holds it;
* given back: ``rmdir S/OWNER && rmdir S``;
* taken over: ``rmdir S/ENDED && mkdir S/OWNER`` - of two runs only one removes the ended owner;
* left empty by a run that died in between: ``rmdir S``, and taken anew. It cannot hit a run that is just
  taking it: that one's second mkdir then fails and it tries again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from clones.errors import ConfigError, Locked, NotMyTurn, Refused, Unknown
from clones.scope import Scope
from clones.steps import Command, Result, Steps, note, run

HELD = "held by this run already"
TAKE = (
    f'test -d "$2/$3" && echo "{HELD}" && exit 0; '
    'LC_ALL=C; export LC_ALL; mkdir -p "$1" && mkdir "$2" && mkdir "$2/$3"'
)
TAKE_OVER = 'rmdir "$1/$2" && mkdir "$1/$3"'
GIVE_BACK = 'rmdir "$1/$2" && rmdir "$1"'
OWNERS = 'test -d "$1" && ls -1 "$1"'
CLEAR = 'rmdir "$1"'
_TITLES = {TAKE: "take", TAKE_OVER: "take over", GIVE_BACK: "give back", OWNERS: "who holds", CLEAR: "clear"}

INSTANCE = "symclone_airflow_instance"
"""The Airflow variable that stands for its metadata database in the names of owners."""


@dataclass(frozen=True)
class Owner:
    """A run, as the lock names it.

    :param instance: which Airflow; another Airflow's runs cannot be asked whether they have ended.
    :raises ConfigError: a part holds an ``@``, a ``/``, a blank or nothing: it would not name one directory.
    """

    dag_id: str
    run_id: str
    instance: str

    def __post_init__(self) -> None:
        for part in (self.dag_id, self.run_id, self.instance):
            if not re.fullmatch(r"[A-Za-z0-9_.~:+-]+", part):
                raise ConfigError(
                    f"{part!r} cannot name a run in the lock of a service. Nothing was done.",
                    "use only letters, digits and _ . ~ : + - in the ids of DAGs and runs",
                )

    def __str__(self) -> str:
        return f"{self.dag_id}@{self.run_id}@{self.instance}"

    @classmethod
    def read(cls, text: str) -> Owner | None:
        """The owner of that name, or None when it is not one of ours."""
        try:
            return cls(*text.strip().split("@"))
        except (TypeError, ConfigError):
            return None


def take(scope: Scope, owner: Owner, has_ended: Callable[[Owner], bool | None]) -> Steps[None]:
    """Hold the service's lock; nothing to do when this run holds it already.

    :param has_ended: whether another run of this Airflow has ended; None when that is not known.
    :raises NotMyTurn: another run holds it, and has not ended.
    :raises Locked: others are taking it at this moment.
    :raises Refused: its owner cannot be judged from here.
    """
    folder = _folder(scope)

    def sh(script: str, *arguments: str) -> Command:
        return _sh(scope.control_host, script, *arguments)

    for _ in range(3):
        result = yield from run(sh(TAKE, f"{scope.symcli.work_dir}/locks", folder, str(owner)))
        if result.exit_code == 0 and HELD in result.stdout:
            yield from note(f"This run holds the lock of service {scope.name}")
            return
        if result.exit_code == 0:
            yield from note(
                f"Took the lock of service {scope.name}", f"{scope.control_host}:{folder}/{owner}"
            )
            return
        if result.exit_code is None:
            raise _unknown(scope, result)
        listed = yield from run(sh(OWNERS, folder))
        if listed.exit_code != 0:
            if not _gone(listed):
                raise _unknown(scope, listed)
            # Neither could it be made nor is it there: given back just now, or the folder cannot be written.
            if "exist" not in result.stderr.lower():
                raise Refused(
                    f"Service {scope.name}: the lock {folder} could not be made on {scope.control_host}: "
                    f"{result.said()}",
                    f"let the SSH account write to {scope.symcli.work_dir} there, or set `symcli.work_dir` "
                    "in services.yaml",
                )
            continue
        names = listed.stdout.split()
        if not names:
            yield from note(f"The lock of service {scope.name} names no owner: cleared", warning=True)
            yield from run(sh(CLEAR, folder))
            continue
        held_by = Owner.read(names[0])
        if held_by is None or held_by.instance != owner.instance:
            who = f"run {held_by.run_id} of {held_by.dag_id}" if held_by else names[0]
            raise Refused(
                f"Service {scope.name}: its lock is held by {who}, which is not a run of this Airflow: of "
                "another one, or of this one before its metadata database was lost. Nothing was changed.",
                "find out whether it still goes on there. Only when it does not: "
                f"`rmdir {folder}/{names[0]} {folder}` on {scope.control_host}, then clear this task. What "
                "that run has done to the copies is seen on the array, and gone on from",
            )
        if not has_ended(held_by):
            raise NotMyTurn(
                f"Service {scope.name}: run {held_by.run_id} of {held_by.dag_id} works on it and holds its "
                "lock. Nothing was changed by this task.",
                "nothing: this task goes on once that run has ended; see that run in the UI",
                dag_id=held_by.dag_id,
                run_id=held_by.run_id,
            )
        result = yield from run(sh(TAKE_OVER, folder, str(held_by), str(owner)))
        if result.exit_code == 0:
            yield from note(
                f"Took over the lock of service {scope.name}",
                f"its owner, run {held_by.run_id} of {held_by.dag_id}, has ended without giving it back",
                warning=True,
            )
            return
    raise Locked(f"Service {scope.name}: its lock changed hands while it was looked at.", "it is tried again")


def give_back(scope: Scope, owner: Owner) -> Steps[bool]:
    """Give the lock back, if this run holds it. Returns whether it did.

    :raises Unknown: it could not be told; the lock is then taken over by the next run.
    """
    folder = _folder(scope)
    result = yield from run(_sh(scope.control_host, GIVE_BACK, folder, str(owner)))
    if result.exit_code is None:
        raise _unknown(scope, result)
    given = result.exit_code == 0
    yield from note(
        f"Gave back the lock of service {scope.name}"
        if given
        else f"This run does not hold the lock of {scope.name}"
    )
    return given


def holders(scope: Scope) -> Steps[list[str]]:
    """The owners that the lock names, without touching it; none when it is free or cannot be seen."""
    listed = yield from run(_sh(scope.control_host, OWNERS, _folder(scope)))
    return listed.stdout.split() if listed.exit_code == 0 else []


def _folder(scope: Scope) -> str:
    return f"{scope.symcli.work_dir}/locks/{scope.name}"


def _sh(host: str, script: str, *arguments: str) -> Command:
    title = f"lock: {_TITLES[script]} {' '.join(arguments[-2:])}"
    return Command(host, ("/bin/sh", "-c", script, "lock", *arguments), 60, script != OWNERS, title)


def _gone(listed: Result) -> bool:
    return listed.exit_code == 1 and not listed.stdout.strip()


def _unknown(scope: Scope, result: Result) -> Unknown:
    return Unknown(
        f"Service {scope.name}: whether its lock is held could not be told: {result.ending()}: "
        f"{result.said()}",
        f"see that {result.command.host} can be reached; it is tried again",
    )
