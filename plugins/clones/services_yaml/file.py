"""What ``services.yaml`` says: every error names file, line, service, field and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from clones.config import (
    Alerts,
    App,
    Config,
    DownCheck,
    Fs,
    Hook,
    Host,
    Ip,
    Limits,
    Production,
    ResourceEntry,
    Service,
    StatusSweep,
    Symcli,
    SymcliOfHosts,
    Sync,
    Vg,
)
from clones.config.placeholders import still_to_fill_in
from clones.config.resources import CommandOfSet, FsOfSet, IpOfSet, VgOfSet
from clones.config.scope import Scope
from clones.errors import ConfigError
from clones.services_yaml import quick
from clones.services_yaml.becomes import check_becomes
from clones.services_yaml.checks import (
    check_beside_the_source,
    check_names,
    check_pairs_across,
    check_resources,
)
from clones.services_yaml.claims import check_claims
from clones.services_yaml.storage_groups import check_storage_groups
from clones.services_yaml.words import not_yaml, said, worth_saying
from clones.services_yaml.work_dirs import check_work_dirs

_MODELS: dict[str, type[BaseModel]] = {
    "symcli": SymcliOfHosts,
    "control_hosts": Symcli,
    "limits": Limits,
    "status": StatusSweep,
    "alerts": Alerts,
    "syncs": Sync,
    "hosts": Host,
    "resources": ResourceEntry,
    "production": Production,
    "ip": Ip,
    "vg": Vg,
    "fs": Fs,
    "app": App,
    "down_checks": DownCheck,
    "before_activate": Hook,
    "after_activate": Hook,
    "before_stop": Hook,
    "before_start": Hook,
    "after_start": Hook,
    "probes": Hook,
}

_OF_SET: dict[str, type[BaseModel]] = {"ip": IpOfSet, "vg": VgOfSet, "fs": FsOfSet, "command": CommandOfSet}
"""What a resource may say under `by_set`."""

FIX_LINES = "fix these lines; nothing was run"


class _Loader(yaml.CSafeLoader):
    """YAML in which only `true`, `false` and an empty value are not text.

    Plain YAML reads the device pair 1234:43 as a base-60 number and 0025 as octal; here they stay what
    was written, and the models decide what is a number.
    """


_Loader.yaml_implicit_resolvers = {
    "t": [("tag:yaml.org,2002:bool", re.compile(r"^true$"))],
    "f": [("tag:yaml.org,2002:bool", re.compile(r"^false$"))],
    "n": [("tag:yaml.org,2002:null", re.compile(r"^null$"))],
    "~": [("tag:yaml.org,2002:null", re.compile(r"^~$"))],
    "": [("tag:yaml.org,2002:null", re.compile(r"^$"))],
    "<": [("tag:yaml.org,2002:merge", re.compile(r"^<<$"))],
}


def decode(raw: bytes, path: str) -> str:
    """The text of a file.

    :param path: how messages name it.
    :raises ConfigError: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: is not text in UTF-8: it holds the byte {raw[error.start]:#04x}.",
            "save the file as UTF-8; if it is in Latin-1, `iconv -f latin1 -t utf-8` converts it",
        ) from None


def read(text: str, path: str, *, only: str | None = None) -> Config:
    """The configuration that a text gives.

    :param path: how messages name it.
    :param only: validate this service alone and leave the others out (for a task, which runs one service;
        whoever parses the whole file has checked it as a whole).
    :raises ConfigError: listing everything that is wrong, one line each.
    """
    # Most files have nothing wrong in them. The places of its values, which only errors need, cost most.
    try:
        if only is None:
            return _checked(quick.values(text), path, None)
        return _validate(quick.values_of_one(text, only), path, None, "")
    except (quick.Odd, ConfigError):
        return _read_with_places(text, path, only)


def _read_with_places(text: str, path: str, only: str | None) -> Config:
    """As :func:`read`, from the nodes of the text, which know their lines."""
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is not None:
            if only is not None:
                _keep_only(path, root, only)
            _refuse_what_is_not_plain(path, root)
            _refuse_placeholders(path, root)
        data = _Loader("").construct_document(root) if root is not None else {}
    except (yaml.YAMLError, RecursionError) as error:
        line, why = not_yaml(error, text)
        raise ConfigError(f"{path}:{line}: is not YAML: {why}.", "fix that line, or the one before") from None
    if only is None:
        return _checked(data, path, root)
    return _validate(data, path, root, FIX_LINES)


def _checked(data: Any, path: str, root: yaml.Node | None) -> Config:
    """The configuration of a whole file."""
    config = _validate(data, path, root, FIX_LINES)
    _check(config, path, root, FIX_LINES)
    _refuse_settings_of_nobody(config, path, root)
    return config


def _validate(data: Any, path: str, root: yaml.Node | None, remedy: str) -> Config:
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_report(path, root, error), remedy) from None


def _check(config: Config, path: str, root: yaml.Node | None, remedy: str) -> None:
    """What must hold beyond each value by itself."""
    problems = (
        check_names(config)
        or check_becomes(config)
        or check_work_dirs(config)
        or check_resources(config)
        or check_beside_the_source(config)
        or check_pairs_across(config)
        or check_storage_groups(config)
        or check_claims(config)
    )
    if problems:
        lines = (f"{_where(path, root, location)}: {message}" for location, message in problems)
        raise ConfigError("\n".join(lines), remedy)


def _refuse_settings_of_nobody(config: Config, path: str, root: yaml.Node | None) -> None:
    """Settings for a control host that no service names: most likely one that is spelt otherwise there."""
    named = {service.control_host: None for service in config.services.values()}
    for host in config.symcli.control_hosts:
        if host not in named:
            where = _where(path, root, ("symcli", "control_hosts", host))
            raise ConfigError(
                f"{where}: symcli.control_hosts.{host}: no service has `control_host: {host}`.",
                _known(host, named),
            )


def _keep_only(path: str, root: yaml.Node, name: str) -> None:
    """Drop the other services from the document, before anything is made of them."""
    for key, services in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "services" and isinstance(services, yaml.MappingNode):
            found = [(key, value) for key, value in services.value if key.value == name]
            if not found:
                names = {key.value: None for key, _ in services.value if isinstance(key, yaml.ScalarNode)}
                raise ConfigError(f"{path}: there is no service {name!r}.", _known(name, names))
            services.value = found


def scope_from(value: Mapping[str, Any], target_set: str = "", *, any_set: bool = False) -> Scope:
    """A service that a DAG gives as a mapping: the keys of services.yaml, ``name`` and perhaps ``symcli``.

    :param target_set: as :meth:`clones.config.scope.Scope.of` has it.
    :param any_set: likewise.
    :raises ConfigError: listing everything that is wrong.
    """
    given, path = dict(value), "the service given to the operator"
    name, symcli = str(given.pop("name")), given.pop("symcli", {})
    config = _validate({"symcli": symcli, "services": {name: given}}, path, None, "fix the DAG")
    _check(config, path, None, "fix the DAG")
    return Scope.of(name, config.services[name], config.symcli, target_set, any_set=any_set)


def _keys(model: type[BaseModel]) -> dict[str, None]:
    """As they are written in the file."""
    return {field.alias or name: None for name, field in model.model_fields.items()}


def _known(name: str, names: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(names))}"


_PLAIN = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "bool", "null", "merge", "seq", "map"))


def _refuse_what_is_not_plain(path: str, node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> None:
    """Only texts, lists and mappings by texts, none of them inside itself, and no key twice."""
    where = f"{path}:{node.start_mark.line + 1}"
    if node.tag not in _PLAIN or node in above:
        what = f"the tag {node.tag}" if node.tag not in _PLAIN else "a value that contains itself"
        raise ConfigError(f"{where}: {what} means nothing here.", "write the value itself, as plain YAML")
    seen: dict[str, int] = {}
    for part in node.value if isinstance(node, yaml.CollectionNode) else ():
        key, value = part if isinstance(part, tuple) else (None, part)
        if key is not None:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{where}: a key is a list or a mapping.", "write a word before the colon")
            if key.value in seen and key.value != "<<":
                raise ConfigError(
                    f"{path}:{key.start_mark.line + 1}: {key.value!r} was given on line {seen[key.value]} "
                    "already.",
                    "remove one of the two; YAML would silently take the last",
                )
            seen[key.value] = key.start_mark.line + 1
            _refuse_what_is_not_plain(path, key)
        _refuse_what_is_not_plain(path, value, (*above, node))


def _refuse_placeholders(path: str, root: yaml.Node) -> None:
    lines = [
        f"{path}:{line}: {_spoken(location)}: is still to be filled in: {what}"
        for location, line, what in _placeholders(root, ())
    ]
    if lines:
        raise ConfigError("\n".join(lines), "give these values; nothing was run")


def _placeholders(node: yaml.Node, at: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], int, str]]:
    if isinstance(node, yaml.ScalarNode):
        what = still_to_fill_in(node.value)
        if what:
            yield at, node.start_mark.line + 1, what
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _placeholders(value, (*at, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _placeholders(value, (*at, index))


def _where(path: str, root: yaml.Node | None, location: tuple[Any, ...]) -> str:
    return path if root is None else f"{path}:{_line(root, location)}"


def _line(node: yaml.Node | None, location: tuple[Any, ...]) -> int:
    """The line that a location is written on, or of the nearest thing around it."""
    line = 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    line, node = key.start_mark.line + 1, value
                    break
            else:
                return line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def _report(path: str, root: yaml.Node | None, error: ValidationError) -> str:
    lines = []
    for problem in worth_saying(error.errors()):
        location = tuple(problem["loc"]) + tuple(problem.get("ctx", {}).get("at", ()))
        lines.append(f"{_where(path, root, location)}: {_spoken(location)}: {_message(problem, location)}")
    return "\n".join(lines)


def _spoken(location: tuple[Any, ...]) -> str:
    """``('services', 'x', 'syncs', 0, 'name')`` as ``service x, syncs[0].name``."""
    steps = [step for step in location if step != "[key]"]
    spoken = ""
    if len(steps) >= 2 and steps[0] == "services":
        spoken, steps = f"service {steps[1]}", steps[2:]
    field = ""
    for step in steps:
        field += f"[{step}]" if isinstance(step, int) else f".{step}" if field else str(step)
    return ", ".join(part for part in (spoken, field) if part) or "the file"


def _message(problem: Any, location: tuple[Any, ...]) -> str:
    if problem["type"] == "extra_forbidden":
        names = [step for step in location[:-1] if isinstance(step, str)]
        models: dict[str, type[BaseModel]] = _MODELS
        if "by_set" in names[3:]:  # behind it stands a set's name, which may be any word
            names, models = names[: names.index("by_set", 3)], _OF_SET
        model: type[BaseModel] = next((models[name] for name in reversed(names) if name in models), Service)
        if len(location) == 1:
            model = Config
        return f"unknown key; {_known(str(location[-1]), _keys(model))}"
    return said(problem)
