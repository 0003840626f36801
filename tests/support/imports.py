"""Which module imports which, wherever the import stands: at the top, in a function, for type checks only."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def arrows(folder: Path, root: Path) -> dict[str, set[str]]:
    """Of each module below a folder the modules there that it imports, by their dotted names.

    :param root: the folder from which they are imported: the names begin below it.
    """
    files = {_name(path.relative_to(root)): path for path in folder.rglob("*.py")}
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for module, part in _imported(ast.parse(path.read_text()), package):
            whole = f"{module}.{part}"
            found[name] |= {whole if whole in files else module} & files.keys() - {name}
    return found


def circle(found: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other round about, the first one last again; empty when none do."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def upward(found: Mapping[str, set[str]], layer: Callable[[str], int]) -> list[str]:
    """The imports of what stands higher.

    :param layer: how high a module stands, by its name.
    """
    return sorted(
        f"{one} imports {other}"
        for one, others in found.items()
        for other in others
        if layer(one) < layer(other)
    )


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imported(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """(module, name in it or of a module below it) of each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from ((str(word.value), "") for word in node.args[:1] if isinstance(word, ast.Constant))
