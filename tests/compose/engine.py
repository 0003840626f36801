"""A container engine of the tests' own: Debian's programs in a folder, nothing installed, nothing shared.

It runs in process, mount and network namespaces that the kernel tidies up when it ends, in whatever way. What
is left for :meth:`Engine.stop` is one rule of address translation, empty control groups, and the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from private_airflow.processes import Processes, tail
from tests.compose.packages import COMPOSE, SUITE, unpack

HERE = Path(__file__).parent
OF_THE_SUITE = ("docker.io", "docker-cli", "docker-compose", "containerd")
OF_THIS_MACHINE = (
    *(
        "runc",
        "tini",
        "iptables",
        "libip4tc2",
        "libip6tc2",
        "libmnl0",
        "libnfnetlink0",
        "libnetfilter-conntrack3",
    ),
    *("libnftnl11", "libnftables1", "libxtables12", "mmdebstrap"),
)
"""Programs in C, from this machine's own release: they need its libraries."""
HOST, ADDRESS, LINK = "172.31.249.1", "172.31.249.2", "symclone0"
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


class EngineError(RuntimeError):
    """The engine could not be started, or a command failed; the message ends with its output."""


def cannot_run() -> str | None:
    """Why no engine can be run here; None when nothing is known to be missing."""
    if os.getuid() != 0:
        return "it needs root"
    missing = [name for name in ("apt-get", "dpkg-deb", "ip", "unshare") if not shutil.which(name)]
    if missing:
        return f"it needs {', '.join(missing)} (Debian or Ubuntu)"
    try_it = ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"]
    tried = subprocess.run(try_it, capture_output=True, text=True)
    return f"namespaces are not allowed here: {tried.stderr.strip()}" if tried.returncode else None


class Engine:
    """One private engine below a new folder of ``/var/tmp``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="symclone-engine-", dir="/var/tmp"))
        self.programs = self.folder / "programs"
        self._processes = Processes()
        self._undo = contextlib.ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """In which its programs run, and reach the engine."""
        (libraries,) = (self.programs / "usr/lib").glob("*-linux-gnu")
        folders = [self.programs / part for part in ("bin", "usr/sbin", "usr/bin")]
        return {
            **os.environ,
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
            "LD_LIBRARY_PATH": str(libraries),
            "XTABLES_LIBDIR": str(libraries / "xtables"),
            "HOME": str(self.folder / "home"),
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            # Without the buildx program, Compose builds by the engine itself.
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_PROGRESS": "plain",
        }

    def start(self, timeout: float = 60) -> None:
        """:raises EngineError: when it does not answer within `timeout` seconds."""
        self._unpack()
        argv = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
        argv += ["sh", str(HERE / "engine.sh"), str(self.folder), LINK, f"{ADDRESS}/30", HOST]
        log = self.folder / "engine.log"
        pid = self._processes.start("engine", argv, env=self.environment, log=log)
        self._connect(_child(pid))
        end = time.monotonic() + timeout
        while subprocess.run(["docker", "info"], env=self.environment, capture_output=True).returncode:
            if self._processes.status()["engine"]["exit"] is not None or time.monotonic() > end:
                raise EngineError(f"the engine does not answer; its log ends:\n{tail(log, 15)}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End everything that runs in it, and remove every trace."""
        self._processes.stop(0.5)  # nothing in it is kept
        self._undo.close()
        for group in Path("/sys/fs/cgroup").glob(f"**/{self.folder.name}"):
            for path in sorted(group.glob("**/"), key=lambda path: -len(path.parts)):
                with contextlib.suppress(OSError):
                    path.rmdir()
        shutil.rmtree(self.folder)

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Run one of its programs, such as `docker`.

        :return: its stdout.
        :raises EngineError: when it fails.
        """
        done = subprocess.run(
            words,
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        if done.returncode:
            output = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
            raise EngineError(f"`{' '.join(words)}` ended with exit code {done.returncode}:\n{output}")
        return done.stdout

    def _unpack(self) -> None:
        (self.programs / "bin").mkdir(parents=True)
        with ThreadPoolExecutor() as pool:  # one waits for the network while the other one unpacks
            list(pool.map(unpack, (OF_THE_SUITE, OF_THIS_MACHINE), (self.programs,) * 2, (SUITE, None)))
        for name in ("iptables", "ip6tables"):
            (self.programs / "bin" / name).symlink_to("../usr/sbin/xtables-nft-multi")
        plugins = self.folder / "home/.docker/cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(self.programs / COMPOSE)

    def _connect(self, pid: int) -> None:
        """A link into the engine's network namespace, and through this machine to the outside."""
        pair = ["ip", "link", "add", f"{LINK}h", "type", "veth", "peer", "name", LINK, "netns", str(pid)]
        self.run(*pair)  # The kernel removes it with the namespace.
        self.run("ip", "address", "add", f"{HOST}/30", "dev", f"{LINK}h")
        self.run("ip", "link", "set", f"{LINK}h", "up")
        rule = ["POSTROUTING", "-s", f"{ADDRESS}/32", "!", "-o", f"{LINK}h", "-j", "MASQUERADE"]
        self.run("iptables", "-t", "nat", "-A", *rule)
        self._undo.callback(self.run, "iptables", "-t", "nat", "-D", *rule)
        before = FORWARD.read_text()
        FORWARD.write_text("1")
        self._undo.callback(FORWARD.write_text, before)


def _child(pid: int, timeout: float = 10) -> int:
    """The process that `unshare` has made."""
    end = time.monotonic() + timeout
    while not (found := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        if time.monotonic() > end:
            raise EngineError("no process was made in namespaces of its own")
        time.sleep(0.02)
    return int(found[0])


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """Start an engine; at the end nothing of it is left."""
    engine = Engine()
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


if __name__ == "__main__":
    if (why := cannot_run()) is not None:
        raise SystemExit(f"No container engine can be run here: {why}. docker-compose.yaml is not tried.")
