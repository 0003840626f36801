"""XML element form, as SYMCLI prints it: two blanks a level, one element a line."""

from __future__ import annotations

from xml.sax.saxutils import escape

PROLOG = '<?xml version="1.0" standalone="yes" ?>\n'
Element = tuple[str, "str | int | list[Element]"]


def render(root: Element, prolog: bool = True) -> str:
    return (PROLOG if prolog else "") + "".join(_lines(root, 0))


def _lines(element: Element, level: int) -> list[str]:
    name, content = element
    indent = "  " * level
    if not isinstance(content, list):
        return [f"{indent}<{name}>{escape(str(content))}</{name}>\n"]
    inner = [line for child in content for line in _lines(child, level + 1)]
    return [f"{indent}<{name}>\n", *inner, f"{indent}</{name}>\n"]
