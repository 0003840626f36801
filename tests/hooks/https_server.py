"""An HTTPS server whose answers a test writes, and certificates for it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = "/univmax/restapi"
VERSION = b'{"version": "T10.1.0.468", "api_version": "101", "supported_api_versions": ["101", "100", "92"]}'


@dataclass
class Asked:
    """A request, as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What the server does about a request.

    :param cut: ``before`` the answer begins, ``in`` its body, or ``after`` it: the connection is closed.
    :param wait: is waited for before anything is written.
    :param raw: in place of all of it.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    wait: threading.Event | None = None
    raw: bytes | None = None


class Server:
    """Listens on a port of 127.0.0.1 until it is closed. What arrived is in `asked`, by connection too."""

    def __init__(self, certificate: Path, answer: Callable[[Asked], Answer]) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.answer = answer
        self.version: Answer | None = None
        """To the question for its version, where it is another one."""
        self.hold: threading.Event | None = None
        """Is waited for before anything of a new connection is read."""
        self.trickle = False
        """Answers come byte by byte, and have no end."""
        self.asked: list[Asked] = []
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    @property
    def sent(self) -> list[str]:
        """What was asked for, below the API's root, without the question for its version."""
        lines = [f"{one.method} {one.path.removeprefix(ROOT)}" for one in self.asked]
        return [line for line in lines if line != "GET /version"]

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(plain,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        with self._lock:
            self._open.add(plain)
            self.connections += 1
        with (
            suppress(OSError),
            plain,
            self.context.wrap_socket(plain, server_side=True) as secure,
            secure.makefile("rb") as lines,
        ):
            if self.hold is not None:
                self.hold.wait(60)
            while self._turn(secure, lines):
                pass
        with self._lock:
            self._open.discard(plain)

    def _turn(self, secure: ssl.SSLSocket, lines: Any) -> bool:
        first = lines.readline().decode()
        if not first:
            return False
        headers = {}
        while (line := lines.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        method, path, _ = first.split()
        length = int(headers.get("content-length", 0))
        asked = Asked(method, path, headers, lines.read(length))
        if len(asked.body) < length:
            return False  # it never became a request
        with self._lock:
            self.asked.append(asked)
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            of_version = self.version or Answer(body=VERSION)
            answer = of_version if path == f"{ROOT}/version" else self.answer(asked)
            if answer.wait is not None:
                answer.wait.wait(60)
        finally:
            with self._lock:
                self.at_once -= 1
        if answer.cut == "before":
            return False
        while self.trickle and path != f"{ROOT}/version":
            secure.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" if self.trickle is True else b"x"
            )
            self.trickle = 1
            time.sleep(0.01)
        secure.sendall(answer.raw if answer.raw is not None else self._written(answer))
        return not answer.cut and answer.raw is None

    def _written(self, answer: Answer) -> bytes:
        headers = {
            "Date": "Sat, 28 Nov 2026 02:00:00 GMT",
            "Content-Type": "application/json",
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = answer.body[: len(answer.body) // 2] if answer.cut == "in" else answer.body
        return f"HTTP/1.1 {answer.status} Said\r\n{head}\r\n".encode() + body


@contextmanager
def serving(certificate: Path, answer: Callable[[Asked], Answer]) -> Iterator[Server]:
    server = Server(certificate, answer)
    try:
        yield server
    finally:
        server.close()


def certificates(folder: Path) -> None:
    """Writes the files ``ca``, ``other_ca``, and of servers ``good``, ``expired``, ``early``, ``elsewhere``,
    ``stranger`` and ``alone``: with the key, where it is a server's."""
    now = datetime.now(UTC)
    ca, other = Authority("CA of the test"), Authority("another CA")
    (folder / "ca").write_bytes(ca.pem)
    (folder / "other_ca").write_bytes(other.pem)
    day = timedelta(days=1)
    for name, made in {
        "good": ca.signed(now - day, now + day),
        "expired": ca.signed(now - 2 * day, now - day),
        "early": ca.signed(now + day, now + 2 * day),
        "elsewhere": ca.signed(now - day, now + day, address="127.0.0.9"),
        "stranger": other.signed(now - day, now + day),
        "alone": Authority("127.0.0.1").signed(now - day, now + day, alone=True),
    }.items():
        (folder / name).write_bytes(made)


class Authority:
    """A CA that signs certificates of servers."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = self._of(self.name, self.key, now - timedelta(days=9), now + timedelta(days=9))
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def signed(
        self, begin: datetime, end: datetime, address: str = "127.0.0.1", *, alone: bool = False
    ) -> bytes:
        """A certificate and its key.

        :param alone: signed by itself.
        """
        key = self.key if alone else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = self._of(self.name if alone else subject, key, begin, end).add_extension(names, critical=False)
        return made.sign(self.key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        ) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def _of(self, subject: x509.Name, key: Any, begin: datetime, end: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )
