"""The policy that services.yaml makes: which rules are in it, and what the gate then lets through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clones.asking.fence import Fence, Token
from clones.asking.steps import Command
from clones.backends.symclone import commands
from clones.backends.symclone.output import Group
from clones.config import Config, Pair
from clones.config.scope import Scope
from clones.errors import ConfigError
from clones.policy.catalogue import by_connection, left_out, sent_to
from clones.policy.make import make
from clones.policy.sent import Part
from clones.policy.text import written
from clones.states import DeviceNumber, PairSeen
from hooks.configuration import load
from tests.clones.cases_in_tables import CASES
from tests.conftest import ROOT, SERVICES
from tests.gate.judging import Judge
from tests.support.gated import Judges, check
from tests.support.tables import load_yaml

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TOMORROW = NOON + timedelta(days=1)
EXAMPLES = [SERVICES, *sorted((ROOT / "docs" / "examples").glob("*.yaml"))]
ALL = [part for part in Part if part is not Part.NORMAL]


def rules(text: str) -> list[str]:
    return [
        line for line in text.splitlines() if line.split(" ")[0] in ("look", "change", "bare", "set", "fence")
    ]


def read_groups(case: dict[str, Any]) -> dict[str, Group]:
    return {
        name: Group(group["symid"], {one: DeviceNumber(text) for one, text in group["devices"].items()})
        for name, group in case.get("groups", {}).items()
    }


@pytest.mark.parametrize(
    "case", load_yaml((CASES / "policy.yaml").read_text()), ids=lambda case: case["name"]
)
def test_rules(case: dict[str, Any]) -> None:
    config, groups = Config.model_validate({"services": case["services"]}), read_groups(case)
    parts = [Part(part) for part in case.get("parts", ())]
    made = make(case["connection"], config, groups, NOON, parts, TOMORROW if parts else None)
    found = rules(made.text)
    assert [rule for rule in case["has"] if rule not in found] == [], "\n".join(found)
    # A look at a file is no use of it.
    used = [rule for rule in found if not rule.startswith("set files ")]
    assert [word for word in case.get("lacks", ()) if any(word in rule for rule in used)] == []
    assert left_out(case["connection"], config, groups) == case.get("left_out", [])
    assert all(f"# left out: {sentence}" in made.text for sentence in case.get("left_out", ()))
    assert check(made.text) == ""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_host_of_the_examples_gets_a_policy_that_the_gate_can_use(path: Path) -> None:
    config = load(path)
    assert by_connection(config)
    for connection in by_connection(config):
        assert check(make(connection, config, {}, NOON, ALL, TOMORROW).text) == ""


def test_a_word_is_written_so_that_nothing_in_it_parts_words_or_is_a_class() -> None:
    assert written("a b<name>%\n") == "a%20b%3Cname%3E%25%0A"
    assert written("") == "%" and written("é") == "%C3%A9"


def demo(**changes: Any) -> Config:
    config: Config = load(SERVICES)
    return config.model_copy(update=changes)


def test_the_digest_is_of_what_is_let_through_at_any_time() -> None:
    """Neither the order of services.yaml, nor when or with which parts it was made, makes it another."""
    config = demo()
    first = make("symcli_demo", config, {}, NOON).digest
    turned = demo(services=dict(reversed(config.services.items())))
    assert make("symcli_demo", turned, {}, NOON).digest == first
    assert make("symcli_demo", config, {}, TOMORROW, ALL, TOMORROW).digest == first
    assert make("symcli_demo", by_connection(config)["symcli_demo"], {}, NOON).digest == first
    fewer = demo(services={name: one for name, one in config.services.items() if name != "lnxpp"})
    assert make("symcli_demo", fewer, {}, NOON).digest != first
    slower = demo(symcli=config.symcli.model_copy(update={"retry_count": 31}))
    assert make("symcli_demo", slower, {}, NOON).digest != first
    assert make("lnxpp01", config, {}, NOON).digest != first


def test_parts_need_an_end_and_a_connection_must_be_one() -> None:
    with pytest.raises(ConfigError, match="they need an end"):
        make("symcli_demo", demo(), {}, NOON, ALL)
    with pytest.raises(ConfigError, match="sends anything to 'nobody'"):
        make("nobody", demo(), {}, NOON)


def test_no_sample_is_left_in_a_policy() -> None:
    for connection in by_connection(demo()):
        for sent in sent_to(connection, demo()):
            text = make(connection, demo(), {}, NOON, ALL, TOMORROW).text
            assert not [
                sample for sample in sent.free if sample in text and "/" not in sample and " " not in sample
            ]


# --- What the gate makes of it ---

GROUP = {
    "DGREP": Group(
        "000190101234", {"DEV001": 0x1236, "CLONE001": 0x4323, "DEV002": 0x1237, "CLONE002": 0x4324}
    )
}


@pytest.fixture(scope="module")
def judges() -> Iterator[Mapping[str, Judge]]:
    """The control host's gate: `normal`, with all parts, and with all parts that have ended."""
    texts = {
        "normal": make("symcli_demo", demo(), GROUP, NOON),
        "parts": make("symcli_demo", demo(), GROUP, NOON, ALL, datetime(2999, 1, 1, tzinfo=UTC)),
        "ended": make("symcli_demo", demo(), GROUP, NOON, ALL, datetime(2001, 1, 1, tzinfo=UTC)),
    }
    gates = Judges()
    yield {name: gates.with_text(one.text) for name, one in texts.items()}
    gates.close()


def says(judge: Judge, line: str) -> str:
    return judge.says(line.encode())


def scope(name: str) -> Scope:
    return Scope.of(name, demo().services[name], demo().symcli)


def pairs(*ends: tuple[int, int]) -> list[PairSeen]:
    return [PairSeen(Pair(source=f"{a:04X}", target=f"{b:04X}"), a, b, None) for a, b in ends]


def behind_fence(command: Command, service: str) -> str:
    folder = f"/var/tmp/symclone-airflow/fences/{service}"
    return Fence(service, Token(7, "0" * 16), {"symcli_demo": folder}).around(command).line()


REPORTS = ((0x1236, 0x4323), (0x1237, 0x4324))
DEVICES = {
    "as configured": (REPORTS, "accept"),
    "one of them": (REPORTS[1:], "accept"),
    "the group has another device by now": (((0x1236, 0x4323), (0x1237, 0x4399)), "refuse"),
    "source and target the other way round": (((0x4323, 0x1236),), "refuse"),
    "another's target": (((0x1236, 0x4321),), "refuse"),
    "one twice": ((REPORTS[0], REPORTS[0]), "refuse"),
}


@pytest.mark.parametrize("case", DEVICES)
def test_a_change_is_let_through_for_the_pairs_that_were_read(judges: Mapping[str, Judge], case: str) -> None:
    seen, verdict = DEVICES[case]
    about = scope("reporting_copies")
    command = commands.recreate(about, about.service.syncs[0], "000190101234", pairs(*seen))
    assert says(judges["normal"], behind_fence(command, "reporting_copies")).startswith(verdict)


@pytest.mark.parametrize(
    "made", [commands.create, commands.terminate, commands.restore, commands.end_restored]
)
def test_what_needs_an_approval_is_let_through_only_for_a_time(
    judges: Mapping[str, Judge], made: Any
) -> None:
    about = scope("reporting_copies")
    line = behind_fence(
        made(about, about.service.syncs[0], "000190101234", pairs(*REPORTS)), "reporting_copies"
    )
    verdicts = {name: says(judge, line).split(":")[0] for name, judge in judges.items()}
    assert verdicts == {"normal": "refuse", "parts": "accept", "ended": "refuse"}
    assert "until 2001" in says(judges["ended"], line)


def test_a_change_goes_only_behind_the_fence_of_its_own_service(judges: Mapping[str, Judge]) -> None:
    about = scope("reporting_copies")
    command = commands.activate(about, about.service.syncs[0], "000190101234", pairs(*REPORTS))
    normal = judges["normal"]
    assert says(normal, behind_fence(command, "reporting_copies")) == "accept"
    assert says(normal, behind_fence(command, "lnxpp")).startswith("refuse")
    assert says(normal, command.line()).startswith("refuse")


def test_a_look_is_for_devices_that_are_named_in_the_forms_in_which_they_are_asked_for(
    judges: Mapping[str, Judge],
) -> None:
    def verdict(*devices: str) -> str:
        asked = commands.list_devices(demo().symcli, "symcli_demo", "000190101234", devices)
        return says(judges["normal"], asked.line()).split(":")[0]

    assert verdict("1236", "4323", "1237", "4324") == verdict("04324") == "accept"
    assert verdict("1236", "9999") == verdict("4324 ") == verdict("004324") == "refuse"


def test_another_pair_file_than_the_one_that_was_written_is_refused(judges: Mapping[str, Judge]) -> None:
    about = scope("reporting_copies")
    command = commands.recreate(about, about.service.syncs[0], "000190101234", pairs(*REPORTS))
    at = max(number for number, word in enumerate(command.words) if word.endswith(".pairs"))
    other = command.words[at].replace(command.words[at][-22:-6], "0" * 16)
    words = (*command.words[:at], other, *command.words[at + 1 :])
    line = behind_fence(replace(command, words=words), "reporting_copies")
    assert says(judges["normal"], line).startswith("refuse")
