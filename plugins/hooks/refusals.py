"""Why nothing could be sent to a host, in words, and the text of what it printed: for both hooks."""

from __future__ import annotations

from typing import Any

from clones.clean import cleaned, one_line, without_marks
from clones.errors import Refused, Unknown

PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n"
"""What :func:`clones.clean.cleaned` leaves alone, whatever is beside it; but marks of groups."""


def text(data: Any) -> str:
    """Bytes as text: what is no UTF-8 shows as a mark, what acts on a terminal is written out.

    Nothing of what a host prints goes round this, to a log, a record, a terminal or an XCom.
    """
    said = bytes(data or b"")
    if not said.translate(None, PLAIN):  # as most is, and to know it takes a third of the time
        return without_marks(said.decode("ascii"))
    return cleaned(said.decode("utf-8", "replace"))


def not_defined(host: str, error: Exception, kind: str = "SSH") -> Refused:
    """The connection is missing, or does not say how to connect."""
    return Refused(
        f"Airflow connection {host} cannot be used: {one_line(str(error))}. Nothing was sent.",
        f"define the {kind} connection {host}",
    )


def other_key(host: str, error: str) -> Refused:
    """Another machine may answer in its place."""
    return Refused(
        f"{host} does not show the host key that its Airflow connection expects: {one_line(error)}. "
        "Nothing was sent.",
        "find out why: another machine may answer in its place. Only then put the new key into `host_key` "
        "of the connection",
    )


def unknown_key(host: str, where: str) -> Refused:
    """Nothing says which host key to expect.

    :param where: the file in which none was found.
    """
    return Refused(
        f"Which host key {host} may show is not known: its Airflow connection has no `host_key`, and {where} "
        "has no line for it. Nothing was sent.",
        "put the host's public key into `host_key` in the extra of the connection",
    )


def not_let_in(host: str, user: str, shown: str, error: str) -> Refused:
    """Key or login are not accepted.

    :param shown: what was offered, in words.
    """
    return Refused(
        f"{host} does not accept the key or login of its Airflow connection: as {user}, with {shown}: "
        f"{one_line(error)}. Nothing was sent.",
        "check `login` and `key_file` of the connection, and the account's authorized keys on the host",
    )


def no_algorithm(host: str, kind: str, has: list[str]) -> Refused:
    """The host has only algorithms that are not taken.

    :param has: those that it has.
    """
    names = one_line(", ".join(has)) or "others"
    return Refused(
        f"{host} has no SSH {kind} that is taken here: it has only {names}. Nothing was sent.",
        "update the host's SSH server; where that cannot be, name one of these in `old_algorithms` in the "
        "extra of the connection",
    )


def no_way_through(host: str, jump: str, error: str, *, final: bool) -> Refused | Unknown:
    """The host on the way there lets nobody in or through: the connection's own fields are not for it.

    :param final: whether a retry cannot help.
    """
    jump = one_line(jump)
    return (Refused if final else Unknown)(
        f"{host} cannot be reached through {jump} (ProxyJump in ~/.ssh/config): {one_line(error)}. Nothing "
        "was sent.",
        f"check that {jump} runs and reaches {host}, that its key is in ~/.ssh/known_hosts, and its User and "
        "IdentityFile in ~/.ssh/config, where tasks and waits run",
    )


def unreachable(host: str, error: str) -> Unknown:
    """Nobody answers, or not in time."""
    return Unknown(
        f"{host} cannot be reached over SSH: {one_line(error)}. Nothing was sent.",
        "wait for the retry; check that the host and its SSH server run",
    )
