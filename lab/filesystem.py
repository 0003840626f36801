"""A host's files: in memory, shared by all sessions of the host. Every operation is atomic."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from lab.clock import Clock


class FileError(Exception):
    """`text` is the reason as `strerror` words it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass
class Node:
    directory: bool
    mode: int
    owner: str
    modified: float
    text: str = ""
    source: Callable[[], str] | None = field(default=None, repr=False)

    def read(self) -> str:
        return self.source() if self.source else self.text


class Nodes(dict[str, Node]):
    """By path; `inside` has the names in each directory."""

    def __init__(self) -> None:
        self.inside: dict[str, set[str]] = {}

    def __setitem__(self, path: str, node: Node) -> None:
        super().__setitem__(path, node)
        if path != "/":
            above, _, name = path.rpartition("/")
            self.inside.setdefault(above or "/", set()).add(name)

    def __delitem__(self, path: str) -> None:
        super().__delitem__(path)
        above, _, name = path.rpartition("/")
        self.inside[above or "/"].remove(name)


EXISTS = "File exists"
NO_ENTRY = "No such file or directory"
NOT_DIRECTORY = "Not a directory"
IS_DIRECTORY = "Is a directory"
NOT_EMPTY = "Directory not empty"
DENIED = "Permission denied"
NO_SPACE = "No space left on device"

SKELETON = (
    ("/", 0o755), ("/bin", 0o755), ("/dev", 0o755), ("/etc", 0o755), ("/home", 0o755), ("/opt", 0o755),
    ("/root", 0o755), ("/sbin", 0o755), ("/tmp", 0o1777), ("/usr", 0o755), ("/var", 0o755),
    ("/var/lib", 0o755), ("/var/run", 0o755), ("/var/tmp", 0o1777),
)  # fmt: skip


class FileSystem:
    """Paths are absolute; `resolve` makes them so. `login` "root" may do everything."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.nodes = Nodes()
        # How many characters of a write to a path still fit, or None: the disk has room.
        self.full: Callable[[str], int | None] = lambda path: None
        for path, mode in SKELETON:
            self.nodes[path] = Node(True, mode, "root", clock.now())
        self.nodes["/dev/null"] = Node(False, 0o666, "root", clock.now(), source=lambda: "")

    @staticmethod
    @lru_cache(maxsize=4096)
    def resolve(path: str, cwd: str = "/") -> str:
        if path == "":
            raise FileError(NO_ENTRY)
        normal = posixpath.normpath(posixpath.join(cwd, path))
        return "/" + normal.lstrip("/")

    def put(self, path: str, text: str, owner: str = "root", mode: int = 0o644) -> None:
        """Write a file with everything above it, asking nobody."""
        self.add_directory(posixpath.dirname(path), owner)
        self.nodes[path] = Node(False, mode, owner, self.clock.now(), text)

    def add_virtual(self, path: str, source: Callable[[], str]) -> None:
        self.add_directory(posixpath.dirname(path), "root")
        self.nodes[path] = Node(False, 0o444, "root", self.clock.now(), source=source)

    def add_program(self, path: str) -> None:
        self.add_virtual(path, lambda: "")
        self.nodes[path].mode = 0o755

    def add_directory(self, path: str, owner: str = "root", mode: int = 0o755) -> None:
        path = self.resolve(path)
        if path not in self.nodes:
            self.add_directory(posixpath.dirname(path), owner)
            self.nodes[path] = Node(True, mode, owner, self.clock.now())

    # looking

    def get(self, path: str) -> Node:
        """The node at `path`; every part above it must be a directory."""
        node = self.nodes.get(path)
        if node is None:
            parent = posixpath.dirname(path)
            while parent not in self.nodes:
                parent = posixpath.dirname(parent)
            raise FileError(NO_ENTRY if self.nodes[parent].directory else NOT_DIRECTORY)
        return node

    def exists(self, path: str) -> bool:
        return path in self.nodes

    def is_directory(self, path: str) -> bool:
        node = self.nodes.get(path)
        return node is not None and node.directory

    def children(self, path: str) -> list[str]:
        return sorted(self.nodes.inside.get(path, ()))

    def allowed(self, path: str, login: str, bit: int) -> bool:
        """bit 2 is write, 4 is read; no groups."""
        node = self.nodes[path]
        if login == "root":
            return True
        return bool(node.mode >> (6 if node.owner == login else 0) & bit)

    def read(self, path: str, login: str = "root") -> str:
        node = self.get(path)
        if node.directory:
            raise FileError(IS_DIRECTORY)
        if not self.allowed(path, login, 4):
            raise FileError(DENIED)
        return node.read()

    # changing

    def _parent(self, path: str, login: str) -> None:
        parent = posixpath.dirname(path)
        if not self.get(parent).directory:
            raise FileError(NOT_DIRECTORY)
        if not self.allowed(parent, login, 2):
            raise FileError(DENIED)

    def _may_remove(self, path: str, login: str) -> None:
        self._parent(path, login)
        parent = self.nodes[posixpath.dirname(path)]
        sticky = parent.mode & 0o1000
        if sticky and login != "root" and login not in (self.nodes[path].owner, parent.owner):
            raise FileError("Operation not permitted")

    def open(
        self, path: str, login: str, umask: int, *, append: bool = False, exclusive: bool = False
    ) -> None:
        """Make the file or empty it (`append` keeps what is there); `exclusive` refuses an existing file."""
        node = self.nodes.get(path)
        if node is not None:
            if node.directory:
                raise FileError(IS_DIRECTORY)
            if exclusive and path != "/dev/null":
                raise FileError(EXISTS)
            if not self.allowed(path, login, 2):
                raise FileError(DENIED)
            if not append:
                node.text = ""
                node.modified = self.clock.now()
            return
        self._parent(path, login)
        self.nodes[path] = Node(False, 0o666 & ~umask, login, self.clock.now())

    def write(self, path: str, text: str) -> None:
        """Add text to a file that was opened; a full disk takes a part of it."""
        node = self.nodes.get(path)
        if node is None or node.source is not None or not text:
            return
        fits = self.full(path)
        node.text += text if fits is None else text[:fits]
        node.modified = self.clock.now()
        if fits is not None:
            raise FileError(NO_SPACE)

    def mkdir(self, path: str, login: str, umask: int, mode: int | None = None) -> None:
        if path in self.nodes:
            raise FileError(EXISTS)
        self._parent(path, login)
        if self.full(path) is not None:
            raise FileError(NO_SPACE)
        self.nodes[path] = Node(True, mode if mode is not None else 0o777 & ~umask, login, self.clock.now())

    def rmdir(self, path: str, login: str) -> None:
        if not self.get(path).directory:
            raise FileError(NOT_DIRECTORY)
        if self.children(path):
            raise FileError(NOT_EMPTY)
        if path == "/":
            raise FileError("Device busy")
        self._may_remove(path, login)
        del self.nodes[path]

    def remove(self, path: str, login: str) -> None:
        if self.get(path).directory:
            raise FileError(IS_DIRECTORY)
        self._may_remove(path, login)
        del self.nodes[path]

    def remove_tree(self, path: str, login: str) -> None:
        self.get(path)
        self._may_remove(path, login)
        for below in [p for p in self.nodes if p == path or p.startswith(path.rstrip("/") + "/")]:
            del self.nodes[below]

    def rename(self, old: str, new: str, login: str) -> None:
        """Atomic: the new name has the old or the new content at any time."""
        node = self.get(old)
        self._may_remove(old, login)
        self._parent(new, login)
        if (new + "/").startswith(old + "/") and new != old:
            raise FileError("Invalid argument")
        there = self.nodes.get(new)
        if there is not None and new != old:
            if there.directory and not node.directory:
                raise FileError(IS_DIRECTORY)
            if not there.directory and node.directory:
                raise FileError(NOT_DIRECTORY)
            if there.directory and self.children(new):
                raise FileError(NOT_EMPTY)
            self._may_remove(new, login)
        moved = {p: n for p, n in self.nodes.items() if p == old or p.startswith(old + "/")}
        for path in moved:
            del self.nodes[path]
        for path, moving in moved.items():
            self.nodes[new + path[len(old) :]] = moving
