"""What an Airflow connection to an array's management server means: one reading, for tasks and for waits.

It is of type `http`, or `generic` where Airflow has no HTTP provider: `host`, `port`, `login`, `password`,
and in the extra nothing but :data:`EXTRA`. TLS is always verified. Nothing else counts: no proxy and no netrc
of the environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from clones.asking.api_version import KNOWN
from clones.errors import Refused
from clones.time_limits import REST_CONNECT
from hooks.connection import Extra, wrong

PORT = 8443
EXTRA = ("ca_file", "connect_timeout", "answer_timeout", "api_version")
VERIFICATION = re.compile(r"verif|insecure|valid|trust|certif|hostname|ssl|tls", re.I)
"""In the name of a key that would be about the verification of the server."""
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
"""A name, an IPv4 address, or an IPv6 address."""


@dataclass(frozen=True)
class Server:
    """How to come to one management server.

    :param name: Airflow connection id.
    :param ca_file: path of the certificates, in PEM form, one of which vouches for the server; None: those
        that the system trusts.
    :param connect_seconds: for TCP, and again for TLS.
    :param answer_seconds: for an answer; None: as each request says.
    :param version: of the API, as the only one to be used; None: the highest that both sides know.
    """

    name: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    ca_file: str | None = None
    connect_seconds: float = REST_CONNECT.seconds
    answer_seconds: float | None = None
    version: int | None = None


def read(name: str, connection: Any) -> Server:
    """Read a connection. Nothing is opened, and no file is read.

    :param name: Airflow connection id.
    :param connection: Airflow's own object, with `conn_type`, `host`, `port`, `schema`, `login`, `password`
        and `extra`.
    :raises Refused: a field is missing, cannot be meant, or turns verification off.
    """
    kind = (connection.conn_type or "http").strip().lower()
    if kind not in ("http", "https", "generic"):
        raise wrong(name, "conn_type", f"it is {kind}", "make a connection of type `http` for the REST API")
    schema = (connection.schema or "https").strip().lower()
    if schema != "https":
        remedy = "remove it: requests go over HTTPS only, and below a fixed path"
        raise wrong(name, "schema", f"it is {schema}", remedy)
    host = (connection.host or "").strip()
    if not host:
        raise wrong(name, "host", "there is none", "put the server's name or address into `host`")
    if not HOST.fullmatch(host):
        remedy = "give its name or address alone, without `https://`, port and path"
        raise wrong(name, "host", f"{host!r} is no name and no address", remedy)
    port = connection.port or PORT
    if not 0 < port < 65536:
        remedy = f"give a number from 1 to 65535, or none for {PORT}"
        raise wrong(name, "port", f"{port} is no port", remedy)
    user = (connection.login or "").strip()
    if not user:
        raise wrong(name, "login", "there is none", "put the API's user into `login`")
    if ":" in user:
        raise wrong(name, "login", "it holds a colon, which HTTP Basic cannot send", "take another user")
    if not (connection.password or "").strip():
        raise wrong(name, "password", "there is none", f"put the password of {user} into `password`")
    extra = Extra(name, connection.extra)
    for key in extra.keys:
        if key not in EXTRA:
            raise _not_known(name, key)
    return Server(
        name=name,
        host=host,
        port=port,
        user=user,
        password=connection.password,
        ca_file=extra.text("ca_file"),
        connect_seconds=extra.seconds("connect_timeout") or REST_CONNECT.seconds,
        answer_seconds=extra.seconds("answer_timeout"),
        version=_version(name, extra),
    )


def _not_known(name: str, key: str) -> Refused:
    where = f"`{key}` in the extra"
    if VERIFICATION.search(key):
        return wrong(
            name,
            where,
            "the server's certificate is always verified",
            f"remove `{key}`, and put the path of the CA's certificate into `ca_file`",
        )
    return wrong(
        name, where, "there is no such key", f"remove it; known are {', '.join(f'`{one}`' for one in EXTRA)}"
    )


def _version(name: str, extra: Extra) -> int | None:
    given = extra.number("api_version")
    if given is not None and given not in KNOWN:
        known = ", ".join(map(str, KNOWN))
        raise wrong(
            name,
            "`api_version` in the extra",
            f"{given} is not one that this project knows",
            f"give one of {known}, or remove it",
        )
    return given
