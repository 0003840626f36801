"""Processes that end with us: the caller's side of :mod:`private_airflow.supervisor`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SUPERVISOR = Path(__file__).with_name("supervisor.py")


class ProcessError(RuntimeError):
    """A process could not be started, or ended when it should not have."""


class Processes:
    """Named processes below one supervisor, each in a session of its own with its output in a file.

    They are ended by :meth:`stop`, and also when this process ends in any way, SIGKILL included.
    """

    def __init__(self) -> None:
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._logs: dict[str, Path] = {}

    @property
    def supervisor_pid(self) -> int | None:
        """The process above all others, or None when none was started."""
        return self._supervisor.pid if self._supervisor else None

    def start(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> int:
        """Start `argv` under `name`; its output is added to the file `log`.

        :return: the process id.
        :raises ProcessError: when it cannot be started, or `name` is running.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        self._logs[name] = log
        reply = self._ask(
            op="start", name=name, argv=list(argv), env=dict(env), log=str(log), cwd=str(cwd or Path.cwd())
        )
        return int(reply["pid"])

    def kill(self, name: str, number: int = signal.SIGKILL, *, tree: bool = False) -> None:
        """Send a signal to one process, with `tree` also to all that it started."""
        self._ask(op="kill", name=name, signal=int(number), tree=tree)

    def status(self) -> dict[str, dict[str, int | None]]:
        """Each process: `pid`, and `exit` (None while it runs, negative for a signal)."""
        return self._ask(op="status") if self._supervisor else {}

    def check(self) -> None:
        """:raises ProcessError: when one of the processes has ended, with the last lines of its log."""
        for name, state in self.status().items():
            if state["exit"] is not None:
                log = self._logs[name]
                raise ProcessError(
                    f"{name} ended with exit code {state['exit']}; its log {log} ends:\n{tail(log, 15)}"
                )

    def stop(self, grace: float = 5.0) -> None:
        """End everything: SIGTERM, after `grace` seconds SIGKILL. A second call does nothing."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        try:
            if supervisor.poll() is None:
                self._exchange(supervisor, {"op": "stop", "grace": grace})
        except (ProcessError, OSError):
            pass  # It is ending by itself, and takes its children along.
        finally:
            for pipe in (supervisor.stdin, supervisor.stdout):
                if pipe:
                    pipe.close()
            supervisor.wait()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            if self._supervisor is None:
                self._supervisor = subprocess.Popen(
                    [sys.executable, "-P", str(SUPERVISOR)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                )
            return self._exchange(self._supervisor, request)

    def _exchange(self, supervisor: subprocess.Popen[bytes], request: dict[str, Any]) -> dict[str, Any]:
        assert supervisor.stdin and supervisor.stdout
        try:
            supervisor.stdin.write(json.dumps(request).encode() + b"\n")
            supervisor.stdin.flush()
        except BrokenPipeError:
            raise ProcessError("the supervising process has gone; start again") from None
        line = supervisor.stdout.readline()
        if not line:
            raise ProcessError("the supervising process has gone; start again")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            what = " ".join(str(request[key]) for key in ("op", "name") if key in request)
            raise ProcessError(f"could not {what}: {reply['error']}")
        return reply


def tail(path: Path, lines: int) -> str:
    """The last lines of a text file; says so when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"({path} cannot be read: {error.strerror})"
    return "\n".join(text.splitlines()[-lines:])


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that would reconfigure what is started here.

    Loopback addresses are exempt from any proxy.
    """
    foreign = ("AIRFLOW_", "_AIRFLOW", "PYTHONPATH", "PYTHONHOME", "SYMCLONE_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    for name in ("no_proxy", "NO_PROXY"):
        env[name] = ",".join(filter(None, [env.get(name), "127.0.0.1,localhost"]))
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", os.defpath)])
    return env
