"""What a connection means: tasks and waits log in to real OpenSSH servers, and both come to the same."""

from __future__ import annotations

import asyncio
import getpass
import json
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from clones.asking.steps import Command, Result
from clones.errors import CloneError
from hooks.ssh import Background
from hooks.symcli import SymcliHook
from hooks.symcli_async import SymcliHookAsync
from tests.hooks.one_sshd import sshd
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parent / "cases" / "connections.yaml").read_text())
NAME = "ctl"
RELAY = f"""#!{sys.executable}
import os, socket, sys, threading
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def back():
    while data := far.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back).start()
while data := os.read(0, 65536):
    far.sendall(data)
os._exit(0)
"""


def make(path: Path, *words: str, passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-f", path, "-N", passphrase, *words], check=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of hosts and of the account, made by ssh-keygen; the account's are let in but `stranger`."""
    folder = tmp_path_factory.mktemp("keys")
    make(folder / "host", "-t", "ed25519")
    make(folder / "host_rsa", "-t", "rsa", "-b", "2048")
    make(folder / "ca", "-t", "ed25519")
    make(folder / "other", "-t", "ed25519")
    public = folder / "host.pub"
    sign = ["ssh-keygen", "-q", "-s", folder / "ca", "-I", "host", "-h", "-n", "127.0.0.1,localhost", public]
    subprocess.run(sign, check=True)
    make(folder / "plain", "-t", "ed25519")
    make(folder / "stranger", "-t", "ed25519")
    make(folder / "encrypted", "-t", "ed25519", passphrase="the key's")
    make(folder / "encrypted_pem", "-t", "rsa", "-b", "2048", "-m", "PEM", passphrase="the key's")
    make(folder / "ecdsa", "-t", "ecdsa", "-C", "")
    make(folder / "pkcs8", "-t", "ecdsa", "-m", "PKCS8")
    make(folder / "rsa", "-t", "rsa", "-b", "2048")
    (folder / "no_key").write_text("ssh-ed25519 AAAA\n")
    (folder / "folder").mkdir()
    (folder / "relay").write_text(RELAY)
    (folder / "relay").chmod(stat.S_IRWXU)
    return folder


COMMAND = Command(NAME, ("/bin/echo", "hello"))


def by_task() -> Result:
    with SymcliHook() as hosts:
        return hosts.execute(COMMAND)


async def by_wait() -> Result:
    waiting = SymcliHookAsync()
    try:
        return await waiting.execute(COMMAND)
    finally:
        await waiting.close()


async def both() -> tuple[str, str]:
    """What comes of a command by either: `ok` and what it said, or the kind of the error and its words."""
    came: list[Result | BaseException] = await asyncio.gather(
        asyncio.to_thread(by_task), by_wait(), return_exceptions=True
    )
    task, wait = [told(one) for one in came]
    assert task == wait
    return task


def told(came: Result | BaseException) -> tuple[str, str]:
    if isinstance(came, Result):
        return "ok", came.stdout or came.lost
    assert isinstance(came, CloneError), came
    return type(came).__name__.lower(), str(came)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
async def test_both_come_to_the_same(
    case: dict[str, Any], keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    names = ("plain", "encrypted", "encrypted_pem", "ecdsa", "pkcs8", "rsa")
    authorized = "".join((keys / f"{name}.pub").read_text() for name in names)
    host_keys = [keys / name for name in case.get("host_keys", ["host"])]
    with sshd(tmp_path, host_keys, authorized, fill(case.get("server", {}), keys, 0)) as port:
        about: dict[str, Any] = {"conn_type": "ssh", "host": "127.0.0.1", "port": port}
        about |= {"login": getpass.getuser(), **case.get("connection", {})}
        extra = {"key_file": "{keys}/plain", "host_key": "{host}", **case.get("extra", {})}
        about["extra"] = {key: value for key, value in extra.items() if value is not None}
        about = {key: value for key, value in about.items() if value is not None}
        monkeypatch.setenv(f"AIRFLOW_CONN_{NAME.upper()}", json.dumps(fill(about, keys, port)))
        for name in ("known_hosts", "config"):
            if name in case:
                (home / ".ssh" / name).write_text(fill(case[name], keys, port))
        for name in case.get("own_keys", ()):
            (home / ".ssh" / "id_ed25519").write_bytes((keys / name).read_bytes())
            (home / ".ssh" / "id_ed25519").chmod(0o600)
        came = await both()
    kind, said = next(iter(case["then"].items())) if "then" in case else ("ok", "hello\n")
    assert came[0] == kind, came
    for words in [said] if isinstance(said, str) else said:
        assert str(fill(words, keys, port)) in came[1]


@pytest.fixture
def account(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the connection to a port; nothing of this machine's own keys counts."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    def connect(port: int, extra: dict[str, Any], **fields: Any) -> None:
        about = {"conn_type": "ssh", "host": "127.0.0.1", "port": port, "login": "symcli", **fields}
        about["extra"] = fill({"host_key": "{host}", **extra}, keys, port)
        monkeypatch.setenv(f"AIRFLOW_CONN_{NAME.upper()}", json.dumps(about))

    return connect


class Old(asyncssh.SSHServer):
    """A server that lets in one key or one password."""

    def __init__(self, key: str = "", password: str = "") -> None:
        self.key, self.password = key.split()[:2], password

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return bool(self.key)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.export_public_key().decode().split()[:2] == self.key

    def password_auth_supported(self) -> bool:
        return bool(self.password)

    def validate_password(self, username: str, password: str) -> bool:
        return password == self.password


@contextmanager
def listening(keys: Path, server: Old, **options: Any) -> Iterator[int]:
    """Its port; it runs in a thread, as the task blocks."""
    background = Background()

    async def answer(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write("hello\n")
        process.exit(0)

    async def listen() -> Any:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=lambda: server, process_factory=answer,
            server_host_keys=[str(keys / "host")], **options,
        )  # fmt: skip

    acceptor = background.call(listen())
    yield acceptor.get_port()

    async def close() -> None:
        acceptor.close()
        await acceptor.wait_closed()

    background.call(close())
    background.close()


@pytest.mark.parametrize(("given", "then"), [("the password\n", "ok"), ("another", "refused")])
async def test_a_password(keys: Path, account: Callable[..., None], given: str, then: str) -> None:
    with listening(keys, Old(password="the password")) as port:
        account(port, {"look_for_keys": False}, password=given)
        came = await both()
    assert came[0] == then, came
    assert then == "ok" or "as symcli, with the password" in came[1]


async def test_a_server_from_before_rsa_with_sha_2(
    keys: Path, account: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells nothing of what it takes, and takes RSA with SHA-1 only (OpenSSH before 7.2)."""
    process = asyncssh.connection.SSHServerConnection._process_kexinit

    async def says_nothing(self: Any, *arguments: Any) -> None:
        await process(self, *arguments)
        self._can_send_ext_info = False

    monkeypatch.setattr(asyncssh.connection.SSHServerConnection, "_process_kexinit", says_nothing)
    server = Old(key=(keys / "rsa.pub").read_text())
    with listening(keys, server, signature_algs=["ssh-rsa"]) as port:
        account(port, {"key_file": "{keys}/rsa"})
        came = await both()
    assert came == ("ok", "hello\n")


async def test_a_host_that_takes_calls_and_says_nothing(account: Callable[..., None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        account(deaf.getsockname()[1], {"conn_timeout": 0.2}, password="x")
        came = await both()
    assert came[0] == "unknown"
    assert "it did not accept the login within 0.2 s" in came[1]


def fill(value: Any, keys: Path, port: int) -> Any:
    """The paths, public keys and port of this case in the place of their names."""
    if isinstance(value, dict):
        return {key: fill(one, keys, port) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, keys, port) for one in value]
    if not isinstance(value, str):
        return value
    for name in ("host", "host_rsa", "ca", "other"):
        public = " ".join((keys / f"{name}.pub").read_text().split()[:2])
        value = value.replace(f"{{{name}}}", public)
        value = value.replace(f"{{{name}:alone}}", public.split()[1])
    for name in ("plain", "encrypted"):
        value = value.replace(f"{{{name}:text}}", (keys / name).read_text())
    return value.replace("{keys}", str(keys)).replace("{port}", str(port))
