"""The fence: a host carries out a changing command only for the newest try (D15).

A worker can stand still between its look and its command for any length of time. Meanwhile Airflow takes its
task for dead, another try goes on, or another run does, or people do. So the host itself decides, in the same
command: every changing command is sent behind :data:`RUN`, which runs it only if the token of its try is the
newest there.

A token is ``COUNT.NONCE``. The count grows with every try on the control host, under the service's lock
(:mod:`clones.act.lock`), and outlives the lock. The nonce is made in the memory of the try, and stands
nowhere else. Tokens are directories in one folder a service: making one is atomic, and the last by name is
the newest, however late an older one arrives.

A new try puts its token on every host on which an earlier one may still act, *before* it looks, and in the
same trip asks what still runs there. What was let through before that is then found in the list: from its
first moment, for the list shows either the fence (:data:`MARK`) or the command behind it. What comes later is
refused.

An `after_activate` hook ends what was begun on production. It always runs, and needs neither lock nor fence
(docs/decisions/0011-hooks-are-setups-and-teardowns.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from clones.asking.steps import Command, Result, Steps, note, run
from clones.asking.whole_answers import END
from clones.config.scope import Scope
from clones.errors import Fenced, Refused, Unknown
from clones.time_limits import ON_HOST

MARK = "symclone_fence"
"""What every fence begins with, so that a list of processes which cuts their words still shows it."""
SAID = f"{MARK}: a newer try works here"
NOT_NEWEST, NOT_MADE = 121, 122
"""Exit codes of these scripts; what they say on stderr or print tells them from a program's own."""

_NEWEST = 'for newest in "$1"/[0-9]*; do :; done'
RUN = (
    f'{MARK}=$1; {_NEWEST}; test "$newest" = "$1/$2" || echo "{SAID}" >&2; '
    f'test "$newest" = "$1/$2" || exit {NOT_NEWEST}; shift 2; exec "$@"'
)
"""FOLDER TOKEN COMMAND...: the command, if that token is the newest; else nothing."""
PRUNE = (
    'newest=; for one in "{0}"/[0-9]*; do test -d "$newest" && rmdir "$newest" 2>/dev/null; newest=$one; done'
)
"""Removes all tokens but the newest. It cannot hit a newer one: that comes behind those it has seen."""
PUT = (
    f'mkdir -p "$1" || exit {NOT_MADE}; {PRUNE.format("$1")}; '
    f'test -d "$1/$2" || mkdir "$1/$2" || exit {NOT_MADE}; {_NEWEST}; echo "$newest"; '
    f'test "$newest" = "$1/$2" || exit {NOT_NEWEST}; LC_ALL=C /usr/bin/ps -ef && echo {END}'
)
"""FOLDER TOKEN: puts the token, prints the newest, and lists what runs if it is the one."""

_TOKEN = re.compile(r"(?P<count>\d{12})\.(?P<nonce>[0-9a-f]{16})")


_NONCE = re.compile(r"(?<=\d{12}\.)[0-9a-f]{1,16}|(?<=@)[0-9a-f]{16}(?![\w@])")
"""Also cut off, and as an owner of the lock ends with it."""


def without_nonces(text: str) -> str:
    """A text that may quote what a host printed, to be kept where the database is."""
    return _NONCE.sub("...", text)


@dataclass(frozen=True)
class Token:
    """:param count: of tries of this service, as its control host counts them.
    :param nonce: 16 hex digits that nobody else knows.
    """

    count: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.count:012d}.{self.nonce}"

    @classmethod
    def read(cls, path: str) -> Token | None:
        """The token that a path ends with, or None."""
        found = _TOKEN.fullmatch(path.strip().rpartition("/")[2])
        return cls(int(found["count"]), found["nonce"]) if found else None


@dataclass
class Fence:
    """The token of one try, and on which hosts it stands.

    :param service: its name, for messages.
    :param folders: by host, where the tokens are; a host that is not there refuses nothing, so nothing is
        ever sent to it.
    :param goes_on: the run has held the lock since an earlier try of its.
    """

    service: str
    token: Token
    folders: dict[str, str] = field(default_factory=dict)
    goes_on: bool = False

    def around(self, command: Command) -> Command:
        """The command as it is sent: the host runs it only for the newest try.

        :raises Refused: the token was not put on that host. Nothing was sent.
        """
        folder = self.folders.get(command.host)
        if folder is None:
            raise Refused(
                f"Service {self.service}: `{command.shown()}` is not sent to {command.host}: this try has "
                "not "
                "put its token there, so an earlier one might still act there.",
                "report this as a fault of the task that sends it",
            )
        words = ("/bin/sh", "-c", RUN, "fence", folder, str(self.token), *command.words)
        return replace(command, words=words)

    def has_refused(self, result: Result) -> bool:
        """Whether the host has not run the command, because a newer try works there."""
        return result.exit_code == NOT_NEWEST and SAID in result.stderr

    def refuse_if_over(self, result: Result) -> None:
        """:raises Fenced: the host has not run the command, because a newer try works there."""
        if self.has_refused(result):
            raise Fenced(
                f"Service {self.service}: `{result.command.shown()}` was not carried out on "
                f"{result.command.host}: a newer try, or another run, has taken over since its last "
                f"check, or {self.folders.get(result.command.host)} was emptied. That command changed "
                "nothing.",
                "do nothing here: open the newer try of this task, or the run that holds the lock",
            )


def folder(work_dir: str, service: str) -> str:
    """Where a service's tokens are on a host."""
    return f"{work_dir}/fences/{service}"


def let_write(scope: Scope, host: str) -> str:
    """What to do where the folder for locks and tokens cannot be written."""
    return (
        f"let the SSH account write to {scope.work_dir_on(host)} there. Change {scope.work_dir_key(host)} in "
        "services.yaml only while no run of the service goes on: in another folder earlier tries are not "
        "blocked"
    )


def folder_of_slots(fences: str) -> str:
    """Where slots are (:mod:`clones.asking.slots`), beside the folder of a service's tokens.

    :param fences: as :func:`folder` gives it.
    """
    return f"{fences.rpartition('/fences/')[0]}/slots"


def put(scope: Scope, fence: Fence, host: str) -> Steps[Result]:
    """Put this try's token on a host, and see that it is the newest there.

    :returns: the list of what runs there, asked for once the token stood.
    :raises Fenced: a newer try works there.
    :raises Refused: the folder cannot be written.
    :raises Unknown: it could not be told; nothing may be sent then.
    """
    place = folder(scope.work_dir_on(host), scope.name)
    title = f"fence: this try is the newest of {scope.name} here"
    words = ("/bin/sh", "-c", PUT, "fence", place, str(fence.token))
    result = yield from run(
        Command(
            host, words, ON_HOST.seconds, changes=True, fenced=False, secret=True, of_lock=True, title=title
        )
    )
    if result.exit_code is None:
        raise Unknown(
            f"Service {scope.name}: it is not known whether an earlier try is blocked on {host}: "
            f"{result.ending()}. Nothing was changed.",
            f"check that {host} can be reached, and wait for the retry",
        )
    if result.exit_code == NOT_MADE:
        raise Refused(
            f"Service {scope.name}: {place} on {host} cannot be written: {result.said()}. Nothing was "
            "changed.",
            let_write(scope, host),
        )
    newest, _, listed = result.stdout.partition("\n")
    found = Token.read(newest)
    if result.exit_code == NOT_NEWEST and found is not None and found.count >= fence.token.count:
        raise Fenced(
            f"Service {scope.name}: on {host} the newest try is number {found.count}, and this one is number "
            f"{fence.token.count}. Nothing was changed.",
            "wait for the retry, which uses a new number. If it stays so, the control host has lost its "
            f"count: check that no task of this service runs, then remove {place} on {host}",
            count=found.count,
        )
    if result.exit_code != 0 or found != fence.token:
        raise Unknown(
            f"Service {scope.name}: it is not known whether an earlier try is blocked on {host}: "
            f"{result.ending()}: {replace(result, stdout='').said()}. Nothing was changed.",
            f"run `/usr/bin/ps -ef` as the SSH account on {host}, fix what it says, and wait for the retry",
        )
    fence.folders[host] = place
    return replace(result, stdout=listed)


def put_on(scope: Scope, fence: Fence, hosts: Mapping[str, None] | list[str]) -> Steps[dict[str, Result]]:
    """The same on several hosts, one after the other; by host what runs there."""
    listed = {}
    for host in dict.fromkeys(hosts):
        listed[host] = yield from put(scope, fence, host)
    if listed:
        yield from note(f"Earlier tries of service {scope.name} are blocked on {', '.join(listed)}")
    return listed
