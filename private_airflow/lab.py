"""A lab of one's own: the simulated arrays and hosts, in a process that ends with us."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from private_airflow.processes import Processes, clean_environment, tail

ROOT = Path(__file__).resolve().parents[1]


class LabError(RuntimeError):
    """The lab did not start; the message ends with its last output."""


class LocalLab:
    """``python -m lab`` with its files in `folder`, which is emptied at the start.

    :param config: YAML of the arrays and hosts; None: the lab's own demo.
    :param speed: lab seconds per second.
    :param checkout: the folder whose lab it is.
    """

    def __init__(
        self, folder: Path, *, config: Path | None = None, speed: float = 1.0, checkout: Path = ROOT
    ) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "lab.log"
        self._argv = [sys.executable, "-m", "lab", "--dir", str(self.folder), "--speed", str(speed)]
        if config:
            self._argv += ["--config", str(config.absolute())]
        self._checkout = checkout
        self._processes = Processes()
        self._facts: dict[str, Any] = {}

    def start(self, timeout: float = 20.0) -> LocalLab:
        """Start it, and wait up to `timeout` seconds until it serves.

        :raises LabError: when it ends or is not there in time. Nothing is left running then.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            env = clean_environment()
            self._processes.start("lab", self._argv, env=env, log=self.log, cwd=self._checkout)
            self._facts = self._wait(timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def _wait(self, timeout: float) -> dict[str, Any]:
        end = time.monotonic() + timeout
        connections, facts = self.folder / "connections.json", self.folder / "lab.json"
        while not (_complete(connections) and _complete(facts)):
            ended = self.exit_code()
            if ended is not None or time.monotonic() > end:
                what = (
                    f"ended with exit code {ended}"
                    if ended is not None
                    else f"did not start in {timeout:.0f} s"
                )
                raise LabError(f"The lab {what}. Its log {self.log} ends:\n{tail(self.log, 15)}")
            time.sleep(0.02)
        loaded: dict[str, Any] = json.loads(facts.read_text())
        return loaded

    def stop(self) -> None:
        """End it. A second call does nothing."""
        self._processes.stop(2.0)

    def __enter__(self) -> LocalLab:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def exit_code(self) -> int | None:
        """How it has ended, negative for a signal; None while it runs."""
        return self._processes.status()["lab"]["exit"]

    @property
    def supervisor_pid(self) -> int | None:
        """The process below which the lab runs; None before the start."""
        return self._processes.supervisor_pid

    @property
    def connections(self) -> dict[str, dict[str, Any]]:
        """Airflow connection id -> fields."""
        loaded: dict[str, dict[str, Any]] = json.loads((self.folder / "connections.json").read_text())
        return loaded

    @property
    def control(self) -> tuple[str, int]:
        """Host and port of the control port."""
        return self._facts["control"]["host"], int(self._facts["control"]["port"])

    @property
    def journal_path(self) -> Path:
        """The file with a line for each command, connection and event."""
        return Path(self._facts["journal"])

    def journal(self, wanted: Callable[[dict[str, Any]], bool] = lambda entry: True) -> list[dict[str, Any]]:
        """The journal's complete lines, those that are `wanted`."""
        lines = self.journal_path.read_text(encoding="utf-8").splitlines(keepends=True)
        entries = [json.loads(line) for line in lines if line.endswith("\n") and line.strip()]
        return [entry for entry in entries if wanted(entry)]


def _complete(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except (OSError, ValueError):
        return False
    return True
