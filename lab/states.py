"""Names of session states, what each action asks of them, and the codes of `verify`."""

from __future__ import annotations

NONE = "none"
CREATED = "Created"
CREATE_IN_PROG = "CreateInProg"
PRECOPY = "PreCopy"
RECREATED = "Recreated"
COPY_IN_PROG = "CopyInProg"
COPY_ON_ACCESS = "CopyOnAccess"
COPY_ON_WRITE = "CopyOnWrite"
COPIED = "Copied"
REST_IN_PROG = "RestInProg"
RESTORED = "Restored"
SPLIT = "Split"
TERMINATE_IN_PROG = "TerminateInProg"
FAILED = "Failed"
INVALID = "Invalid"
LINKED = "Linked"
"""Of a link to a snapshot that copies nothing; the other states of a link are a session's."""

ALL = (
    CREATED, CREATE_IN_PROG, PRECOPY, RECREATED, COPY_IN_PROG, COPY_ON_ACCESS, COPY_ON_WRITE, COPIED,
    REST_IN_PROG, RESTORED, SPLIT, TERMINATE_IN_PROG, FAILED, INVALID,
)  # fmt: skip

PREPARED = frozenset({CREATED, PRECOPY, RECREATED})
ACTIVE = frozenset({COPY_IN_PROG, COPY_ON_ACCESS, COPY_ON_WRITE, COPIED})
# States in which the array moves tracks by itself.
MOVING = frozenset({PRECOPY, COPY_IN_PROG, REST_IN_PROG})
# States in which writes on either side are counted as changed tracks (documented: since the activation).
COUNTING = ACTIVE | {RESTORED, SPLIT}
# Without background copy a track is copied when somebody writes it. That nothing protected left means Copied
# is assumed.
COPIED_WHEN_TOUCHED = frozenset({COPY_ON_ACCESS, COPY_ON_WRITE})
# The target is not ready to a host. Documented for Created and CreateInProg, inferred for the others.
TARGET_NOT_READY = frozenset({CREATED, CREATE_IN_PROG, PRECOPY, RECREATED})

# From which states an action is taken. Documented unless the array's switches say otherwise:
# for instance recreate from CopyInProg is the switch `recreate_from_copyinprog`.
TAKEN_FROM: dict[str, frozenset[str]] = {
    "activate": PREPARED,
    "recreate": frozenset({COPIED, SPLIT, COPY_ON_WRITE, COPY_ON_ACCESS}),
    "establish": frozenset({COPIED, SPLIT, COPY_ON_WRITE, COPY_ON_ACCESS}),
    "restore": frozenset({COPIED, SPLIT, COPY_IN_PROG}),
    "split": frozenset({RESTORED}),
    "terminate -restored": frozenset({RESTORED}),
    "terminate": frozenset(ALL) - {COPY_IN_PROG, REST_IN_PROG, TERMINATE_IN_PROG},
    "terminate -symforce": frozenset(ALL) - {TERMINATE_IN_PROG},
}
# States that the action leads to: asking again is "already in that state".
LEADS_TO: dict[str, frozenset[str]] = {
    "activate": ACTIVE,
    "recreate": frozenset({RECREATED, PRECOPY}),
    "restore": frozenset({REST_IN_PROG, RESTORED}),
    "split": frozenset({SPLIT}),
    "terminate -restored": frozenset({SPLIT}),
}

# verify flag -> (states that satisfy it, code for "some but not all"); none is that code + 1.
# 25-30 and 12 are confirmed for other TimeFinder commands, 53-61 recalled, 67 and above assumed.
VERIFY: dict[str, tuple[frozenset[str], int]] = {
    "-restored": (frozenset({RESTORED}), 12),
    "-split": (frozenset({SPLIT}), 25),
    "-restinprog": (frozenset({REST_IN_PROG}), 29),
    "-copyinprog": (frozenset({COPY_IN_PROG}), 53),
    "-copied": (frozenset({COPIED}), 55),
    "-copyonaccess": (frozenset({COPY_ON_ACCESS}), 57),
    "-created": (frozenset({CREATED}), 60),
    "-precopy": (frozenset({PRECOPY}), 67),
    "-recreated": (frozenset({RECREATED}), 69),
    "-copyonwrite": (frozenset({COPY_ON_WRITE}), 71),
    "-createinprog": (frozenset({CREATE_IN_PROG}), 73),
    "-terminateinprog": (frozenset({TERMINATE_IN_PROG}), 75),
    "-failed": (frozenset({FAILED}), 77),
    "-invalid": (frozenset({INVALID}), 79),
}
