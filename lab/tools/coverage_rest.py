"""The page that says what the lab's Unisphere answers and how sure each is.

From the routes themselves, `lab/unisphere/errors.yaml` and the table beside this file, which tests hold
against the switches.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.unisphere import errors
from lab.unisphere.call import ROUTES
from lab.unisphere.unisphere import ANSWERED_BY

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "unisphere-coverage.md"
HEAD = """# What the lab's Unisphere answers, and how sure it is

Written by `python -m lab coverage`; a test checks that it is current and complete.

* **captured**: seen in a real answer;
* **documented**: the vendor's or a third party's document says so;
* **relied on**: working programs in the field depend on it;
* **assumed**: none of these. What could be otherwise on a real array is a switch, see the last sections.

No answer was compared with a real Unisphere.
"""
SECTIONS = {
    "snapvx": ("Switches of an array", "`snapvx:` of an array in the lab's YAML."),
    "unisphere": ("Switches of a Unisphere", "`switches:` of a Unisphere in the lab's YAML."),
}


@cache
def table() -> dict[str, dict[str, dict[str, Any]]]:
    path = Path(__file__).with_suffix(".yaml")
    loaded: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def render() -> str:
    assert ANSWERED_BY, "to import them is to have their routes"
    sources = errors.table()["sources"]
    lines = [HEAD, "## Calls\n", "| Method | Path | How sure its form is | Source |", "|---|---|---|---|"]
    for route in sorted(ROUTES, key=lambda r: (r.template, r.method)):
        lines.append(f"| {route.method} | `{route.template}` | {route.sure} | {sources[route.source]} |")
    lines += ["", "Any other path is a 404, those for clones too.", "", "## Refusals\n"]
    lines.append('The body is `{"message": TEXT}`. `{doing}` is what the call does.\n')
    lines += ["| Status | Text | How sure | Source |", "|---|---|---|---|"]
    for section in ("doing", "errors"):
        for entry in errors.table()[section].values():
            text = str(entry["text"]).replace("|", "\\|")
            status = entry.get("status", "`{doing}`")
            lines.append(f"| {status} | {text} | {entry['sure']} | {sources[entry['source']]} |")
    for section, (title, about) in SECTIONS.items():
        lines += ["", f"## {title}\n", f"{about} The first setting is the default.\n"]
        lines += ["| Switch | Setting | How sure | Source |", "|---|---|---|---|"]
        for name, switch in table()[section].items():
            for number, (setting, sure, source) in enumerate(switch["settings"]):
                shown = str(setting).lower() if isinstance(setting, bool) else str(setting)
                first = f"`{name}`: {switch['about']}" if not number else ""
                lines.append(f"| {first} | {shown} | {sure} | {sources[source]} |")
    return "\n".join(lines) + "\n"
