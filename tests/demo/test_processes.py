"""The supervised processes, and the environment that they get."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from private_airflow.processes import ProcessError, Processes, clean_environment, tail

SHOW_SIGINT = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def wait_exit(processes: Processes, name: str) -> int:
    end = time.monotonic() + 10
    while (code := processes.status()[name]["exit"]) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return code


def test_exit_codes_and_logs(tmp_path: Path) -> None:
    with Processes() as processes:
        for name, code in (("good", 0), ("bad", 3)):
            processes.start(
                name,
                [sys.executable, "-c", f"print('{name} says'); raise SystemExit({code})"],
                env=clean_environment(),
                log=tmp_path / f"{name}.log",
            )
        assert wait_exit(processes, "good") == 0
        assert wait_exit(processes, "bad") == 3
        with pytest.raises(ProcessError, match=r"(?s)ended with exit code.* says"):
            processes.check()


def test_a_name_is_started_once_and_again_after_its_end(tmp_path: Path) -> None:
    with Processes() as processes:
        command = {"argv": ["sleep", "60"], "env": clean_environment(), "log": tmp_path / "log"}
        first = processes.start("sleep", **command)  # type: ignore[arg-type]
        with pytest.raises(ProcessError, match="running already"):
            processes.start("sleep", **command)  # type: ignore[arg-type]
        processes.kill("sleep")
        assert processes.start("sleep", **command) != first  # type: ignore[arg-type]


THREADS = """
import subprocess, threading, time
held = bytearray(256 << 20)
subprocess.Popen(["sleep", "60"])
for _ in range(50):
    threading.Thread(target=time.sleep, args=(60,)).start()
print("ready", flush=True)
"""


@pytest.mark.parametrize("tree", [False, True])
def test_what_was_killed_is_gone_when_the_kill_returns(tmp_path: Path, tree: bool) -> None:
    """Also a process that takes its time: with threads, memory and a child. A wait of 1 ms would not do."""
    with Processes() as processes:
        log = tmp_path / "log"
        processes.start("slow", [sys.executable, "-c", THREADS], env=clean_environment(), log=log)
        while "ready" not in tail(log, 1):
            time.sleep(0.02)
        processes.kill("slow", tree=tree)
        assert processes.status()["slow"]["exit"] == -signal.SIGKILL


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    with Processes() as processes, pytest.raises(ProcessError, match="could not start x: FileNotFoundError"):
        processes.start("x", ["/no/such/program"], env={}, log=tmp_path / "log")


def test_children_do_not_inherit_an_ignored_interrupt(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Processes() as processes:
            argv = [sys.executable, "-c", SHOW_SIGINT]
            processes.start("python", argv, env=clean_environment(), log=tmp_path / "log")
            wait_exit(processes, "python")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "log").read_text() == "True\n"


def test_stop_kills_what_ignores_sigterm(tmp_path: Path) -> None:
    processes = Processes()
    argv = ["sh", "-c", "trap '' TERM; echo ready; sleep 60"]
    pid = processes.start("deaf", argv, env=clean_environment(), log=tmp_path / "log")
    while "ready" not in tail(tmp_path / "log", 1):
        time.sleep(0.02)
    began = time.monotonic()
    processes.stop(grace=0.2)
    assert time.monotonic() - began < 5
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_environment_has_nothing_of_another_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("NO_PROXY", "intranet")
    env = clean_environment()
    assert not [name for name in env if name.startswith("AIRFLOW")]
    assert env["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_tail_of_a_missing_file(tmp_path: Path) -> None:
    assert "cannot be read" in tail(tmp_path / "none", 3)
