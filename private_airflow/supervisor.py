"""The process under which everything that the demo starts is run, so that nothing is ever left behind.

It is run as a program of its own, by :class:`private_airflow.processes.Processes`, with the standard
library only. It reads one JSON request a line on stdin and answers each with one line on stdout. It ends
all that it started when it is asked to, when stdin closes (its parent is gone, in whatever way), and on
SIGTERM. It adopts orphans (Linux: child subreaper), so that processes which left their group or lost their
parent are found too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any, NoReturn

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 2.0  # seconds between SIGTERM and SIGKILL when nobody is left to say otherwise
KILLED_WITHIN = 30.0  # seconds after SIGKILL by which a process is gone

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _prctl(option: int, value: int) -> None:
    if _libc is not None:
        _libc.prctl(option, value, 0, 0, 0)


def _in_child() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _stat(pid: str) -> list[str]:
    """State, parent, group and so on of a process; [] when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()
    return []


def descendants(root: int) -> list[int]:
    """Living processes below `root`, found in /proc; none where there is no /proc."""
    if not os.path.isdir("/proc/self"):
        return []
    parents = {int(pid): fields for pid in os.listdir("/proc") if pid.isdigit() and (fields := _stat(pid))}
    found: list[int] = []
    new = [root]
    while new:
        new = [pid for pid, fields in parents.items() if int(fields[1]) in new]
        found += new
    return [pid for pid in found if parents[pid][0] not in "ZX"]


class Supervisor:
    """The named children, and how they end."""

    def __init__(self) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: dict[int, int] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one request asks for."""
        op, name = request["op"], request.get("name", "")
        if op == "start":
            return {"pid": self.start(name, request["argv"], request["env"], request["log"], request["cwd"])}
        if op == "kill":
            self.kill(name, request["signal"], tree=request["tree"])
            return {}
        if op == "status":
            self.reap()
            return {n: {"pid": c.pid, "exit": self.ended.get(c.pid)} for n, c in self.children.items()}
        if op == "stop":
            return {"killed": self.stop(request["grace"])}
        raise ValueError(f"unknown request {op!r}")

    def start(self, name: str, argv: list[str], env: dict[str, str], log: str, cwd: str) -> int:
        old = self.children.get(name)
        self.reap()
        if old is not None and old.pid not in self.ended:
            raise RuntimeError(f"{name} is running already (process {old.pid})")
        with open(log, "ab") as output:
            child = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_in_child,
            )
        self.children[name] = child
        return child.pid

    def kill(self, name: str, number: int, *, tree: bool) -> None:
        child = self.children[name]
        self.reap()
        below = descendants(child.pid) if tree else []
        for pid in [child.pid, *below] if child.pid not in self.ended else below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGKILL:
            self.await_end(child.pid, below)

    def await_end(self, child: int, below: list[int]) -> None:
        """Wait until they are gone, so that a name that was killed can be started at once.

        A process that is a zombie by ``/proc`` may have threads that still end: what counts is that it
        could be waited for.

        :raises TimeoutError: when one is left :data:`KILLED_WITHIN` seconds after SIGKILL.
        """
        end = time.monotonic() + KILLED_WITHIN
        while self.reap() and (child not in self.ended or any(_stat(str(pid)) for pid in below)):
            if time.monotonic() > end:
                raise TimeoutError(f"{child}, or one below it, lives {KILLED_WITHIN:g} s after SIGKILL")
            time.sleep(0.001)

    def reap(self) -> bool:
        """Collect what has ended, adopted orphans too.

        :return: whether any child is left.
        """
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                self.ended[pid] = os.waitstatus_to_exitcode(status)
                for child in self.children.values():
                    if child.pid == pid:
                        child.returncode = self.ended[pid]  # else subprocess would look for it again
        return False

    def stop(self, grace: float) -> int:
        """SIGTERM to the named children; after `grace` seconds SIGKILL to all that is left below us.

        :return: how many had to be killed.
        """
        signalled = [child.pid for child in self.children.values() if child.pid not in self.ended]
        for pid in signalled:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + grace
        while self.reap() and time.monotonic() < end and any(pid not in self.ended for pid in signalled):
            time.sleep(0.02)
        killed: set[int] = set()
        while self.reap():
            groups = [child.pid for child in self.children.values() if child.pid not in self.ended]
            for pid in groups:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            for pid in descendants(os.getpid()):
                killed.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        self.children.clear()
        return len(killed)


def main() -> NoReturn:
    supervisor = Supervisor()
    parent = os.getppid()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # Handlers, not SIG_IGN: what is started here gets the default dispositions, whatever came from above.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGHUP, lambda *_: None)
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGTERM, lambda *_: os.write(wake, b"x"))
    buffer = b""
    try:
        while os.getppid() == parent:
            readable, _, _ = select.select([0, wakeup], [], [], 1.0)
            supervisor.reap()
            if wakeup in readable:
                break
            if 0 not in readable:
                continue
            data = os.read(0, 65536)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                try:
                    reply = supervisor.answer(json.loads(line))
                except Exception as error:
                    reply = {"error": f"{type(error).__name__}: {error}"}
                os.write(1, json.dumps(reply).encode() + b"\n")
    except BrokenPipeError:
        pass
    finally:
        supervisor.stop(GRACE)
    sys.exit(0)


if __name__ == "__main__":
    main()
