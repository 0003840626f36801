"""What an Airflow SSH connection means: one reading of it, for tasks and for waits.

Fields and extras have the names of Airflow's SSH provider. What the connection says counts before
`~/.ssh/config`. Where that file leads to another machine than the connection names, it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clones.errors import Refused
from clones.time_limits import LOGIN

SSH_PORT = 22
CONNECT_SECONDS = LOGIN.seconds
KNOWN_HOSTS = "~/.ssh/known_hosts"


@dataclass(frozen=True)
class Login:
    """How to log in to one host.

    :param name: Airflow connection id.
    :param password: of the account; also of an encrypted key without a passphrase of its own.
    :param key_text: the private key itself; None: see `key_file`.
    :param key_file: path; None with `key_text` None: the account's own keys in `~/.ssh` and its agent.
    :param passphrase: of an encrypted key.
    :param host_key: the only key that the host may show, as `ssh-ed25519 AAAA...`; None: see `known_hosts`.
    :param own_keys: whether the account's own keys may be taken where there is no other.
    :param known_hosts: path of a file in OpenSSH's format.
    :param seconds: for the whole login.
    :param ciphers: the only ones, best first; None: the default ones.
    :param old_algorithms: names of algorithms that are also taken, after all others.
    :param disabled: names of algorithms that are not taken.
    :param compress: None: as the library does by itself.
    """

    name: str
    host: str
    port: int
    user: str
    password: str | None = field(default=None, repr=False)
    key_text: str | None = field(default=None, repr=False)
    key_file: str | None = None
    passphrase: str | None = field(default=None, repr=False)
    own_keys: bool = True
    host_key: str | None = None
    known_hosts: str = KNOWN_HOSTS
    seconds: float = CONNECT_SECONDS
    ciphers: tuple[str, ...] | None = None
    old_algorithms: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    compress: bool | None = None


def wrong(name: str, where: str, what: str, remedy: str) -> Refused:
    """One field of a connection cannot be used.

    :param where: field or key of the extra.
    """
    return Refused(f"Airflow connection {name} cannot be used: {where}: {what}. Nothing was sent.", remedy)


def unchecked(name: str, where: str) -> Refused:
    """The connection does not check the host's key.

    :param where: the key of the extra that says so.
    """
    return Refused(
        f"Airflow connection {name} turns host key checking off: `{where}`. Nothing was sent.",
        f"remove `{where}` from its extra, and put the host's key in `host_key`",
    )


def read(name: str, connection: Any) -> Login:
    """Read a connection. Nothing is opened, and no file is read.

    :param name: Airflow connection id.
    :param connection: Airflow's own object, with `conn_type`, `host`, `port`, `login`, `password`
        and `extra`.
    :raises Refused: a field is missing, cannot be meant, or turns host key checking off.
    """
    kind = (connection.conn_type or "ssh").strip().lower()
    if kind in ("http", "https"):
        raise wrong(name, "conn_type", f"it is {kind}", "name a connection of type `ssh` for this host")
    extra = Extra(name, connection.extra)
    for key in ("no_host_key_check", "ignore_hostkey_verification", "allow_host_key_change"):
        if extra.flag(key):
            raise unchecked(name, key)
    host = (connection.host or "").strip()
    if not host:
        raise wrong(name, "host", "there is none", "put the host's name or address into `host`")
    user = (connection.login or "").strip()
    if not user:
        raise wrong(name, "login", "there is none", f"put the account on {host} into `login`")
    port = connection.port or SSH_PORT
    if not 0 < port < 65536:
        raise wrong(name, "port", f"{port} is no port", "give a number from 1 to 65535, or none for 22")
    known_hosts = extra.text("known_hosts")
    if known_hosts and known_hosts.lower() == "none":
        raise unchecked(name, "known_hosts")
    key_text, key_file = extra.text("private_key"), extra.text("key_file")
    if key_text and key_file:
        raise wrong(name, "private_key", "`key_file` is given too", "remove one of the two from its extra")
    password = (connection.password or "").strip() or None
    own_keys = extra.flag("look_for_keys") is not False
    if not (own_keys or key_text or key_file or password):
        raise wrong(
            name,
            "look_for_keys",
            "it is false, and there is no key and no password",
            "give `key_file` or `private_key` in its extra",
        )
    return Login(
        name=name,
        host=host,
        port=port,
        user=user,
        password=password,
        key_text=key_text,
        key_file=key_file,
        passphrase=extra.text("private_key_passphrase") or extra.text("passphrase"),
        own_keys=own_keys,
        host_key=extra.text("host_key"),
        known_hosts=known_hosts or KNOWN_HOSTS,
        seconds=extra.seconds("conn_timeout") or CONNECT_SECONDS,
        ciphers=extra.words("ciphers") or None,
        old_algorithms=extra.words("old_algorithms"),
        disabled=extra.disabled("disabled_algorithms"),
        compress=extra.flag("compress"),
    )


class Extra:
    """The extra of a connection, key by key."""

    def __init__(self, name: str, text: str | None) -> None:
        self._name = name
        try:
            known = json.loads(text) if text and text.strip() else {}
        except ValueError as error:
            raise wrong(name, "extra", f"it is no JSON: {error}", "correct it") from None
        if not isinstance(known, Mapping):
            raise wrong(name, "extra", "it is no JSON object", 'write it as {"key_file": "..."}')
        self._known = known

    def _wrong(self, key: str, what: str, remedy: str) -> Refused:
        return wrong(self._name, f"`{key}` in the extra", what, remedy)

    def text(self, key: str) -> str | None:
        value = self._known.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, "it is no text", "put it in quotes")
        return (value or "").strip() or None

    def flag(self, key: str) -> bool | None:
        """None: not given."""
        value = str(self._known.get(key, "")).strip().lower()
        if value in ("", "none"):
            return None
        if value not in ("true", "false"):
            raise self._wrong(key, "it is neither true nor false", "give one of the two, or remove it")
        return value == "true"

    @property
    def keys(self) -> list[str]:
        """Those that are given."""
        return [str(key) for key in self._known]

    def seconds(self, key: str) -> float | None:
        """None: not given."""
        value = self._known.get(key)
        if value in (None, ""):
            return None
        try:
            seconds = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            seconds = 0
        if not 0 < seconds <= 3600:
            raise self._wrong(key, "it is no number of seconds up to 3600", "give one, or remove it")
        return seconds

    def number(self, key: str) -> int | None:
        """A whole number, also in quotes. None: not given."""
        value = self._known.get(key)
        if value in (None, ""):
            return None
        if isinstance(value, bool) or not str(value).strip().isdecimal():
            raise self._wrong(key, "it is no whole number", "give one, or remove it")
        return int(str(value))

    def words(self, key: str) -> tuple[str, ...]:
        value = self._known.get(key)
        if isinstance(value, str):
            value = [word.strip() for word in value.split(",") if word.strip()]
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise self._wrong(key, "it is no list of names", 'write it as ["name", "name"]')
        return tuple(value)

    def disabled(self, key: str) -> tuple[str, ...]:
        """All names of the provider's form, which has a list for each kind."""
        value = self._known.get(key)
        if not value:
            return ()
        if not isinstance(value, Mapping):
            raise self._wrong(key, "it is no object of lists", 'write it as {"pubkeys": ["name"]}')
        inner = Extra(self._name, json.dumps(value))
        return tuple(word for kind in value for word in inner.words(kind))
