"""Slots: how many changes go on at once, on one array and on one source group, and whose turn it is.

The management server of an array checks no token, and its array carries out few changes at a time. So right
before a changing :class:`clones.asking.steps.Request` one command goes to the SSH host that holds the
service's lock (:data:`TAKE`): it takes the request's slots, and then, as the last thing, sees that the token
of this try is the newest (:mod:`clones.asking.fence`). Without both nothing is sent.

A slot is a directory ``<work_dir>/slots/NAME/TOKEN@SERVICE@TIME``: whose try took it, and when by that host's
clock, in UTC. ``mkdir`` is atomic. Whoever takes one counts all that are there *after* making his own, and
takes it back if they are too many: of several that come at the same moment at least all but one see that. It
may be that all do; they try again.

A service works in one try at a time, for it has a lock. So what an earlier try of the same service has left
is its own: whoever sends a change has waited until nothing of an earlier one is under way.

A slot is held until the change has ended: the hook gives it back behind an answer that says so
(:func:`has_ended`). Where the array goes on with a job, or where no answer came, it is held until the
procedure has seen the end and says so (:func:`give_back`), or until its task has ended well. A task that
fails keeps it: the next try of the service that changes anything there has it. What nobody gives back is
taken over after :data:`clones.time_limits.SLOT`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clones.asking.fence import NOT_MADE, NOT_NEWEST, SAID, Fence, folder_of_slots
from clones.asking.steps import Command, Request, Result, Steps, note, run
from clones.errors import CloneError, Fenced, Locked, Refused, Unknown
from clones.time_limits import ON_HOST, SLOT

BUSY = 123
"""Exit code of :data:`TAKE`: others have all of one kind."""
TAKEN = "symclone-slots taken"
_NEWEST = 'for newest in "$fences"/[0-9]*; do :; done; over=; test "$newest" = "$fences/$token" || over=yes; '
_REFUSE = f'test -z "$over" || echo "{SAID}" >&2; test -z "$over" || exit {NOT_NEWEST}; '
TAKE = (
    f"LC_ALL=C; export LC_ALL; fences=$1; token=$2; slots=$3; service=$4; shift 4; {_NEWEST}{_REFUSE}"
    'while test "$1" != take; do rmdir "$slots/$1"; shift; done; shift; '
    "now=$(date -u +%Y%m%d%H%M%S); "
    'while test $# -gt 0; do place="$slots/$1"; mine="$place/$token@$service@$now"; '
    f'mkdir -p "$place" || exit {NOT_MADE}; '
    'for held in "$place"/*"@$service@"*; do '
    'test ! -d "$held" || test ! -d "$mine" || test "$held" = "$mine" || rmdir "$held"; '
    'test ! -d "$held" || test -d "$mine" || mv "$held" "$mine"; done; '
    f'test -d "$mine" || mkdir "$mine" || exit {NOT_MADE}; '
    'n=0; for held in "$place"/*; do test ! -d "$held" || n=$(expr "$n" + 1); done; '
    'busy=; test "$n" -le "$2" || busy=yes; '
    'for held in "$slots"/*/"$token@$service@"*; do '
    'test -z "$busy" || test ! -d "$held" || rmdir "$held"; done; '
    'test -z "$busy" || echo "$now"; test -z "$busy" || echo "$1"; test -z "$busy" || ls -1 "$place"; '
    f'test -z "$busy" || exit {BUSY}; '
    f"shift 2; done; {_NEWEST}"
    'for held in "$slots"/*/"$token@$service@"*; do '
    'test -z "$over" || test ! -d "$held" || rmdir "$held"; done; '
    f'{_REFUSE}echo "{TAKEN}"'
)
"""FENCES TOKEN SLOTS SERVICE OLD... take NAME COUNT...: one slot of each name is this try's, and its token is
the newest. OLD are slots that nobody gave back. When others have all of a name, prints the host's time, that
name, and who has them."""
GIVE_BACK = (
    'LC_ALL=C; export LC_ALL; count=$(expr "$1" : "\\([0-9]*\\)"); slots=$2; service=$3; shift 3; left=0; '
    'for name in "$@"; do for held in "$slots/$name"/*"@$service@"*; do test ! -d "$held" || '
    'test "$(expr "$held" : ".*/\\([0-9]*\\)[.]")" -gt "$count" || rmdir "$held" || left=1; '
    "done; done; exit $left"
)
"""TOKEN SLOTS SERVICE NAME...: no slot of these names is this try's, or of an earlier one of its service."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HELD = re.compile(r"(?P<token>\d{12}\.[0-9a-f]{16})@(?P<service>[^@/]+)@(?P<time>\d{14})")
_TIME = "%Y%m%d%H%M%S"


@dataclass(frozen=True)
class Held:
    """A slot that somebody has.

    :param entry: its path below the folder of all slots.
    :param service: whose try has it; the whole entry, where that cannot be read.
    :param seconds: for how long, by the host's clock; 0 where that cannot be read: it is never taken over.
    """

    entry: str
    service: str
    seconds: float

    @property
    def is_left(self) -> bool:
        """Whether nobody will give it back."""
        return self.seconds > SLOT.seconds

    def shown(self) -> str:
        """For a message."""
        return f"{self.service}, for {self.seconds:.0f} s"


def take(fence: Fence, request: Request) -> Steps[None]:
    """Take the request's slots, and see that this try is the newest: the last thing before it is sent.

    :raises Fenced: a newer try works on the service. It has no slot of this one.
    :raises Locked: others have them.
    :raises Refused: the folder cannot be written, or the token does not stand on that host.
    :raises Unknown: it could not be told.
    """
    left: Sequence[Held] = ()
    not_sent = f"Service {fence.service}: `{request.shown()}` was not sent to {request.host}"
    there = request.fence_host
    for _ in range(2):
        result = yield from run(to_take(fence, request, [held.entry for held in left]))
        if result.exit_code == 0 and result.stdout == f"{TAKEN}\n":
            return
        if result.exit_code == NOT_NEWEST and SAID in result.stderr:
            raise Fenced(
                f"{not_sent}: a newer try, or another run, has taken over since its last check, or "
                f"{fence.folders[there]} on {there} was emptied. That request changed nothing.",
                "do nothing here: open the newer try of this task, or the run that holds the lock",
            )
        if result.exit_code == NOT_MADE:
            raise Refused(
                f"{not_sent}: its slots could not be taken on {there}: {result.said()}",
                f"let the SSH account write to {_folder(fence, there)} on {there}",
            )
        if result.exit_code != BUSY:
            raise Unknown(
                f"{not_sent}: it is not known whether this try is the newest and has its slots on {there}: "
                f"{result.ending()}: {result.said()}",
                f"check that {there} can be reached, and wait for the retry",
            )
        name, holders = read_busy(result.stdout)
        if not any(held.is_left for held in holders):
            break
        left = [held for held in holders if held.is_left]
        yield from note(
            f"Slots of {name} that nobody gave back are taken over",
            *(held.shown() for held in left),
            warning=True,
        )
    raise Locked(
        f"{not_sent}: all slots of {name} are taken: "
        f"{'; '.join(held.shown() for held in holders) or 'by whom could not be read'}.",
        "wait for the retry: others change that array at this moment",
    )


@dataclass(frozen=True)
class GiveBack(Command):
    """Gives slots back, made by :func:`given_back`; what is sent knows the try (:func:`around`)."""

    slots: tuple[tuple[str, int], ...] = ()


def given_back(request: Request) -> GiveBack:
    """The command that gives back the slots of a request."""
    names = tuple(name for name, _ in request.slots)
    return GiveBack(
        request.fence_host,
        ("give-back", *names),
        ON_HOST.seconds,
        changes=True,
        fenced=False,
        of_lock=True,
        title=f"slots: give back {', '.join(names)}",
        slots=request.slots,
    )


def give_back(request: Request) -> Steps[None]:
    """Give the slots of a request back: its change has ended, or is seen not to be under way.

    That it fails is a warning: another try takes them over later.
    """
    if not request.slots:
        return
    try:
        result = yield from run(given_back(request))
        why = "" if result.exit_code == 0 else f"{result.ending()}: {result.said()}"
    except CloneError as error:
        why = error.what
    if why:
        yield from note(
            f"Slots on {request.fence_host} could not be given back: others wait for them up to "
            f"{SLOT.seconds / 3600:g} hours",
            f"{', '.join(name for name, _ in request.slots)}: {why}",
            warning=True,
        )


def has_ended(result: Result) -> bool:
    """Whether the answer to a change shows that nothing of it goes on.

    That is not so for a job (202), for a time-out that somebody between reports (408), and for a failure of
    the server that is not its own: it says its refusals, also those of status 500, as JSON with a message.
    """
    code = result.exit_code
    if code is None or code in (202, 408):
        return False
    return code < 500 or (code == 500 and _says_message(result.stdout))


def _says_message(body: str) -> bool:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and isinstance(said.get("message"), str)


def around(fence: Fence, command: GiveBack) -> Command:
    """What is sent to give slots back for this try.

    :raises Refused: the token does not stand on that host.
    """
    words = (str(fence.token), _folder(fence, command.host), fence.service)
    names = (name for name, _ in command.slots)
    return _sh(command.host, GIVE_BACK, (*words, *names), command.title)


def read_busy(stdout: str) -> tuple[str, list[Held]]:
    """Of which name none is left, and who has them."""
    now, name, *entries = [*stdout.splitlines(), "", ""]
    return name, [_held(name, entry, now) for entry in entries if entry]


def _held(name: str, entry: str, now: str) -> Held:
    found = _HELD.fullmatch(entry)
    if found is None:
        return Held(f"{name}/{entry}", entry, 0)
    try:
        seconds = (datetime.strptime(now, _TIME) - datetime.strptime(found["time"], _TIME)).total_seconds()
    except ValueError:
        seconds = 0
    return Held(f"{name}/{entry}", found["service"], max(0, seconds))


def to_take(fence: Fence, request: Request, left: Sequence[str]) -> Command:
    """What is sent to take the slots of a request.

    :param left: the entries of slots that nobody gave back.
    :raises ValueError: a slot's name would not be one directory.
    :raises Refused: the token of this try does not stand on that host.
    """
    if wrong := [name for name, count in request.slots if not _NAME.fullmatch(name) or count < 1]:
        raise ValueError(f"{wrong} cannot name a slot")
    place = _folder(fence, request.fence_host)
    words = (fence.folders[request.fence_host], str(fence.token), place, fence.service)
    wanted = (word for name, count in request.slots for word in (name, str(count)))
    names = ", ".join(name for name, _ in request.slots) or "none"
    title = f"fence: this try is the newest of {fence.service}; slots: take {names}"
    return _sh(request.fence_host, TAKE, (*words, *left, "take", *wanted), title)


def _folder(fence: Fence, host: str) -> str:
    """Where slots are on a host.

    :raises Refused: the token of this try does not stand there.
    """
    if host not in fence.folders:
        raise Refused(
            f"Service {fence.service}: nothing is sent by way of {host}: this try has not put its token "
            "there.",
            "report this as a fault of the task that sends it",
        )
    return folder_of_slots(fence.folders[host])


def _sh(host: str, script: str, arguments: tuple[str, ...], title: str) -> Command:
    words = ("/bin/sh", "-c", script, "slots", *arguments)
    return Command(
        host,
        words,
        ON_HOST.seconds,
        changes=True,
        fenced=False,
        secret=True,
        of_lock=True,
        title=title,
    )
