"""The service's lock: a directory on the control host that names the run and the try which hold it (D7, D15).

``mkdir``, ``rmdir`` and ``mv`` to a name that nobody else uses are atomic, and ``rmdir`` fails on a directory
that is not empty. The lock of service S is ``<work_dir>/locks/S`` with one directory in it, whose name is the
owner: ``DAG@RUN@INSTALLATION@NONCE@TASK@TRY``. From that follows:

* taken:      ``mkdir S && mkdir S/OWNER`` - of two runs only one makes S; a try that is cut off in between is
  tried again;
* taken over: ``mv S/OLD S/NEW`` - to the next try of the same run, or from a run that has ended; of two only
  one moves it, and nobody ever finds the lock without an owner;
* given back: ``rmdir S/OWNER && rmdir S`` - by the very try that holds it;
* left empty by a run that died in between: ``rmdir S``, and taken anew. Whoever is just taking it then fails
  at its second mkdir, or finds the other's name beside its own and takes its own back, and tries again. Of
  two that look after their own mkdir at least one sees the other.

With the lock, in the same trip, a try gets its token for the fence (:mod:`clones.asking.fence`). It makes the
token while it holds the lock and sees afterwards that it still does, so that of two tries the later one has
the higher count. A try that stood still before it came here is not let in while a later try of its task holds
the lock.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from clones.asking import fence
from clones.asking.fence import NOT_MADE, Fence, Token
from clones.asking.steps import Command, Result, Steps, note, run
from clones.config.scope import Scope
from clones.errors import ConfigError, Fenced, Locked, NotMyTurn, Refused, Unknown
from clones.time_limits import ON_HOST

NOT_FREE, LOST, NOT_MINE, OVER = 3, 4, 6, 7
"""Exit codes of :data:`TAKE`: somebody has it or it cannot be made; another was faster; this run has not; a
later try of this task has."""

TAKE = (
    "LC_ALL=C; export LC_ALL; "
    f'test "$7" != same || test -d "$2/$3@$4" || exit {NOT_MINE}; '
    'for held in "$2/$3@"*"@$8@"*; do test ! -d "$held" || '
    f'test "$(expr "$held" : ".*@\\([0-9]*\\)")" -le "$9" || exit {OVER}; done; '
    'for held in "$2/$3@"*; do test -d "$2/$3@$4" || test ! -d "$held" || mv "$held" "$2/$3@$4"; done; '
    'test -d "$2/$3@$4" && echo held; '
    f'test -d "$2/$3@$4" || test "$7" = take || exit {NOT_MINE}; '
    'new=; test -d "$2/$3@$4" || new=yes; '
    f'test -z "$new" || mkdir -p "$1" && test -z "$new" || mkdir "$2" || exit {NOT_FREE}; '
    f'test -z "$new" || mkdir "$2/$3@$4" || exit {LOST}; '
    'for held in "$2"/*; do test -z "$new" || test "$held" = "$2/$3@$4" || new=late; done; '
    f'test "$new" != late || rmdir "$2/$3@$4"; test "$new" != late || exit {LOST}; '
    f'mkdir -p "$5" || exit {NOT_MADE}; {fence.PRUNE.format("$5")}; '
    'n=$(expr "$newest" : ".*/\\([0-9]*\\)[.]"); n=$(expr "0$n" + 0); test "$n" -ge "$6" || n=$6; '
    'token=$(printf "%012d.%.16s" "$(expr "$n" + 1)" "$4"); '
    f'mkdir "$5/$token" || exit {NOT_MADE}; test -d "$2/$3@$4" || exit {LOST}; echo "$token"'
)
"""LOCKS LOCK RUN OWN FENCE FLOOR take|keep|same TASK TRY: the lock is this try's, and so is the newest token,
which is printed. ``keep`` does nothing unless this run holds the lock already, ``same`` unless this try."""
TAKE_OVER = 'mv "$1/$2" "$1/$3"'
GIVE_BACK = 'rmdir "$1/$2" && rmdir "$1"'
OWNERS = 'test -d "$1" && ls -1 "$1"'
CLEAR = 'rmdir "$1"'
_TITLES = {TAKE: "take", TAKE_OVER: "take over", GIVE_BACK: "give back", OWNERS: "who holds", CLEAR: "clear"}

INSTANCE = "symclone_airflow_instance"
"""The Airflow variable by which releases before 0.2 named an Airflow. It stands in the metadata database, and
so in every copy of it; it is only read to take over a lock of that time."""
_BEFORE_UPGRADE = "this run took it before an upgrade"
LONGEST_NAME = 255
"""Bytes of a directory's name, on every file system that a lock may be on."""
ROUNDS = 5
"""How often the lock is tried at once when others take it at the same moment."""


@dataclass(frozen=True)
class Owner:
    """One try of a run, as the lock names it.

    :param installation: which Airflow, as :func:`installation_mark` writes it; another Airflow's runs cannot
        be asked whether they have ended.
    :param nonce: of the try: 16 hex digits that stand in its memory alone; empty in a lock of before 0.2.
    :param task_id: whose try it is.
    :param number: of the try, as Airflow counts them.
    :raises ConfigError: a part holds an ``@``, a ``/``, a blank or nothing, or begins with a sign: it would
        not name one directory, or a gate would not let it through. Or all together are too long for one.
    """

    dag_id: str
    run_id: str
    installation: str
    nonce: str = ""
    task_id: str = ""
    number: int = 0

    def __post_init__(self) -> None:
        of_try = (self.task_id,) if self.nonce else ()
        for part in (self.dag_id, self.run_id, self.installation, *of_try):
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.~:+-]*", part):
                raise ConfigError(
                    f"{part!r} cannot name a run in the lock of a service. Nothing was done.",
                    "begin ids of DAGs and runs with a letter or digit, and use only these and _ . ~ : + -",
                )
        if self.nonce and not re.fullmatch(r"[0-9a-f]{16}", self.nonce):
            raise ConfigError(f"{self.nonce!r} is no nonce of a try. Nothing was done.")
        more = len(str(self)) - LONGEST_NAME
        if more > 0:
            raise ConfigError(
                f"The id of run {self.run_id} of {self.dag_id} is {more} characters too long: a lock that "
                f"names it with its task {self.task_id} has more than {LONGEST_NAME}. Nothing was done.",
                "trigger the DAG again with a shorter run id, or with none: Airflow then makes one",
            )

    @property
    def run(self) -> str:
        """What all tries of that run have in common."""
        return f"{self.dag_id}@{self.run_id}@{self.installation}"

    @property
    def own(self) -> str:
        """What this try alone has."""
        return f"{self.nonce}@{self.task_id}@{self.number}"

    def __str__(self) -> str:
        return f"{self.run}@{self.own}" if self.nonce else self.run

    @classmethod
    def read(cls, text: str) -> Owner | None:
        """The owner of that name, or None when it is not one of ours."""
        try:
            dag_id, run_id, installation, *of_try = text.strip().split("@")
            if not of_try:
                return cls(dag_id, run_id, installation)
            nonce, task_id, number = of_try
            return cls(dag_id, run_id, installation, nonce, task_id, int(number))
        except (ValueError, ConfigError):
            return None


def installation_mark(secret: str) -> str:
    """How an Airflow is named in locks: 16 hex digits of a digest, from which its id cannot be made."""
    return hashlib.sha256(f"symclone-airflow {secret}".encode()).hexdigest()[:16]


def take(
    scope: Scope,
    owner: Owner,
    has_ended: Callable[[Owner], bool | None],
    *,
    former: Callable[[], str | None] = lambda: None,
) -> Steps[Fence]:
    """Hold the service's lock for this try, and be its newest.

    :param has_ended: whether another run of this Airflow has ended; None when that is not known.
    :param former: how this Airflow was named in locks of before 0.2 (:data:`INSTANCE`); None: not at all.
    :returns: the token, which stands on the control host. It goes on when this run has held the lock already.
    :raises NotMyTurn: another run holds it, and has not ended.
    :raises Locked: others are taking it at this moment.
    :raises Fenced: a later try of this task holds it.
    :raises Refused: its owner cannot be judged from here.
    """
    place = _folder(scope)
    unread: Result | None = None
    of_another = False
    for _ in range(ROUNDS):
        result = yield from run(_take(scope, owner, "take"))
        if result.exit_code is None:
            raise _unknown(scope, result)
        if result.exit_code == 0:
            taken = yield from _taken(scope, owner, result)
            return replace(taken, goes_on=taken.goes_on and not of_another)
        if result.exit_code == NOT_MADE:
            raise _not_writable(scope, result)
        if result.exit_code == OVER:
            raise Fenced(
                f"Service {scope.name}: a later try of {owner.task_id} holds the lock: try {owner.number} "
                "did not respond for too long. Nothing was changed by it.",
                "do nothing here: open the newer try of this task",
            )
        listed = yield from run(_sh(scope.control_host, OWNERS, place))
        if listed.exit_code != 0:
            if not _gone(listed):
                unread = listed  # it may have gone while it was listed
                continue
            # Neither could it be made nor is it there: given back just now, or the folder cannot be written.
            if result.exit_code == NOT_FREE and "exist" not in result.stderr.lower():
                raise _not_writable(scope, result)
            continue
        unread = None
        names = listed.stdout.split()
        if not names:
            yield from note(f"The lock of service {scope.name} names no owner: cleared", warning=True)
            yield from run(_sh(scope.control_host, CLEAR, place))
            continue
        held_by = Owner.read(names[0])
        if held_by is not None and held_by.run == owner.run:
            continue  # another try of this run, at this very moment
        old_form = held_by is not None and not held_by.nonce and held_by.installation == former()
        if held_by is None or not (old_form or held_by.installation == owner.installation):
            raise _of_another_airflow(scope, held_by, names[0])
        own = old_form and (held_by.dag_id, held_by.run_id) == (owner.dag_id, owner.run_id)
        if not own and not has_ended(held_by):
            raise NotMyTurn(
                f"Service {scope.name}: run {held_by.run_id} of {held_by.dag_id} works on it and holds its "
                "lock. Nothing was changed by this task.",
                "do nothing: this task continues once that run has ended; check that run in the UI",
                dag_id=held_by.dag_id,
                run_id=held_by.run_id,
            )
        moved = yield from run(_sh(scope.control_host, TAKE_OVER, place, str(held_by), str(owner)))
        if moved.exit_code == 0:
            of_another = not own
            yield from note(
                f"Took over the lock of service {scope.name}",
                _BEFORE_UPGRADE
                if own
                else f"its owner, run {held_by.run_id} of {held_by.dag_id}, has ended without releasing it",
                warning=True,
            )
    if unread is not None:
        raise _unknown(scope, unread)
    raise Locked(
        f"Service {scope.name}: its lock changed hands during the check. Nothing was changed.",
        "wait for the retry",
    )


def keep(
    scope: Scope, owner: Owner, *, former: Callable[[], str | None] = lambda: None
) -> Steps[Fence | None]:
    """Go on holding the lock, as the newest try, if this run holds it; None when it does not.

    :param former: as for :func:`take`.
    :raises Unknown: it could not be told.
    """
    held = yield from _if_held(scope, owner, "keep", 0)
    before = former() if held is None else None
    if before is None:
        return held
    old = Owner(owner.dag_id, owner.run_id, before)
    moved = yield from run(_sh(scope.control_host, TAKE_OVER, _folder(scope), str(old), str(owner)))
    if moved.exit_code is None:
        raise _unknown(scope, moved)
    if moved.exit_code != 0:
        return None
    yield from note(f"Took over the lock of service {scope.name}", _BEFORE_UPGRADE, warning=True)
    return (yield from _if_held(scope, owner, "same", 0))


def count_on(scope: Scope, owner: Owner, floor: int) -> Steps[Fence | None]:
    """A higher token for this try, if it still holds the lock; None when it does not.

    A control host that has lost its folder begins to count anew. Service hosts remember the old count.

    :param floor: a count that a service host has seen; the token gets a higher one.
    :raises Unknown: it could not be told.
    """
    return (yield from _if_held(scope, owner, "same", floor))


def _if_held(scope: Scope, owner: Owner, mode: str, floor: int) -> Steps[Fence | None]:
    result = yield from run(_take(scope, owner, mode, floor))
    if result.exit_code == 0:
        return (yield from _taken(scope, owner, result))
    if result.exit_code == NOT_MINE:
        yield from note(f"This run does not hold the lock of {scope.name}")
        return None
    raise _unknown(scope, result)


def give_back(scope: Scope, owner: Owner) -> Steps[bool]:
    """Give the lock back, if this very try holds it. Returns whether it did. The count stays.

    :raises Unknown: it could not be told; the lock is then taken over by the next run.
    """
    result = yield from run(_sh(scope.control_host, GIVE_BACK, _folder(scope), str(owner)))
    if result.exit_code is None:
        raise _unknown(scope, result)
    given = result.exit_code == 0
    yield from note(
        f"Released the lock of service {scope.name}"
        if given
        else f"This run does not hold the lock of {scope.name}"
    )
    return given


def holders(scope: Scope) -> Steps[list[Owner | None]]:
    """The owners that the lock names, without touching it; none when it is free or cannot be seen."""
    listed = yield from run(_sh(scope.control_host, OWNERS, _folder(scope)))
    return [Owner.read(name) for name in listed.stdout.split()] if listed.exit_code == 0 else []


def _taken(scope: Scope, owner: Owner, result: Result) -> Steps[Fence]:
    token = Token.read(result.stdout.rstrip("\n").rpartition("\n")[2])
    if token is None or token.nonce != owner.nonce:
        raise _unknown(scope, result)
    held = result.stdout.startswith("held")
    yield from note(
        f"This run holds the lock of service {scope.name}"
        if held
        else f"Took the lock of service {scope.name}",
        f"try number {token.count} of this service",
    )
    host, place = scope.control_host, fence.folder(scope.symcli.work_dir, scope.name)
    return Fence(scope.name, token, {host: place}, goes_on=held)


def _take(scope: Scope, owner: Owner, mode: str, floor: int = 0) -> Command:
    work_dir = scope.symcli.work_dir
    words = (f"{work_dir}/locks", _folder(scope), owner.run, owner.own, fence.folder(work_dir, scope.name))
    tried = (owner.task_id, str(owner.number))
    return _sh(scope.control_host, TAKE, *words, str(floor), mode, *tried)


def every_command(scope: Scope, owner: Owner, before: Owner, floor: int) -> list[Command]:
    """All that is ever sent about the lock of a service.

    :param owner: who takes it.
    :param before: who had it.
    :param floor: as of :func:`count_on`.
    """
    host, place = scope.control_host, _folder(scope)
    return [
        *(_take(scope, owner, mode) for mode in ("take", "keep")),
        *(_take(scope, owner, "same", number) for number in (0, floor)),
        _sh(host, TAKE_OVER, place, str(before), str(owner)),
        _sh(host, GIVE_BACK, place, str(owner)),
        _sh(host, OWNERS, place),
        _sh(host, CLEAR, place),
    ]


def _folder(scope: Scope) -> str:
    return f"{scope.symcli.work_dir}/locks/{scope.name}"


def _sh(host: str, script: str, *arguments: str) -> Command:
    place = next(word for word in arguments if "/locks/" in word)
    words = ("/bin/sh", "-c", script, "lock", *arguments)
    title = f"lock: {_TITLES[script]} {place}"
    return Command(
        host,
        words,
        ON_HOST.seconds,
        changes=script != OWNERS,
        fenced=False,
        secret=True,
        of_lock=True,
        title=title,
    )


def _gone(listed: Result) -> bool:
    return listed.exit_code == 1 and not listed.stdout.strip()


def _of_another_airflow(scope: Scope, held_by: Owner | None, name: str) -> Refused:
    who = (
        f"run {held_by.run_id} of {held_by.dag_id} of the Airflow {held_by.installation}"
        if held_by
        else f"{name!r}"
    )
    place = _folder(scope)
    # All but the nonce, which stands nowhere else. What another has taken since is not removed.
    stands = f"{place}/{held_by.run}@*" if held_by and held_by.nonce else shlex.quote(f"{place}/{name}")
    return Refused(
        f"Service {scope.name}: its lock is held by {who}, which is not a run of this Airflow: of another "
        "one, of a copy of this one, or of this one before it got a new installation id. Nothing was "
        "changed.",
        f"find out whether it still runs there. Only when it does not: `rmdir {stands} {place}` on "
        f"{scope.control_host}, then clear this task. The next run continues from what the array shows",
    )


def _not_writable(scope: Scope, result: Result) -> Refused:
    return Refused(
        f"Service {scope.name}: the lock {_folder(scope)} could not be made on {scope.control_host}: "
        f"{result.said()}",
        fence.let_write(scope, scope.control_host),
    )


def _unknown(scope: Scope, result: Result) -> Unknown:
    return Unknown(
        f"Service {scope.name}: it is not known whether its lock is held: {result.ending()}: {result.said()}",
        f"check that {result.command.host} can be reached, and wait for the retry",
    )
