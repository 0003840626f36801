"""How long each command may take, and what is waited for: every number of seconds stands here, with why.

``docs/reference/time-limits.md`` is made of it by ``python -m cli.reference_tables``. A limit with a `key` is
the default of that setting in services.yaml. The numbers are this project's choices, not the vendor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TimeLimit:
    """One limit.

    :param of: what it limits.
    :param why: why it is so long, or what happens after it.
    :param key: the setting whose default it is, as a path in services.yaml; empty: it cannot be set there.
    """

    seconds: float
    of: str
    why: str
    key: str = ""


# Commands that only look.
QUERY = TimeLimit(120, "A SYMCLI command that only looks", "SYMCLI may wait a while", "symcli.query_timeout")
SMALL_LOOK = TimeLimit(60, "`ps -ef`; looking at files and folders", "a host may be busy")
PROBE = TimeLimit(30, "A probe of an address, volume group or file system", "one that hangs is unknown")
DOWN_CHECK = TimeLimit(60, "A `down_check`", "a script of the site's own", "down_checks[].timeout")
DISK_LOOK = TimeLimit(60, "Asking a host for one disk, after the activation", "a path may hang")
ON_HOST = TimeLimit(60, "Taking and giving back the lock; the token of a try", "small files in `work_dir`")

# Commands that change something. After the limit it is not known whether they took effect.
CONTROL = TimeLimit(
    1200,
    "A SYMCLI control command",
    "longer than the 10 minutes that `-i 20 -c 30` may spend on a locked array",
    "symcli.command_timeout",
)
LOCKED = TimeLimit(
    30,
    "A SYMCLI command that overwrites waits for a locked array",
    "the proof before it grows old; the task's further tries prove anew",
)
DISK_SCAN = TimeLimit(600, "Letting a host find its disks again", "a host may have many paths")
IP = TimeLimit(30, "Setting or removing an address", "no disk is touched", "resources[].ip.timeout")
VG = TimeLimit(180, "Each command of a volume group", "a host may have many disks", "resources[].vg.timeout")
FS = TimeLimit(600, "Each command of a file system", "a large one is checked", "resources[].fs.timeout")
APP = TimeLimit(
    600, "Check, start and stop of an `app`, each", "it may be a database", "resources[].app.timeout"
)
COMMAND = TimeLimit(600, "Each of a `command`'s three", "as for an `app`", "resources[].command.timeout")
HOOK = TimeLimit(600, "A hook", "a script of the site's own", "before_stop[].timeout")

# Copies, people and other runs. A wait that is over fails its task; the copy goes on.
RECREATE = TimeLimit(
    300, "Until all pairs are seen prepared", "then a person looks", "syncs[].recreate_timeout"
)
COPY = TimeLimit(
    6 * 3600,
    "Until all is copied, after the activation",
    "a first copy is a full one",
    "syncs[].copy_timeout",
)
RESTORE = TimeLimit(
    86400, "A merge-back's restore", "production must not be left half-way", "syncs[].restore_timeout"
)
APPROVAL = TimeLimit(
    86400, "Until a second person answers; that the answer is good for", "people sleep", "approval_timeout"
)
TURN = TimeLimit(
    12 * 3600, "Until other runs of the service have ended", "they wait for copies", "turn_timeout"
)
REFUSED_WAIT = TimeLimit(
    600, "A login that is refused, while a copy is waited for", "a key may just be renewed"
)
OLD_LOOK = TimeLimit(
    120, "From a look to the command that rests on it", "half of Airflow's heartbeat time-out, if shorter"
)

# Unisphere and the way of a change to it.
REST = TimeLimit(60, "An answer of Unisphere", "`answer_timeout` in the connection's extra sets another")
SETTLE = TimeLimit(
    30, "Until Unisphere shows what it has done", "what it shows lags behind the array by some seconds"
)
LATE_LINK = TimeLimit(
    600,
    "A request that changes a link, where its answer and its job are not known",
    "the vendor's clients for Go and for containers wait as long for an answer; one link took two minutes",
)
JOB = TimeLimit(120, "A job of Unisphere, in the task that began it", "then the task is tried again")
REST_CONNECT = TimeLimit(
    5, "Its connection: TCP, then TLS, each", "`connect_timeout` in its extra sets another"
)
REST_WRITE = TimeLimit(
    5, "Sending a request, until the server has it", "what comes late must not arrive at all"
)
CHECKED = TimeLimit(
    10,
    "From the check that a try is the newest to the request that it lets through",
    "then nothing is sent, and all is looked at again",
)
INTENT = TimeLimit(
    20,
    "From keeping what a request is to do to sending it",
    "a try that finds that kept, and no end, waits longer than this and an answer take",
)
SLOT_TURN = TimeLimit(
    60, "A slot for a change on an array, while others change it", "then the task is tried again"
)
SLOT = TimeLimit(7200, "A slot that nobody gives back", "longer than any job; then another try takes it over")

# The SSH connection.
LOGIN = TimeLimit(30, "A whole login", "`conn_timeout` in the connection's extra sets another")
LOGIN_TURN = TimeLimit(60, "A place among the logins to one host", "then it logs in without one")
KEEPALIVE = TimeLimit(30, "Each question whether the host is there", "after ten without an answer it is gone")
LINGER = TimeLimit(2, "The rest of the output after the exit status", "a child may hold it open")
CLOSE = TimeLimit(2, "Closing a connection", "nothing rests on it")

GROUPS: Mapping[str, tuple[TimeLimit, ...]] = {
    "Commands that only look": (QUERY, SMALL_LOOK, PROBE, DOWN_CHECK, DISK_LOOK, ON_HOST),
    "Commands that change something": (CONTROL, LOCKED, DISK_SCAN, IP, VG, FS, APP, COMMAND, HOOK),
    "Copies, people and other runs": (RECREATE, COPY, RESTORE, APPROVAL, TURN, REFUSED_WAIT, OLD_LOOK),
    "Unisphere": (REST, SETTLE, LATE_LINK, JOB, REST_CONNECT, REST_WRITE, CHECKED, INTENT, SLOT_TURN, SLOT),
    "The SSH connection": (LOGIN, LOGIN_TURN, KEEPALIVE, LINGER, CLOSE),
}
"""All limits, as the table shows them."""
