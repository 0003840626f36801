"""The configuration as the API server reads it: the newest that can be used, and what it lacks now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clones.config import Config
from clones.errors import ConfigError
from hooks.configuration import load


@dataclass(frozen=True)
class Read:
    """What was read.

    :param config: the newest that could be used, None when none could since the API server was started.
    :param error: what is wrong with the file as it is now, empty when nothing is.
    """

    config: Config | None
    error: str


class Configuration:
    """One file, read again when it was changed.

    :param path: of ``services.yaml``.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._read = Read(None, "")
        self._stamp: tuple[float, int] | None = None

    def read(self) -> Read:
        """A file that cannot be used is read once, not at every request."""
        try:
            stat = Path(self.path).stat()
            stamp = (stat.st_mtime, stat.st_size)
        except OSError as error:
            self._stamp = None
            return Read(self._read.config, f"{self.path} cannot be read: {error.strerror}.")
        if stamp != self._stamp:
            try:
                self._read = Read(load(self.path), "")
            except ConfigError as error:
                self._read = Read(self._read.config, str(error))
            self._stamp = stamp
        return self._read
