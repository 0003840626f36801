"""What LVM and device-mapper need to be told on a real host, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

FOLDER = "/srv/lvm"
# By default LVM keeps copies of its groups' descriptions below /etc.
CONFIG = "backup {\n    backup = 0\n    archive = 0\n}\n"


def lvm_environment() -> dict[str, str]:
    """Settings for whatever calls LVM on a real host (tried with LVM 2.03.16)."""
    settings = {"LVM_SYSTEM_DIR": FOLDER}
    if not Path("/run/udev/control").exists():
        settings["DM_DISABLE_UDEV"] = "1"  # nobody else makes and removes the nodes
    return settings


def unmap(name: str) -> None:
    """End what device-mapper has on a loop device, with its names: it outlives whoever made it (tried).

    :param name: `loop7`.
    """
    env = {**os.environ, **lvm_environment()}
    for holder in Path(f"/sys/block/{name}/holders").glob("dm-*"):
        mapped = (holder / "dm" / "name").read_text().strip()
        words = ["dmsetup", "remove", "--retry", "--force", mapped]
        subprocess.run(words, check=False, capture_output=True, env=env)
        for link in Path("/dev").glob("*/*"):
            if link.is_symlink() and os.readlink(link) == f"/dev/mapper/{mapped}":
                link.unlink(missing_ok=True)  # without udev LVM made it
                with contextlib.suppress(OSError):
                    link.parent.rmdir()
