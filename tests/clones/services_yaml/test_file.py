"""Reading services.yaml: what is refused, and that each error names file, line, field and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.schema import KEPT
from clones.config import Config
from clones.config.schedule import PRESETS
from clones.errors import ConfigError
from clones.services_yaml.file import read
from clones.services_yaml.schema import schema_text
from hooks.configuration import load
from tests.clones.hostile import put
from tests.support.tables import load_yaml

EXAMPLE = Path(__file__).parents[3] / "config" / "services.yaml"
STRANGE = r"Input|valid (?!integer)|validation|instance|[Tt]uple"
"""Words of the program."""
CASES = load_yaml((Path(__file__).parents[1] / "cases" / "config" / "errors.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_error(case: dict[str, str], tmp_path: Path) -> None:
    """Each case replaces one text of the example configuration; the line it stands on must be named."""
    text = EXAMPLE.read_text()
    assert case["replace"] in text, "the case no longer fits the example"
    mended = text.replace(case["replace"], case["by"], 1)
    path = tmp_path / "services.yaml"
    path.write_bytes(mended.encode(case.get("encoding", "utf-8")))
    with pytest.raises(ConfigError) as raised:
        load(path)
    message = str(raised.value)
    line = next(n for n, line in enumerate(mended.splitlines(), 1) if case["line"] in line)
    assert f"{path}:{line}:" in message, message
    for fragment in case["says"]:
        assert fragment in message, message
    assert "What to do:" in message


def everywhere(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document below its top."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*at, key)
        yield from everywhere(one, (*at, key))


def test_a_value_of_another_kind_is_told_in_the_words_of_the_file() -> None:
    """Each value of the example in turn becomes a list, a mapping, a word and nothing."""
    example = load_yaml(EXAMPLE.read_text())
    told = set()
    for place in everywhere(example):
        for other in ([["x"]], {"x": {}}, "x", None):
            document = deepcopy(example)
            put(document, place, other)
            try:
                read(yaml.safe_dump(document), "services.yaml")
            except ConfigError as error:
                told |= set(str(error).splitlines())
    strange = [one for one in told if re.search(STRANGE, one)]
    assert len(told) > 200 and not strange, strange[:5]


def test_example_is_read_whole() -> None:
    services = load(EXAMPLE).services
    assert list(services) == ["aastmphpux", "lnxpp", "reporting_copies"]
    data = services["aastmphpux"].sync("data")
    assert (data.pairs[0].source, data.pairs[0].source_device, data.pairs[0].target_device) == (
        "DEV001",
        0x1234,
        0x4321,
    )
    assert services["lnxpp"].sync("data").pairs[1].target_device == 0x01AB5


def test_only_one_service_is_validated(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(EXAMPLE.read_text().replace("sync_max_delay: 480", "sync_max_delay: soon"))
    assert list(load(path, only="lnxpp").services) == ["lnxpp"]
    with pytest.raises(ConfigError, match="did you mean 'lnxpp'"):
        load(path, only="lnxp")


def test_a_key_given_twice_is_refused_to_the_service_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    twice = "sync_max_delay: 480\n    sync_max_delay: 480"
    path.write_text(EXAMPLE.read_text().replace("sync_max_delay: 480", twice, 1))
    assert list(load(path, only="lnxpp").services) == ["lnxpp"]
    for only in ("reporting_copies", None):
        with pytest.raises(ConfigError, match="'sync_max_delay' was given on line"):
            load(path, only=only)


def test_numbers_that_yaml_would_misread_stay_text(tmp_path: Path) -> None:
    """Plain YAML reads 1234:0043 as 74083 (base 60) and 000190101234 as octal."""
    path = tmp_path / "services.yaml"
    path.write_text(
        "services:\n  s:\n    control_host: c\n    sync_max_delay: 60\n    resources: []\n    unattended: "
        "true\n"
        "    syncs:\n      - name: data\n        symid: 000190101234\n        pairs: [1234:0043]\n"
    )
    pair = load(path).services["s"].syncs[0].pairs[0]
    assert (pair.source, pair.target) == ("1234", "0043")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")


def test_schema_is_current() -> None:
    assert KEPT.read_text() == schema_text(), "run `PYTHONPATH=plugins python -m cli.schema`"


def _numbers(schema: Any, at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number of the schema, with where it stands."""
    parts = schema.items() if isinstance(schema, dict) else enumerate(schema)
    if isinstance(schema, dict) and schema.get("type") in ("number", "integer"):
        yield at, schema
    for key, part in parts:
        if isinstance(part, dict | list):
            yield from _numbers(part, f"{at}/{key}")


def test_every_number_has_bounds() -> None:
    found = dict(_numbers(json.loads(schema_text()), ""))
    assert len(found) > 20
    assert [at for at, number in found.items() if not {"minimum", "maximum"} <= set(number)] == []


@pytest.mark.parametrize(
    "written",
    [*PRESETS, "0 2 29 2 *", "0 2 L * *", "30 2 * jan-MAR mon-fri", "*/15 2 ? * 1#1", "0\t2  * * L5 "],
)
def test_a_schedule_that_is_taken(written: str, tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(EXAMPLE.read_text().replace('"30 2 * * 1-5"', json.dumps(written)))
    assert load(path).services["aastmphpux"].schedule == " ".join(written.split())


def test_every_key_of_the_predecessor_is_kept() -> None:
    keys = set(schema_text().replace('"', " ").split())
    assert {
        "symdg",
        "symid",
        "pairs",
        "precopy",
        "consistent",
        "recreate_timeout",
        "restore_timeout",
        "sync_max_delay",
    } <= keys


def test_scope_survives_the_trip_to_a_trigger() -> None:
    from clones.config.scope import Scope

    config: Config = load(EXAMPLE)
    for name, service in config.services.items():
        scope = Scope(name, service, config.symcli)
        assert Scope.from_plain(scope.to_plain()) == scope
        for sync in service.syncs:
            narrow = Scope.from_plain(scope.of_one_sync(sync).to_plain())
            assert (narrow.name, narrow.control_host, narrow.symcli) == (
                name,
                scope.control_host,
                scope.symcli,
            )
            assert narrow.service.syncs == (sync,) and narrow.subject(sync) == scope.subject(sync)
            assert not narrow.service.resources and not narrow.service.hosts


def test_each_control_host_has_its_own_settings_of_symcli_over_those_of_all(tmp_path: Path) -> None:
    from clones.config.scope import Scope

    path = tmp_path / "services.yaml"
    own = "symcli: {retry_count: 7, control_hosts: {ctl2: {bin: /opt/emc/SYMCLI/bin, retry_count: 9}}}\n"
    two = EXAMPLE.read_text().replace("control_host: symcli_demo", "control_host: ctl2", 1)
    path.write_text(own + two)
    config = load(path)
    settings = {name: Scope(name, service, config.symcli).symcli for name, service in config.services.items()}
    assert [(one.bin, one.retry_count, one.work_dir) for one in settings.values()] == [
        ("/opt/emc/SYMCLI/bin", 9, "/var/tmp/symclone-airflow"),
        ("/usr/symcli/bin", 7, "/var/tmp/symclone-airflow"),
        ("/usr/symcli/bin", 7, "/var/tmp/symclone-airflow"),
    ]
    scope = Scope("aastmphpux", config.services["aastmphpux"], config.symcli)
    assert Scope.from_plain(scope.to_plain()) == scope == replace(scope)
    assert load(path, only="lnxpp").symcli.on("ctl2").bin == "/opt/emc/SYMCLI/bin"
