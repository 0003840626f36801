"""The gate as the forced command of a real OpenSSH server, for a real account.

Beside it the same account has a key without a gate: what is refused is refused by the gate or by the options
of its key, not because this server would not do it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clones.act.lock import GIVE_BACK, OWNERS, TAKE
from clones.asking.fence import PUT, RUN, folder
from clones.asking.one_trip import SCRIPT, as_one, take_apart
from clones.asking.steps import Command, Result
from clones.asking.whole_answers import SCRIPT as WHOLE
from clones.asking.whole_answers import whole
from clones.backends.symclone.commands import WITH_CLOCK, WITH_PAIR_FILE
from tests.gate.installed import Installed, account, installed
from tests.gate.judging import FORM
from tests.gate.test_on_a_host import encoded
from tests.hooks.one_sshd import sshd

ACCOUNT = "symclone-gated"
RESTRICT = "restrict"
ONE_BY_ONE = "no-agent-forwarding,no-port-forwarding,no-pty,no-user-rc,no-X11-forwarding"
OPTIONS = {
    "AllowUsers": ACCOUNT, "AllowTcpForwarding": "yes", "AllowAgentForwarding": "yes", "PermitTTY": "yes",
    "AllowStreamLocalForwarding": "yes", "GatewayPorts": "yes", "Subsystem": "sftp internal-sftp",
    "AcceptEnv": "LC_* A_*", "MaxSessions": "50", "MaxStartups": "50",
}  # fmt: skip
SH = ("/bin/sh", "-c")
TOKENS = [f"00000000000{count}.0123456789abcdef" for count in range(4, 7)]
PAIR_LINES = "00A1 00B1\n00A2 00B2"


@dataclass
class Host:
    """:param keys: by the way that it is authorized, the file of the private key."""

    port: int
    keys: dict[str, Path]
    options: list[str]
    home: Path
    gate: Installed

    def words(self, way: str, *options: str, program: str = "ssh") -> list[str]:
        port = "-P" if program in ("scp", "sftp") else "-p"
        return [program, *self.options, "-i", str(self.keys[way]), port, str(self.port), *options]

    @contextmanager
    def connected(self, way: str) -> Iterator[tuple[str, ...]]:
        """Options by which `ssh` uses one connection, again and again, as the product does."""
        path = self.gate.folder / f"connected-{way.replace(' ', '-')}"
        options = ("-o", f"ControlPath={path}")
        words = [*self.words(way, *options, "-M", "-N"), f"{ACCOUNT}@127.0.0.1"]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as master:
            began = time.monotonic()
            while not path.exists():
                assert master.poll() is None and time.monotonic() - began < 20
                time.sleep(0.01)
            yield options
            master.terminate()

    def ssh(
        self, way: str, *words: str, options: tuple[str, ...] = (), **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        line = [*self.words(way, *options), f"{ACCOUNT}@127.0.0.1", *words]
        given = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60} | more
        return subprocess.run(line, **given)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    if os.getuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: an account is made, and the gate trusts only root's files")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("server", "open", RESTRICT, "one by one"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(words, check=True)
    with installed() as gate, account(ACCOUNT) as person:
        forced = f'command="{gate.gate} {gate.policy}"'
        ways = {"open": "", RESTRICT: f"{RESTRICT},{forced} ", "one by one": f"{ONE_BY_ONE},{forced} "}
        lines = [head + (folder / f"{name}.pub").read_text() for name, head in ways.items()]
        known = folder / "known_hosts"
        options = ["-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}"]
        options += ["-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"]
        served = gate.folder / "sshd"
        served.mkdir(mode=0o755)
        gate.has_logger(None)
        with sshd(served, [folder / "server"], "".join(lines), OPTIONS) as port:
            known.write_text(f"[127.0.0.1]:{port} {(folder / 'server.pub').read_text()}")
            keys = {name: folder / name for name in ways}
            yield Host(port, keys, options, Path(person.pw_dir), gate)


class Site:
    """What this project sends to one host for a service, and a policy that allows just that."""

    def __init__(self, home: Path) -> None:
        self.work = f"{home}/data"
        self.fences = folder(self.work, "s")
        self.pairs = f"{self.work}/s.data-0123456789abcdef.pairs"
        locks, lock = f"{self.work}/locks", f"{self.work}/locks/s"
        owner, own = "dag@run@0123456789abcdef", "fedcba9876543210@task@1"
        self.take = (*SH, TAKE, "lock", locks, lock, owner, own, self.fences, "0", "take", "task", "1")
        self.owners = (*SH, OWNERS, "lock", lock)
        self.give_back = (*SH, GIVE_BACK, "lock", lock, f"{owner}@{own}")
        self.by_file = (*SH, WITH_PAIR_FILE, "pairs", self.work, self.pairs, PAIR_LINES)
        self.changes: list[tuple[str, ...]] = [
            ("/bin/touch", f"{self.work}/changed"),
            (*SH, "exit 3"),
            (*SH, "kill -9 $$"),
            (*self.by_file, "env", "A=it's", "/bin/cat", self.pairs),
            ("/bin/sleep", "60"),
        ]
        self.looks: list[tuple[str, ...]] = [
            whole("/bin/ls", "-1", "/etc/passwd"),
            whole("/bin/ls", "-1", "/no/such"),
            (*SH, WITH_CLOCK, "clock", "/bin/true"),
            (*self.by_file, "/bin/cat", self.pairs),
            ("/bin/echo", "a b", "$HOME", "it's", "*", "x\ny", ""),
            ("/usr/bin/id", "-un"),
            (*SH, "cat; echo out; echo err >&2; exit 7"),
            (*SH, "kill -9 $$"),
            whole("/usr/bin/ps", "-ef"),
            ("/usr/bin/env",),
            self.owners,
        ]
        self.bare = [self.take, self.give_back]

    def policy(self) -> str:
        texts = {"fence": RUN, "together": SCRIPT, "put": PUT, "pairs": WITH_PAIR_FILE, "whole": WHOLE}
        texts |= {"take": TAKE, "back": GIVE_BACK, "owners": OWNERS}

        def form(words: tuple[str, ...]) -> str:
            named = {text: name for name, text in texts.items()}
            return " ".join(f"<text:{named[word]}>" if word in named else encoded(word) for word in words)

        rows = [FORM, "made 2026-01-31T12:00:00Z", f"of {'0' * 64}"]
        rows += [f"text {name} {encoded(text)}" for name, text in texts.items()]
        rows += [f"look {form(words)}" for words in self.looks]
        rows += [
            "for /s",
            f"fence s {self.fences}",
            f"bare s /bin/sh -c <text:put> fence {self.fences} <token>",
        ]
        rows += [f"bare s {form(words)}" for words in self.bare]
        rows += [f"change s {form(words)}" for words in self.changes]
        return "\n".join(rows) + "\n"

    def put(self, token: str) -> tuple[str, ...]:
        return (*SH, PUT, "fence", self.fences, token)

    def fenced(self, token: str, words: tuple[str, ...]) -> tuple[str, ...]:
        return (*SH, RUN, "fence", self.fences, token, *words)


@pytest.fixture
def site(host: Host) -> Site:
    found = Site(host.home)
    host.gate.allow(found.policy())
    return found


def told(done: subprocess.CompletedProcess[bytes]) -> tuple[int, bytes, bytes]:
    """What came back, without what is another each time: the clock, the processes, ports and sessions."""
    stdout = re.sub(rb"(?m)^(control-host-clock) .*$", rb"\1", done.stdout)
    stdout = re.sub(rb"(?ms)^(UID +PID .*?)\n.*(?=^symclone-end$)", rb"\1\n", stdout)
    return done.returncode, stdout, done.stderr


def a_run(host: Host, site: Site, way: str) -> list[tuple[str, tuple[int, bytes, bytes]]]:
    """All that this project sends, in its order, from an empty folder on."""
    subprocess.run(["rm", "-rf", site.work], check=True)
    sent = [site.owners, site.take, site.take, site.owners, *site.looks[:-2]]
    sent += [site.put(TOKENS[1]), site.put(TOKENS[0])]
    sent += [site.fenced(token, words) for token in TOKENS for words in site.changes[:-1]]
    sent += [site.put(TOKENS[2]), site.fenced(TOKENS[1], site.changes[0]), site.give_back, site.give_back]
    lines = [Command(way, words).line() for words in sent]
    with host.connected(way) as options:
        found = [(line, told(host.ssh(way, line, options=options))) for line in lines]
    kept = sorted(str(path) for path in Path(site.work).rglob("*"))
    return [*found, ("what is there now", (0, "\n".join(kept).encode(), b""))]


def test_all_that_is_sent_ends_as_without_a_gate(host: Host, site: Site) -> None:
    """Exit codes and both streams, byte by byte, and what it leaves behind; of a killed one the signal."""
    without, gated = a_run(host, site, "open"), a_run(host, site, RESTRICT)
    for (line, expected), (_, found) in zip(without, gated, strict=True):
        assert found == expected, line
    codes = {code for _, (code, _, _) in gated}
    assert codes >= {0, 1, 2, 3, 7, 121} and 119 not in codes


def test_looks_together_come_back_as_without_a_gate(host: Host, site: Site) -> None:
    looks = [Command("h", words) for words in site.looks[:-2] if words != (*SH, "kill -9 $$")]
    for some in (looks[:1], looks, looks * 3):
        line = as_one(some, "4f1e").line()
        without, gated = host.ssh("open", line), host.ssh(RESTRICT, line)
        assert told(without) == told(gated)
        results = take_apart(
            some, "4f1e", Result(some[0], gated.returncode, gated.stdout.decode(), gated.stderr.decode())
        )
        assert [one.exit_code for one in results] == [
            {"/no/such": 2, "cat; echo out; echo err >&2; exit 7": 7}.get(one.command.words[-1], 0)
            for one in results
        ]


def rows() -> list[str]:
    """The account's processes, without its login shell: whether that stays is its own affair."""
    done = subprocess.run(["ps", "-o", "args=", "-ww", "-u", ACCOUNT], capture_output=True, text=True)
    return sorted(row.strip() for row in done.stdout.splitlines() if row[:1] != "[" and row[:6] != "sh -c ")


def test_what_runs_is_listed_as_without_a_gate(host: Host, site: Site) -> None:
    """The next try looks for it there."""
    found: dict[str, list[str]] = {}
    host.ssh("open", shlex.join(site.put(TOKENS[2])))
    line = shlex.join(site.fenced(TOKENS[2], site.changes[-1]))
    for way in ("open", RESTRICT):
        words = [*host.words(way), f"{ACCOUNT}@127.0.0.1", line]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL) as client:
            began = time.monotonic()
            while "/bin/sleep 60" not in (seen := rows()):
                assert time.monotonic() - began < 20, seen
                time.sleep(0.01)
            found[way] = seen
            subprocess.run(["pkill", "-u", ACCOUNT, "-f", "^/bin/sleep 60$"], check=True)
            client.wait(20)
    assert found[RESTRICT] == found["open"] and len(found["open"]) == 2


REFUSED: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "a login": (119, (), ()),
    "a login with a terminal": (255, ("-tt",), ()),
    "a command with a terminal": (255, ("-tt",), ("/usr/bin/id -un",)),
    "a shell": (119, (), ("/bin/sh",)),
    "sftp as a subsystem": (119, ("-s",), ("sftp",)),
    "another subsystem": (255, ("-s",), ("netconf",)),
    "a second command behind an allowed one": (119, (), ("/usr/bin/id -un; touch x",)),
    "a line that a shell would read otherwise": (119, (), ("/usr/bin/id  -un",)),
    "the gate itself": (119, (), ("symclone-gate --judge /etc/passwd",)),
}
"""What is asked for -> the exit code (255: the server refuses it), options of `ssh`, and words."""


@pytest.mark.parametrize("way", [RESTRICT, "one by one"])
@pytest.mark.parametrize("asked", REFUSED)
def test_what_is_no_command_of_ours_is_refused(host: Host, site: Site, way: str, asked: str) -> None:
    code, options, words = REFUSED[asked]
    done = host.ssh(way, *words, options=options)
    assert (done.returncode, done.stdout) == (code, b""), done.stderr
    if code == 119 and not options:
        assert done.stderr.startswith(b"symclone-gate: refused: "), done.stderr
    assert not (host.home / "x").exists()


@pytest.mark.parametrize("way", [RESTRICT, "one by one"])
def test_no_agent_and_nothing_else_in_the_environment(host: Host, site: Site, way: str) -> None:
    agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"SSH_AUTH_SOCK=([^;]+);.*SSH_AGENT_PID=(\d+)", agent, re.DOTALL)
    assert found
    try:
        environment = {**os.environ, "SSH_AUTH_SOCK": found[1], "LC_X": "1", "A_X": "1"}
        sending = ("-A", "-o", "SendEnv=LC_X", "-o", "SendEnv=A_X")
        seen = host.ssh("open", "/usr/bin/env", options=sending, env=environment).stdout
        gated = host.ssh(way, "/usr/bin/env", options=sending, env=environment).stdout
    finally:
        os.kill(int(found[2]), 15)
    assert b"SSH_AUTH_SOCK=" in seen and b"A_X=1" in seen
    assert {line.split(b"=")[0] for line in gated.splitlines()} == {
        b"HOME", b"LOGNAME", b"USER", b"SHELL", b"PATH", b"SSH_CLIENT", b"SSH_CONNECTION", b"LC_X",
    }  # fmt: skip


@pytest.mark.parametrize("way", ["open", RESTRICT, "one by one"])
@pytest.mark.parametrize("kind", ["from here", "from there", "a socket there"])
def test_no_forwarding(host: Host, site: Site, way: str, kind: str) -> None:
    """With the key without a gate the server does it."""
    options: tuple[str, ...] = ("-o", "ExitOnForwardFailure=yes")
    words: tuple[str, ...] = ("/usr/bin/id -un",)
    if kind == "from here":
        options, words = (*options, "-W", f"127.0.0.1:{host.port}"), ()
    elif kind == "from there":
        options = (*options, "-R", "0:127.0.0.1:22")
    else:
        options = (*options, "-R", f"{host.home}/socket:127.0.0.1:22")
    done = host.ssh(way, *words, options=options)
    said = done.stdout + done.stderr
    if way == "open":
        assert (b"SSH-2.0-" in said) if kind == "from here" else (done.returncode == 0), said
    else:
        assert done.returncode == 255 and b"SSH-2.0-" not in said, said


@pytest.mark.parametrize("way", ["open", RESTRICT, "one by one"])
@pytest.mark.parametrize("program", ["scp", "scp -O", "sftp"])
def test_no_copies(host: Host, site: Site, way: str, program: str, tmp_path: Path) -> None:
    name, *options = program.split()
    there, here = host.home / "there", tmp_path / "here"
    there.write_text("of the account")
    there.chmod(0o644)
    words = [*host.words(way, *options, program=name), f"{ACCOUNT}@127.0.0.1:there", str(here)]
    done = subprocess.run(words, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.returncode == 0) is here.exists() is (way == "open"), done.stderr
    here.write_text("of somebody")
    if name == "scp":
        words[-2:] = [str(here), f"{ACCOUNT}@127.0.0.1:{host.home}/written"]
        subprocess.run(words, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        assert (host.home / "written").exists() is (way == "open")
        (host.home / "written").unlink(missing_ok=True)


def test_the_account_cannot_change_what_it_is_let(host: Host, site: Site) -> None:
    """Not even by the key without a gate."""
    before = host.gate.policy.read_bytes(), host.gate.gate.read_bytes()
    for path in (host.gate.policy, host.gate.gate):
        assert host.ssh("open", f"echo x >> {path} || rm -f {path}").returncode != 0
    assert (host.gate.policy.read_bytes(), host.gate.gate.read_bytes()) == before


def test_it_is_written_down_who_asked(host: Host, site: Site) -> None:
    host.gate.has_real_logger()
    try:
        host.ssh(RESTRICT, "/usr/bin/id -un")
        assert host.gate.logged().endswith(f"{ACCOUNT} from 127.0.0.1: accepted: /usr/bin/id -un")
        host.ssh(RESTRICT, "/usr/bin/id")
        assert host.gate.logged().endswith("refused: nothing that this policy has: /usr/bin/id")
    finally:
        host.gate.has_logger(None)
