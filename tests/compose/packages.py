"""Debian packages unpacked into a folder: nothing is installed."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SUITE = "trixie"
"""The Debian release of the images, of the engine and of Compose; its Go programs run on older ones, too."""
COMPOSE = Path("usr/libexec/docker/cli-plugins/docker-compose")
"""Where its package has the program, which runs without any other one."""


class PackageError(RuntimeError):
    """A package could not be fetched; the message ends with what apt said."""


def unpack(names: Sequence[str], into: Path, suite: str | None = None) -> None:
    """Fetch packages, each verified by apt as always, and unpack them.

    :param suite: a release of Debian; None: this machine's own.
    :raises PackageError: when one cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="packages-") as name:
        folder = Path(name)
        apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root"]
        if suite:
            for part in ("lists/partial", "parts"):
                (folder / part).mkdir(parents=True)
            (folder / "parts/debian.sources").write_text(
                f"Types: deb\nURIs: http://deb.debian.org/debian\nSuites: {suite}\nComponents: main\n"
                "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
            )
            own = [f"Dir::Etc::sourcelist={folder}/none", f"Dir::Etc::sourceparts={folder}/parts"]
            own += [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}"]
            apt += [word for option in own for word in ("-o", option)]
        if suite or not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
            _run([*apt, "update"], folder)
        _run([*apt, "download", *names], folder)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, into], check=True)


def _run(words: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise PackageError("there is no apt-get here: it takes Debian or Ubuntu") from None
    if done.returncode:
        raise PackageError(f"`{' '.join(words[-4:])}` failed: {done.stderr}")
