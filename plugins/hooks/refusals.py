"""Why nothing could be sent to a host, in words, and the text of what it printed: for both hooks."""

from __future__ import annotations

from typing import Any

from clones.clean import cleaned, one_line
from clones.errors import Refused, Unknown


def text(data: Any) -> str:
    """Bytes as text: what is no UTF-8 shows as a mark, what acts on a terminal is written out.

    Nothing of what a host prints goes round this, to a log, a record, a terminal or an XCom.
    """
    return cleaned(bytes(data or b"").decode("utf-8", "replace"))


def not_defined(host: str, error: Exception) -> Refused:
    """The connection is missing, or does not say how to connect."""
    return Refused(
        f"Airflow connection {host} cannot be used: {one_line(str(error))}. Nothing was sent.",
        f"define the SSH connection {host}",
    )


def unchecked(host: str) -> Refused:
    """The connection does not check the host's key."""
    return Refused(
        f"Airflow connection {host} turns host key checking off. Nothing was sent.",
        "remove `no_host_key_check` and `allow_host_key_change` from its extra, and put the host's key in "
        "`host_key`",
    )


def other_key(host: str, error: str) -> Refused:
    """Another machine may answer in its place."""
    return Refused(
        f"{host} does not show the host key that its Airflow connection expects: {one_line(error)}. "
        "Nothing was sent.",
        "find out why: another machine may answer in its place. Only then put the new key into `host_key` "
        "of the connection",
    )


def not_let_in(host: str, error: str) -> Refused:
    """Key or login are not accepted."""
    return Refused(
        f"{host} does not accept the key or login of its Airflow connection: {one_line(error)}. "
        "Nothing was sent.",
        "check `login` and `key_file` of the connection, and the account's authorized keys on the host",
    )


def unreachable(host: str, error: str) -> Unknown:
    """Nobody answers, or not in time."""
    return Unknown(
        f"{host} cannot be reached over SSH: {one_line(error)}. Nothing was sent.",
        "it is tried again; see that the host and its SSH server run",
    )
