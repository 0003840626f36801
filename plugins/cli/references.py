"""The references of docs/reference that are written by this program: api.md and services-yaml.md.

``python -m cli.references`` with PYTHONPATH=plugins writes both; ``--check`` says what is not current, and
ends with 1. They are made of signatures, docstrings and the models of the configuration, and of nothing else.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from cli.made_files import keep
from clones.services_yaml.schema import schema_text
from hooks.configuration import CONFIG

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
WRITTEN = "<!-- Written by `python -m cli.references`; do not edit. -->"

PUBLIC = {
    "Copies": [
        "operators.symclone.SymcloneRecreateOperator",
        "operators.symclone.SymcloneActivateOperator",
        "sensors.symclone.SymcloneStateSensor",
    ],
    "What runs on the copies": [
        "operators.service.ServiceStopOperator",
        "operators.service.ServiceStartOperator",
        "operators.service.ServiceStartDisksOperator",
        "operators.service.ServiceStartApplicationsOperator",
        "operators.service.ServiceRestartUnchangedOperator",
        "operators.change_over.ServicePrepareOperator",
        "operators.change_over.ServiceChangeBackOperator",
        "operators.service.ServiceCommandOperator",
        "operators.source_hooks.SourceBeforeActivateOperator",
        "operators.source_hooks.SourceAfterActivateOperator",
        "clones.runs.hook_windows.Window",
    ],
    "The first and the last task of a run": [
        "operators.run_plan.RunPlanOperator",
        "operators.run_end.RunEndOperator",
    ],
    "Provision": [
        "operators.provision.ProvisionPlanOperator",
        "operators.provision.SymcloneProvideGroupOperator",
        "operators.symclone.SymcloneCreateOperator",
    ],
    "Retire": [
        "operators.retire.RetirePlanOperator",
        "operators.retire.SymcloneTerminateOperator",
        "operators.retire.SymcloneRemoveGroupOperator",
    ],
    "Merge-back": [
        "operators.merge_back.MergeBackPlanOperator",
        "operators.merge_back.MergeBackRestoreOperator",
        "operators.merge_back.MergeBackEndOperator",
        "operators.merge_back.MergeBackConfirmOperator",
    ],
    "A second person's approval": ["operators.approval.SecondPersonApprovalOperator"],
    "Looks at all": [
        "operators.preflight.PreflightOperator",
        "operators.status.CloneStatusOperator",
    ],
    "Hook": ["hooks.symcli.SymcliHook", "hooks.symcli.SymcliHook.run_command"],
    "Trigger": ["triggers.symclone.SymcloneStateTrigger"],
    "Assets": ["reporting.completed.copy_asset"],
}
"""What a DAG of a site may use, by heading: classes, their methods, and functions."""

_FIELD = re.compile(r":(param|raises|returns)(?: ([\w., ]+))?: ?(.*)")
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):`~?([^`]+)`")


@dataclass
class Doc:
    """A docstring in its parts, as Markdown."""

    text: list[str] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    raises: dict[str, str] = field(default_factory=dict)
    returns: str = ""


def read_doc(docstring: str) -> Doc:
    """Take a docstring apart: its fields, which go on over deeper lines, and the text around them."""
    doc, lines = Doc(), inspect.cleandoc(docstring).split("\n")
    while lines:
        line = lines.pop(0)
        found = _FIELD.match(line)
        if not found:
            doc.text.append(line)
            continue
        kind, name, said = found.groups()
        while lines and lines[0].startswith("    "):
            said += " " + lines.pop(0).strip()
        if kind == "returns":
            doc.returns = markdown(said)
        else:
            (doc.params if kind == "param" else doc.raises)[name] = markdown(said)
    doc.text = paragraphs(doc.text)
    return doc


def markdown(text: str) -> str:
    """Roles and literals of a docstring as code of Markdown."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def paragraphs(lines: list[str]) -> list[str]:
    """The text of a docstring, with what stands indented behind a ``::`` as a block of code."""
    out: list[str] = []
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if not line.endswith("::"):
            out.append(markdown(line))
            continue
        code = []
        while rest and (not rest[0] or rest[0].startswith("    ")):
            code.append(rest.pop(0)[4:])
        out += [markdown(line[:-1]), "", "```python", *"\n".join(code).strip("\n").split("\n"), "```", ""]
    return out


def of(path: str) -> Any:
    """What stands at a dotted path: a thing of a module, or a method of a class there."""
    module, *names = path, *()
    while True:
        try:
            found: Any = import_module(module)
            break
        except ModuleNotFoundError:
            module, _, name = module.rpartition(".")
            names.insert(0, name)
    for name in names:
        found = getattr(found, name)
    return found


def parameters(thing: Any) -> list[inspect.Parameter]:
    """Its parameters, required ones first; of an operator also those that it hands on to what of ours it is a
    kind of, up to the first that names `config`: what that leaves out it sets itself."""
    found: dict[str, inspect.Parameter] = {}
    for call in _calls(thing):
        named = inspect.signature(call).parameters
        found = {**named, **found}
        if "config" in named or not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in named.values()):
            break
    kept = [one for one in found.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    return sorted(
        (one for one in kept if one.name != "self"),
        key=lambda one: (one.kind, one.default is not inspect.Parameter.empty),
    )


def _calls(thing: Any) -> Iterator[Any]:
    """What takes its parameters, the nearest first."""
    if not inspect.isclass(thing):
        yield thing
        return
    yield from (vars(one)["__init__"] for one in _ours(thing) if "__init__" in vars(one))


def _ours(thing: type) -> Iterator[type]:
    """It, and what of ours it is a kind of, nearest first."""
    ours = {"clones", "operators", "sensors", "hooks", "triggers", "reporting"}
    yield from (one for one in inspect.getmro(thing) if one.__module__.split(".")[0] in ours)


def docs(thing: Any) -> Iterator[Doc]:
    """Its docstring, and those of what it is a kind of, nearest first."""
    for one in _ours(thing) if inspect.isclass(thing) else (thing,):
        if one.__doc__:
            yield read_doc(one.__doc__)


def meaning(thing: Any, name: str) -> str:
    """What a parameter means, from the nearest docstring that says it; empty where none does."""
    return next((doc.params[name] for doc in docs(thing) if name in doc.params), "")


def errors(thing: Any) -> dict[str, str]:
    """What it raises and when, its own first."""
    found: dict[str, str] = {}
    for doc in docs(thing):
        found = {**found, **{name: said for name, said in doc.raises.items() if name not in found}}
    return found


def default(value: Any) -> str:
    """A default, as one writes it."""
    if value is inspect.Parameter.empty:
        return "required"
    return "see right" if value == CONFIG else f"`{value!r}`"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def about(path: str) -> Iterator[str]:
    """The section of one public thing."""
    thing = of(path)
    own = next(docs(thing))
    module, _, name = path.rpartition(".")
    method = not inspect.isclass(thing) and inspect.isclass(of(module))
    yield f"### {module.rpartition('.')[2] + '.' if method else ''}{name}\n"
    if not method:
        yield f"`from {module} import {name}`\n"
    yield "\n".join(own.text).strip() + "\n"
    rows = parameters(thing)
    if rows:
        yield "| Parameter | Type | Default | Meaning |\n|---|---|---|---|"
        for row in rows:
            cells = (f"`{row.name}`", f"`{row.annotation}`", default(row.default), meaning(thing, row.name))
            yield f"| {' | '.join(map(cell, cells))} |"
        yield ""
    if own.returns:
        yield f"Returns {own.returns}\n"
    for error, when in errors(thing).items():
        yield f"* raises `{error}`: {when}"
    yield ""


def api() -> str:
    """docs/reference/api.md."""
    out = [
        f"{WRITTEN}\n",
        "# Operators, sensor, hook and trigger\n",
        "What a DAG of yours may use ([examples](../examples/)). An operator also takes what every operator\n"
        "of Airflow takes: `task_id`, `pool`, `retries`, `trigger_rule` and so on. Times are seconds where\n"
        "nothing else is said. Each operator of a service also leaves its XCom `record`: what it did, try\n"
        "by try.\n",
    ]
    for heading, paths in PUBLIC.items():
        out.append(f"## {heading}\n")
        for path in paths:
            out += about(path)
    return tidy("\n".join(out))


SECTIONS = (
    ("Config", "The file"),
    ("SymcliOfHosts", "`symcli`"),
    ("Limits", "`limits`"),
    ("StatusSweep", "`status`"),
    ("Alerts", "`alerts`"),
    ("Service", "A service: `services.NAME`"),
    ("Sync", "A sync: an entry of `syncs`"),
    ("Host", "A host: an entry of `hosts`"),
    ("ResourceEntry", "A resource: an entry of `resources`, with exactly one of these keys"),
    ("Ip", "`ip`"),
    ("Vg", "`vg`"),
    ("Fs", "`fs`"),
    ("App", "`app`"),
    ("Command", "`command`"),
    ("DownCheck", "A check: an entry of `down_checks`"),
    (
        "Hook",
        "A hook: an entry of `before_stop`, `before_start`, `after_start`, `probes`, `before_activate`, "
        "`after_activate`",
    ),
    ("Production", "`production`"),
)
"""The models, in the order in which a reader meets them."""


def kind(shown: dict[str, Any]) -> str:
    """What a key takes: its type, its unit and its bounds."""
    if "anyOf" in shown:
        kinds = [kind(one) for one in shown["anyOf"] if one.get("type") != "null" and "const" not in one]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in shown:
        name = shown["$ref"].rpartition("/")[2]
        return {"Pair": "`SOURCE:TARGET`", "ResourceEntry": "resource"}.get(name, "mapping")
    if "enum" in shown:
        return " or ".join(f"`{one}`" for one in shown["enum"])
    if shown.get("type") == "array":
        return f"list: {kind(shown['items'])}"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    name = names.get(shown.get("type", ""), "mapping")
    if "x-unit" in shown:
        name = f"{shown['x-unit']}, {shown['minimum']:g} to {shown['maximum']:,}"
    return name


def services_yaml() -> str:
    """docs/reference/services-yaml.md."""
    schema = json.loads(schema_text())
    models = {**schema["$defs"], "Config": schema}
    out = [
        f"{WRITTEN}\n",
        "# services.yaml\n",
        "Every key. Unknown keys are errors. An editor that reads `config/services.schema.json` shows it.\n",
    ]
    for name, heading in SECTIONS:
        model = models[name]
        out += [f"## {heading}\n", f"{markdown(model['description'])}\n"]
        out += ["| Key | Takes | Default | Meaning | Example |\n|---|---|---|---|---|"]
        for key, shown in model["properties"].items():
            given = "not given" if shown.get("default") is None else f"`{plain(shown['default'])}`"
            if key in model.get("required", ()):
                given = "required"
            elif isinstance(shown.get("default"), dict) and "$ref" in shown:
                given = "those of its keys"
            example = ", ".join(f"`{plain(one)}`" for one in shown["examples"])
            row = (f"`{key}`", kind(shown), given, shown["description"], example)
            out.append(f"| {' | '.join(cell(one) for one in row)} |")
        out.append("")
    return tidy("\n".join(out))


def plain(value: Any) -> str:
    """A value as one writes it into the file."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    shown = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return shown.removesuffix("...\n").strip()


def tidy(text: str) -> str:
    """No more than one empty line in a row, and a line's end at the end."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def main(arguments: list[str]) -> int:
    """Write or check them. The exit code: 1 when one is not current."""
    return keep(
        {FOLDER / "api.md": api, FOLDER / "services-yaml.md": services_yaml}, "cli.references", arguments
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
