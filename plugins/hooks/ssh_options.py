"""What asyncssh is told for a login: keys, host keys and algorithms, read from their files.

Each file that is missing or cannot be read is named with the connection's field that leads to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.encryption import get_default_encryption_algs, get_encryption_algs
from asyncssh.kex import get_default_kex_algs, get_kex_algs
from asyncssh.mac import get_default_mac_algs, get_mac_algs
from asyncssh.public_key import get_default_public_key_algs, get_public_key_algs

from clones.time_limits import KEEPALIVE
from hooks.connection import Login, wrong

SSH_CONFIG = "~/.ssh/config"
KEEPALIVE_COUNT = 10
"""Who has not answered for five minutes is gone; a host that stands still for a minute is not."""
OLD_CIPHERS = ("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc")
"""Taken by default where the host has nothing better: old HP-UX, AIX and SunOS have no other."""


class HostKeys:
    """The keys that a host may show, as asyncssh asks for them.

    :attr:`where` is the field or file that has them, :attr:`matched` whether it had any for this host.
    """

    def __init__(self, where: str, match: Callable[[str, str, int | None], Any]) -> None:
        self.where = where
        self.matched = False
        self._match = match

    def __call__(self, host: str, addr: str, port: int | None) -> Any:
        found = self._match(host, addr, port)
        self.matched = any(found[:2])
        return found


@dataclass(frozen=True)
class Prepared:
    """Arguments of `asyncssh.connect`, and what to say of them.

    :param shown: the key or password that is offered.
    :param jump: the host through which `~/.ssh/config` leads (`ProxyJump`), empty for none.
    """

    options: dict[str, Any]
    hosts: HostKeys
    shown: str
    jump: str = ""


def prepare(login: Login) -> Prepared:
    """Read keys and host keys; it blocks, and takes long where a key is encrypted.

    :raises Refused: a file is missing or cannot be used, or `~/.ssh/config` leads to another machine.
    """
    config = _config(login)
    hosts = _host_keys(login)
    keys, shown = _client_keys(login)
    options: dict[str, Any] = {
        "config": config.paths,
        "username": login.user,
        "password": login.password,
        "known_hosts": hosts,
        "keepalive_interval": KEEPALIVE.seconds,
        "keepalive_count_max": KEEPALIVE_COUNT,
        "canonicalize_hostname": False,
        # What a person wants of a terminal in ~/.ssh/config is not meant for commands.
        "command": None,
        "request_pty": False,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "env": None,
        "send_env": None,
        **keys,
        **_algorithms(login, config.options),
    }
    try:
        asyncssh.SSHClientConnectionOptions(host=login.host, port=login.port, **options)
    except (ValueError, OSError) as error:
        if login.passphrase and _is_of_passphrase(_why(error)):
            raise wrong(
                login.name,
                "private_key_passphrase",
                "it does not decrypt a key in ~/.ssh",
                "put that key's passphrase there, or name the key that is meant in `key_file`",
            ) from None
        raise wrong(login.name, "extra or ~/.ssh/config", _why(error), "correct it") from None
    return Prepared(options, hosts, shown, str(config.options.tunnel or ""))


@cache
def first_use() -> None:
    """Make what the libraries make at the first login of a process, once for it and its forks.

    It finds the machine's own names and its implementations of the algorithms: 3 ms of CPU of the 14 that a
    first login takes. Its key is used for nothing.
    """
    with suppress(Exception):  # what does not work here is told by a login, which needs it
        key = asyncssh.generate_private_key("ssh-ed25519")
        known = f"localhost {key.export_public_key().decode()}".encode()
        asyncssh.SSHClientConnectionOptions(
            config=[], host="localhost", username="nobody", client_keys=[key], known_hosts=known
        )
        key.convert_to_public().verify(b"data", key.sign(b"data", b"ssh-ed25519"))
        asyncssh.import_private_key(key.export_private_key()).get_fingerprint()


@dataclass(frozen=True)
class _Config:
    paths: list[str]
    options: asyncssh.SSHClientConnectionOptions


def _config(login: Login) -> _Config:
    """`~/.ssh/config` for this host: how to get there, and more for how to talk to it.

    :raises Refused: it cannot be read, or its `HostName` is another than the connection's host.
    """
    path = os.path.expanduser(SSH_CONFIG)
    paths = [path] if os.path.exists(path) else []
    try:
        options = asyncssh.SSHClientConnectionOptions(
            config=paths, host=login.host, port=login.port, username=login.user, client_keys=None,
            known_hosts=b"",
        )  # fmt: skip
    except (ValueError, OSError) as error:
        raise wrong(
            login.name, SSH_CONFIG, _why(error), f"correct {path} where tasks and waits run"
        ) from None
    if options.host.lower() != login.host.lower():
        raise wrong(
            login.name,
            "host",
            f"it is {login.host}, and {path} leads from there to {options.host} (HostName)",
            f"put the machine that is meant into `host` of the connection: {options.host}, or remove "
            "HostName from that file",
        )
    return _Config(paths, options)


def _host_keys(login: Login) -> HostKeys:
    """:raises Refused: the key or the file cannot be read."""
    if login.host_key:
        words = login.host_key.split()
        # A key alone is an RSA key, as in Airflow's SSH provider.
        line = " ".join(words[:2]) if len(words) > 1 else f"ssh-rsa {words[0]}"
        try:
            key = asyncssh.import_public_key(line)
        except ValueError as error:
            raise wrong(
                login.name,
                "host_key",
                _why(error),
                "put the two words of the host's public key there: ssh-ed25519 AAAA...",
            ) from None
        return HostKeys("host_key", lambda *_: ([key], [], []))
    path = Path(login.known_hosts).expanduser()
    if not path.exists():
        remedy = "put the host's public key into `host_key` in the extra of the connection"
        raise wrong(login.name, "host_key", f"there is none, and no file {path}", remedy)
    try:
        known = asyncssh.read_known_hosts(str(path))
    except (ValueError, OSError) as error:
        raise wrong(
            login.name,
            "known_hosts",
            _why(error) if isinstance(error, OSError) else f"{path}: {error}",
            "correct or remove that line",
        ) from None
    return HostKeys(str(path), known.match)


def _client_keys(login: Login) -> tuple[dict[str, Any], str]:
    """The arguments for what is offered, and its name in words.

    :raises Refused: the key is missing, or cannot be read or decrypted.
    """
    if not (login.key_text or login.key_file):
        if login.own_keys:
            own = {"passphrase": login.passphrase} if login.passphrase else {}
            # Without a passphrase asyncssh passes over the encrypted ones.
            which = "" if login.passphrase else " that need no passphrase"
            shown = f"the keys in ~/.ssh{which} and of its agent"
            return own, f"{shown}, then the password" if login.password else shown
        return {"client_keys": None}, "the password"
    if login.key_text:
        field, path, data = "private_key", None, login.key_text.encode()
    else:
        assert login.key_file
        field, path = "key_file", Path(login.key_file).expanduser()
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise wrong(
                login.name, field, f"{path} is not there", "put the key there, or correct `key_file`"
            ) from None
        except OSError as error:
            raise wrong(
                login.name,
                field,
                f"{path} cannot be read: {error.strerror}",
                f"let the account with uid {os.geteuid()} read it",
            ) from None
    key = _decrypted(login, field, str(path) if path else "the key", data)
    offered: Any = key
    certificate = Path(f"{path}-cert.pub")
    if path and certificate.exists():
        offered = (key, str(certificate))
    named = f"{path or 'private_key'} ({key.get_algorithm()} {key.get_fingerprint()})"
    return (
        # Keys of an agent would come first, and a host counts each of them as a try.
        {"client_keys": [offered], "agent_path": None, "agent_identities": None, "pkcs11_provider": None},
        f"{named}, then the password" if login.password else named,
    )


def _decrypted(login: Login, field: str, what: str, data: bytes) -> asyncssh.SSHKey:
    given = login.passphrase or login.password
    try:
        try:
            return asyncssh.import_private_key(data, login.passphrase)
        except asyncssh.KeyImportError:
            if login.passphrase or not given:
                raise
            return asyncssh.import_private_key(data, given)
    except Exception as error:  # also what the library below it raises for a broken key
        reason = _why(error)
        encrypted = _is_of_passphrase(reason)
    if not encrypted:
        raise wrong(
            login.name,
            field,
            f"{what} is no private key that can be read: {reason}",
            "give a private key as ssh-keygen makes it",
        )
    if given:
        where = "private_key_passphrase" if login.passphrase else "password"
        raise wrong(
            login.name, where, f"it does not decrypt {what}", f"put the key's passphrase into `{where}`"
        )
    raise wrong(
        login.name,
        field,
        f"{what} is encrypted, and there is no passphrase",
        "put it into `private_key_passphrase` in the extra",
    )


def _is_of_passphrase(reason: str) -> bool:
    """Whether asyncssh, or what is below it, says that a key cannot be decrypted."""
    return any(word in reason for word in ("assphrase", "decrypt"))


def _algorithms(login: Login, config: asyncssh.SSHClientConnectionOptions) -> dict[str, list[str]]:
    """Lists of algorithms, best first. What is not said is left to asyncssh and `~/.ssh/config`.

    :raises Refused: a name is not known.
    """
    kinds = {
        "kex_algs": (get_kex_algs(), get_default_kex_algs()),
        "encryption_algs": (get_encryption_algs(), get_default_encryption_algs()),
        "mac_algs": (get_mac_algs(), get_default_mac_algs()),
        "signature_algs": (get_public_key_algs(), get_default_public_key_algs()),
    }
    known = {name for possible, _ in kinds.values() for name in _names(possible)}
    for field, words in (("ciphers", login.ciphers or ()), ("old_algorithms", login.old_algorithms)):
        for word in words:
            if word not in known:
                raise wrong(
                    login.name,
                    f"`{field}` in the extra",
                    f"{word} is no algorithm that is known here",
                    "correct or remove it",
                )
    chosen: dict[str, list[str]] = {}
    for kind, (possible, default) in kinds.items():
        names = _names(default)
        if kind == "encryption_algs":
            names = list(login.ciphers or (*names, *OLD_CIPHERS))
        more = [word for word in login.old_algorithms if word in _names(possible)]
        less = set(login.disabled) & set(names)
        says_more = bool(more or less or (kind == "encryption_algs" and login.ciphers))
        by_default = kind == "encryption_algs" and not config.config.get("Ciphers")
        if says_more or by_default:
            chosen[kind] = [name for name in dict.fromkeys([*names, *more]) if name not in less]
    if login.compress is not None:
        chosen["compression_algs"] = ["zlib@openssh.com", "none"] if login.compress else ["none"]
    return chosen


def _names(algorithms: Iterable[bytes]) -> list[str]:
    return [name.decode("ascii") for name in algorithms]


def _why(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
