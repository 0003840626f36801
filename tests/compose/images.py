"""Stand-ins for the images that docker-compose.yaml names, from Debian packages: no registry is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.compose.engine import Engine
from tests.compose.packages import SUITE

FOLDER = Path(__file__).with_name("images")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
IMAGES = {name: f"symclone-test/{name}" for name in ("airflow", "postgres", "redis")}


def build(engine: Engine) -> None:
    """Bootstrap Debian, and build the three images on it."""
    tree = engine.folder / "debian.tar"
    engine.run("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", SUITE, str(tree))
    engine.run("docker", "import", str(tree), "symclone-test/debian")
    tree.unlink()
    context = engine.folder / "images"
    shutil.copytree(FOLDER, context)
    shutil.copy(AUTHORITIES, context)
    for name, image in IMAGES.items():
        file = f"debian-{name}.Dockerfile"
        engine.run("docker", "build", "--quiet", "--tag", image, "--file", file, ".", cwd=context)
