"""Stand-ins for the images that docker-compose.yaml names, from Debian packages: no registry is needed."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.compose.engine import Engine
from tests.compose.packages import SUITE

FOLDER = Path(__file__).with_name("images")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
IMAGES = {name: f"symclone-test/{name}" for name in ("airflow", "postgres", "redis")}


def build(engine: Engine) -> None:
    """Bootstrap Debian, and build the three images on it, side by side: they wait for the network, too.

    Nothing of them is to outlast a power failure: packages are unpacked without waiting for the disk.
    """
    tree = engine.folder / "debian.tar"
    options = ["--quiet", "--variant=minbase", "--mode=root", "--dpkgopt=force-unsafe-io"]
    engine.run("mmdebstrap", *options, SUITE, str(tree))
    engine.run("docker", "import", str(tree), "symclone-test/debian")
    tree.unlink()
    context = engine.folder / "images"
    shutil.copytree(FOLDER, context)
    shutil.copy(AUTHORITIES, context)

    def build_one(name: str) -> None:
        file = f"debian-{name}.Dockerfile"
        engine.run("docker", "build", "--quiet", "--tag", IMAGES[name], "--file", file, ".", cwd=context)

    with ThreadPoolExecutor() as pool:
        list(pool.map(build_one, IMAGES))  # whichever fails is raised
