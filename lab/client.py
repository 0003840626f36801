"""A lab in another process, reached over its control port."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.operations import LabError, Operations


class Client(Operations):
    """`Client(host, port)`, or `Client.of(directory)` with what the lab wrote there."""

    def __init__(self, host: str, port: int, timeout: float = 30.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._file = self._socket.makefile("rw", encoding="utf-8", newline="\n")
        self._lock = threading.Lock()

    @classmethod
    def of(cls, directory: str | Path) -> Client:
        about = json.loads((Path(directory) / "lab.json").read_text())
        return cls(about["control"]["host"], about["control"]["port"])

    def ask(self, op: str, **words: Any) -> Any:
        with self._lock:
            self._file.write(json.dumps({"op": op, **words}) + "\n")
            self._file.flush()
            line = self._file.readline()
        if not line:
            raise LabError("the lab is gone")
        answer = json.loads(line)
        if not answer["ok"]:
            raise LabError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
