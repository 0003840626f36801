"""A file without errors is read without its places, and of one service only its lines; both say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.parse import services
from clones.config import Config
from clones.config import schedule as schedules
from clones.services_yaml import file, quick
from clones.services_yaml.file import read
from clones.services_yaml.quick import Odd, values, values_of_one

EXAMPLE = (Path(__file__).parents[3] / "config" / "services.yaml").read_text()
CASES = Path(__file__).parents[1] / "cases" / "config"
SERVICE = """
    control_host: ctl
    sync_max_delay: 60
    resources: []
    unattended: true
    syncs: [{name: data, symid: "000190101234", pairs: ["1234:4321"]}]
"""
MANY = f"""# a file
symcli: {{bin: /opt/emc/SYMCLI/bin}}
services:
  # the first
  one:{SERVICE}
  two:  # with a remark{SERVICE.replace("1234:4321", "1235:4322")}
# between
  three:{SERVICE.replace("1234:4321", "1236:4323")}
status: {{every_minutes: 10}}
"""


def by_nodes(text: str) -> Any:
    return file._Loader("").construct_document(yaml.compose(text, Loader=file._Loader))


SCALARS = "a: [1, 0025, 1:20, yes, ~, null, '', \"true\", 'null', true, false, 1.5]\nb:\n"
MERGE = "a: &x {b: 1, c: [2]}\nd: {<<: *x, b: 3}\ne: *x\n"
MERGES = "a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {f: 0, <<: [*x, *y]}\ng: {<<: *x, <<: *y}\n"
TEXTS = "a: |\n  x: 1\n  'open\nb: >-\n  folded\n  text\nc: plain\n  text\n'd e': \"f\\u0041\"\n"
PLAIN = {
    "the example": EXAMPLE, "many": MANY, "scalars": SCALARS, "merge": MERGE, "merges": MERGES, "texts": TEXTS
}  # fmt: skip


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_the_values_are_those_of_the_nodes(text: str) -> None:
    assert values(text) == by_nodes(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "- a\n", "a: 1\na: 2\n", "a: !!int 5\n", "a: ! x\n", "&x a: 1\n", "? [a]\n: b\n", "a: *x\n",
        "a: &x [*x]\n", "a: &x 1\nb: &x 2\n", "a: {<<: 1}\n", "a: <<\n", "true: 1\n", ": 1\n",
        "a: {'<<': 1}\n",
        "a: <FILL IN: what>\n", "a: 1\n---\nb: 2\n", "a: [\n", "a: \x01\n", "[" * 5000,
    ],
)  # fmt: skip
def test_what_is_odd_is_left_to_the_nodes(text: str) -> None:
    with pytest.raises(Odd):
        values(text)


@pytest.mark.parametrize("text", [EXAMPLE, MANY], ids=["the example", "many"])
def test_one_service_of_many(text: str) -> None:
    whole = by_nodes(text)
    for name, service in whole["services"].items():
        assert values_of_one(text, name) == {**whole, "services": {name: service}}


A = 'a:\n    description: x\n  b:\n    description: "'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f'services:\n  {A}y\n  c:\n    z"\n', id="within a quotation"),
        pytest.param(f'x: "\nservices:\n  c:\n   y"\nz:\n  {A}z"\n', id="all within one"),
        pytest.param("services: {a: 1,\n  c:\n    2}\n", id="within a bracket"),
        pytest.param("services:\n  a: {b: 1,\n  c:\n    2}\n", id="within an inner bracket"),
        pytest.param("x: |\n services:\n   c:\n    1\n", id="within a text"),
        pytest.param("services: |\n  c:\n    1\n", id="services is a text"),
        pytest.param("services:\n a:\n  c:\n    1\n", id="deeper"),
        pytest.param("services:\n  a: 1\n b:\n  c:\n    1\n", id="less deep before"),
        pytest.param("services:\n  c:\n    1\n  c:\n    2\n", id="twice"),
        pytest.param("services:\n  c:\n    1\nservices:\n  c:\n    2\n", id="two sections"),
        pytest.param("services:\n  a: &x 1\n  c: *x\n", id="a value of another"),
        pytest.param("services:\n  c: '\n  d: '\n", id="its quotation ends elsewhere"),
        pytest.param("services:\r\n  c:\r\n    1\r\n", id="other line ends"),
        pytest.param("services:\n  a: x\u2028services:\n  c: 1\n", id="a line end of YAML alone"),
        pytest.param('services:\n  c: 1\nx: "\ny: z"\n  d: 1\n', id="something open behind"),
        pytest.param("services:\n  a: 1\n", id="none"),
        pytest.param("services:\n", id="no service"),
    ],
)
def test_what_only_looks_like_a_service_is_left_to_the_nodes(text: str) -> None:
    with pytest.raises(Odd):
        values_of_one(text, "c")


def test_no_tree_of_nodes_is_made_of_a_file_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def compose(*_: Any, **__: Any) -> None:
        raise AssertionError("a tree of nodes was made")

    expected = {name: read(EXAMPLE, "x").services[name] for name in read(EXAMPLE, "x").services}
    monkeypatch.setattr(yaml, "compose", compose)
    assert read(EXAMPLE, "x").services == expected
    for name, service in expected.items():
        assert read(EXAMPLE, "x", only=name).services == {name: service}


def test_of_a_file_of_many_a_task_makes_values_of_its_own_service_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many others there are, the text of which values are made is as long."""
    lengths, whole = [], quick.values
    monkeypatch.setattr(quick, "values", lambda text: lengths.append(len(text)) or whole(text))
    for count in (3, 300):
        read(yaml.safe_dump(services(count)), "x", only="svc0002")
    assert lengths[0] == lengths[1]


def test_a_schedule_is_looked_at_once_however_many_services_have_it() -> None:
    schedules._cron.cache_clear()
    Config.model_validate(services(50))
    found = schedules._cron.cache_info()
    assert (found.misses, found.hits) == (1, 49)
