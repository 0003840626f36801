"""Links between the pages lead to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "gate/*.md", "tests/**/README.md")
    for path in ROOT.glob(pattern)
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    return _CODE.sub("", text)


@lru_cache
def anchors(path: Path) -> frozenset[str]:
    """The names of a page's headings, as a viewer of Markdown makes them."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL), re.M
    ):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = found.get(name, 0)
        found[name] = number + 1
        names.add(f"{name}-{number}" if number else name)
    return frozenset(names)


def wrong(page: Path) -> list[str]:
    found = []
    for link in _LINK.findall(without_code(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        where, _, anchor = link.partition("#")
        target = (page.parent / where).resolve() if where else page
        if not target.exists():
            found.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target):
            found.append(f"{link}: no such heading")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_somewhere(page: Path) -> None:
    assert wrong(page) == []


def test_what_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A *b* [c](x), `d_e`\n[1](#a-b-c-d_e) [2](#a-b) [3](none.md) [4](https://x)\n`[5](none)`\n"
    )
    assert wrong(page) == ["x: no such file", "#a-b: no such heading", "none.md: no such file"]
