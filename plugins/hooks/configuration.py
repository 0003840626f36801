"""Where ``services.yaml`` is, and reading it from there."""

import functools
import gc
import os
from pathlib import Path

from clones.config import Config
from clones.errors import ConfigError
from clones.services_yaml.file import decode, read
from clones.services_yaml.unpinned import may_be_unpinned

CONFIG = os.environ.get("SYMCLONE_CONFIG") or str(Path(__file__).parents[2] / "config" / "services.yaml")
"""Its path, unless an operator says otherwise."""


def load(path: str | Path, only: str | None = None) -> Config:
    """Read the configuration; a file that has not changed since is not read again.

    :param only: as of :func:`clones.services_yaml.file.read`.
    :raises ConfigError: it cannot be read, or listing everything that is wrong in it, one line each.
    """
    return _load(str(path), _stat(Path(path)), only)


def load_if_unpinned(path: str | Path) -> Config | None:
    """The whole file, if any name in it may not be pinned to a device number; else None.

    :raises ConfigError: as :func:`load`.
    """
    text = decode(Path(path).read_bytes(), str(path))
    return load(path) if may_be_unpinned(text) else None


def _stat(path: Path) -> tuple[float, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}.",
            "create it from config/services.yaml, or set SYMCLONE_CONFIG to where it is",
        ) from None
    return stat.st_mtime, stat.st_size


@functools.lru_cache(maxsize=8)
def _load(path: str, stat: tuple[float, int], only: str | None) -> Config:
    text = decode(Path(path).read_bytes(), path)
    collects = gc.isenabled()
    gc.disable()  # what is made here stays; to look through it for garbage meanwhile costs a third
    try:
        return read(text, path, only=only)
    finally:
        if collects:
            gc.enable()
