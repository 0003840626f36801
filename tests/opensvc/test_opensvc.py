"""Configurations of the OpenSVC agent: what becomes of each, and that nothing is dropped in silence."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clones.config.placeholders import still_to_fill_in
from clones.errors import ConfigError
from clones.services_yaml.file import read
from hooks.configuration import load
from opensvc.__main__ import main
from opensvc.reading import decode
from opensvc.schedules import Planned, Unclear, to_cron
from opensvc.services import Facts, Imported, convert
from opensvc.writing import to_yaml
from tests.clones.cases_in_tables import CASES
from tests.support.tables import load_yaml

WHOLE = """
[DEFAULT]
nodes = n1
sync_max_delay = 60
[fs#1]
dev = /dev/vg/lv
mnt = /data
type = ext4
[sync#1]
type = symclone
symid = 000190101234
pairs = 1234:4321
"""
FACTS = Facts("ctl", "UTC", {"": "linux"})
OPTIONS = ["--control-host", "ctl", "--family", "linux"]
FOLDER = CASES / "opensvc"
CASES_OF_SERVICES = [
    pytest.param(case, id=f"{name}: {case['name']}")
    for name in ("syncs", "resources", "hosts", "schedule", "two_sets")
    for case in load_yaml((FOLDER / f"{name}.yaml").read_text())
]
REFUSED = load_yaml((FOLDER / "refused.yaml").read_text())
SCHEDULES = load_yaml((FOLDER / "schedules.yaml").read_text())


def facts_of(case: dict[str, Any]) -> Facts:
    """The case's, over a site that has told everything."""
    known = {"control_host": "ctl", "timezone": "UTC", "family": "linux", "families": {}, "node": None}
    known |= case.get("facts", {})
    family, families = known.pop("family"), known.pop("families")
    return Facts(families=families | ({"": family} if family else {}), **known)


def imported(case: dict[str, Any]) -> Imported:
    return convert(case["input"], "svc1.conf", "svc1", facts_of(case))


def written(one: Imported) -> str:
    return to_yaml([(one.name, one.comment, one.block)])


def report(one: Imported) -> list[str]:
    return [f"{r.line} [{r.section}] {r.keyword}: {r.what}".replace(" :", ":") for r in one.remarks]


@pytest.mark.parametrize("case", CASES_OF_SERVICES)
def test_service(case: dict[str, Any]) -> None:
    """The keys that the case shows, and the whole report."""
    one = imported(case)
    service = yaml.load(written(one), Loader=yaml.BaseLoader)["services"][one.name]
    assert {key: service.get(key, "(absent)") for key in case["shows"]} == case["shows"]
    assert report(one) == case["report"]
    assert all(remark.remedy for remark in one.remarks)


@pytest.mark.parametrize("case", CASES_OF_SERVICES)
def test_the_loader_takes_it_once_the_placeholders_are_filled_in(case: dict[str, Any]) -> None:
    """Until then it refuses the file, and names every one of them."""
    text = written(imported(case))
    root = yaml.load(text, Loader=yaml.BaseLoader)
    asked = [what for value in values(root) if (what := still_to_fill_in(value))]
    if asked:
        with pytest.raises(ConfigError) as refusal:
            read(text, "services.yaml")
        lines = str(refusal.value).splitlines()[:-1]
        assert [line.partition(": is still to be filled in: ")[2] for line in lines] == asked
        assert all(re.match(r"services\.yaml:\d+: service svc1, [a-z]", line) for line in lines)
    read(yaml.safe_dump(filled_in(root)), "services.yaml")


def values(node: Any) -> list[str]:
    """Every text of a document, in its order."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in values(value)]
    if isinstance(node, list):
        return [text for value in node for text in values(value)]
    return [node]


ANSWERS = {
    "control_host": "ctl",
    "connection": "n1",
    "family": "linux",
    "timezone": "UTC",
    "schedule": "none",
    "sync_max_delay": "60",
    "unattended": "true",
    "symid": "000190101234",
    "symdg": "DG",
    "ipname": "192.168.1.5",
    "ipdev": "eth0",
    "netmask": "24",
    "map_file": "/var/map",
    "mnt": "/mnt",
    "type": "ext4",
    "down_exit_codes": "1",
}


def filled_in(document: Any) -> Any:
    """What an administrator would make of it."""
    numbers = itertools.count(0x1000)

    def targets(of: dict[str, list[str]], around: dict[str, Any]) -> dict[str, list[str]]:
        """Of each source another target in each set."""
        first = [fill("pairs", pair, around) for pair in of["a"]]
        other = "CLONE" if "symdg" in around else ""
        second = [f"{pair.partition(':')[0]}:{other}{next(numbers):05X}" for pair in first]
        return {"a": first, "b": second}

    def fill(key: str, node: Any, around: dict[str, Any]) -> Any:
        if key == "targets":
            return targets(node, around)
        if key == "by_set":
            return {"b": {name: fill(name, value, around) for name, value in node["b"].items()}}
        if isinstance(node, dict):
            return {name: fill(name, value, node) for name, value in node.items()}
        if isinstance(node, list):
            return [fill(key, value, around) for value in node]
        if still_to_fill_in(node) is None:
            return node == "true" if node in ("true", "false") else node
        if key == "pairs":
            source, target = f"{next(numbers):05X}", f"{next(numbers):05X}"
            return f"DEV{source}:CLONE{target}" if "symdg" in around else f"{source}:{target}"
        if key == "devices" and "manager" in around:
            return f"c2t0d{next(numbers)}"
        if key == "devices" and "map_file" in around:
            return f"/dev/rdisk/disk{next(numbers)}"
        if key == "devices" and "lv_prefix" in str(around.get("by_set")):
            return f"hdisk{next(numbers)}"
        if key == "devices":
            return f"/dev/mapper/mpath{next(numbers)}"
        if key == "name":
            return "vg" if node == around["name"] else f"{around['name']}_b"
        if key == "map_file" and "set b" in node:
            return "/var/map_b"
        if key == "source_name":
            return "source"
        if key == "dev" and "set b" in node:
            return re.sub(r"(vg\w+|mpath\w+)", r"\1_b", around["dev"])
        if key == "connection" and "set b" in node:
            return "n2"
        if key in ("start", "stop", "check"):
            return "/bin/true"
        if key == "dev":
            return "pool/fs" if around["type"] == "zfs" else "/dev/vg/lv"
        return True if key == "unattended" else ANSWERS[key]

    return fill("", document, {})


@pytest.mark.parametrize("case", CASES_OF_SERVICES)
def test_no_keyword_is_dropped_in_silence(case: dict[str, Any]) -> None:
    """Each is in the report, or what is written depends on it: another value makes another result."""
    assert nothing_is_dropped(case["input"], facts_of(case)), "the case has nothing that is carried over"


def nothing_is_dropped(text: str, facts: Facts) -> int:
    """How many keywords were tried."""
    lines = text.splitlines()
    one = convert(text, "svc1.conf", "svc1", facts)
    reported = {remark.line for remark in one.remarks if remark.keyword}
    whole = {remark.section for remark in one.remarks if not remark.keyword}
    section, tried = "", 0
    for number, line in enumerate(lines, 1):
        if line.startswith("["):
            section = line[1:-1]
        if not re.match(r"[A-Za-z]", line) or number in reported or section in whole:
            continue
        keyword = line.partition("=")[0]
        changed = "\n".join([*lines[: number - 1], f"{keyword}= zz9,", *lines[number:]])
        tried += 1
        try:
            other = convert(changed, "svc1.conf", "svc1", facts)
        except ConfigError:
            continue
        assert (written(other), report(other)) != (written(one), report(one)), f"line {number}: {line}"
    return tried


SCOPES = ["", "@nodes", "@n1", "@n2"]
OF_A_HOST = ["x", "{nodename}", "{short_nodename}", "{env.a}", "{env.{nodename}}", "{env.b}_{base}"]
"""Parts of names, which the same text makes another one of on another host."""


def scoped(keyword: str, form: str, parts: list[str] = OF_A_HOST) -> st.SearchStrategy[list[str]]:
    """The keyword in some scopes, each with a value of such a part."""
    values = st.dictionaries(st.sampled_from(SCOPES), st.sampled_from(parts))
    return values.map(
        lambda chosen: [f"{keyword}{scope} = {form.format(part)}" for scope, part in chosen.items()]
    )


@settings(deadline=None)
@given(
    base=scoped("base", "{}", ["x", "y", "{nodename}"]),
    env=st.tuples(*(scoped(name, "{}", ["x", "y", "{nodename}"]) for name in ("a", "b", "n1", "n2"))),
    disk=st.tuples(scoped("name", "vg{}"), scoped("disable", "{}", ["true", "false"])),
    fs=st.tuples(
        scoped("mnt", "/m/{}"), scoped("dev", "/dev/{}/lv"), scoped("dev", "/dev/{{disk#1.name}}/{}")
    ),
    sync=st.tuples(
        scoped("pairs", "{}", ["1234:4321", "1235:4321", "{env.pairs}"]),
        scoped("precopy", "{}", ["true", "{env.a}"]),
    ),
    pairs=scoped("pairs", "{}", ["1236:4321", "1237:4321"]),
    by_group=st.booleans(),
)
def test_no_host_is_dropped_in_silence(
    base: list[str],
    env: tuple[list[str], ...],
    disk: tuple[list[str], ...],
    fs: tuple[list[str], list[str], list[str]],
    sync: tuple[list[str], ...],
    pairs: list[str],
    by_group: bool,
) -> None:
    """On two hosts: what the view of the other one makes otherwise is in the report."""
    mnt, direct, referring = fs
    sections = {
        "DEFAULT": ["nodes = n1 n2", "sync_max_delay = 60", *base],
        "env": [*chain(*env), *pairs],
        "disk#1": [*chain(*disk)],
        "fs#1": ["type = ext4", *mnt, *(referring if by_group else direct)],
        "sync#1": ["type = symclone", "symid = 000190101234", *chain(*sync)],
    }
    text = "\n".join(line for name, lines in sections.items() for line in [f"[{name}]", *lines])
    nothing_is_dropped(text, FACTS)
    one, other = (convert(text, "a.conf", "a", replace(FACTS, node=node)) for node in ("n1", "n2"))
    said = {(remark.section, remark.keyword.partition("@")[0]) for remark in one.remarks}
    here, there = carried_over(one), carried_over(other)
    for at in here.keys() | there.keys():
        by = {at, (at[0], "disable")}
        assert here.get(at) == there.get(at) or by & said, f"{at} is another one on n2"


def carried_over(imported: Imported) -> dict[tuple[str, str], Any]:
    """What a service of one group, one file system and one sync has, by the keyword that gave it."""
    service = yaml.load(written(imported), Loader=yaml.BaseLoader)["services"][imported.name]
    made = {kind: of for resource in service["resources"] for kind, of in resource.items()}
    found = {("fs#1", key): value for key, value in made["fs"].items()}
    found |= {("sync#1", key): value for key, value in service["syncs"][0].items()}
    return found | {("disk#1", "name"): made.get("vg", {}).get("name")}


@pytest.mark.parametrize("case", REFUSED, ids=[case["name"] for case in REFUSED])
def test_what_cannot_be_used(case: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refusal:
        convert(case["input"], "a.conf", "a", facts_of(case))
    for fragment in [*case["says"], "What to do: "]:
        assert fragment in str(refusal.value)


@pytest.mark.parametrize(
    ("definition", "cron", "says"), SCHEDULES, ids=[row[0] or "empty" for row in SCHEDULES]
)
def test_schedule(definition: str, cron: str, says: str) -> None:
    if cron == "?":
        with pytest.raises(Unclear, match=re.escape(says)):
            to_cron(definition)
        return
    planned = to_cron(definition)
    if says == "-":
        assert planned == Planned(None if cron == "never" else cron)
    else:
        assert planned.cron == cron
        assert any(says in differs for differs in planned.differs), planned.differs


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("aastmphpux", "aastmphpux"),
        ("svc1.prd", "svc1_prd"),
        ("1svc", "svc_1svc"),
        ("été", "svc__t_"),
        ("x" * 99, "x" * 55),
        ("pp_provision", "svc_pp_provision_svc"),
        ("clone_x", "svc_clone_x_svc"),
    ],
)
def test_a_name_that_no_service_may_have_is_replaced(name: str, own: str) -> None:
    one = convert(WHOLE, f"{name}.conf", name, FACTS)
    assert one.name == own
    assert (name == own) == ("The agent calls it" not in one.comment)
    read(written(one), "services.yaml")


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ConfigError, match=r"a\.conf:2: is not text: it holds a zero byte"):
        decode(b"[sync#1]\n\x7fELF\0\0", "a.conf")
    with pytest.raises(ConfigError, match=r"a\.conf:2: is not text in UTF-8(.|\n)*iconv"):
        decode(b"[sync#1]\ncomment = \xe9t\xe9\n", "a.conf")
    assert decode(b"\xef\xbb\xbf[sync#1]\r\n", "a.conf").startswith("[sync#1]")


PARTS = sorted({line for case in CASES_OF_SERVICES for line in case.values[0]["input"].splitlines()})


@given(
    st.lists(
        st.one_of(
            st.sampled_from(PARTS),
            st.text(max_size=30),
            st.builds(
                "{} = {}".format, st.sampled_from(["pairs", "schedule", "dev", "nodes"]), st.text(max_size=30)
            ),
        ),
        max_size=25,
    )
)
def test_whatever_is_in_it(lines: list[str]) -> None:
    """It is refused by name, or becomes a file of which the loader refuses nothing but what it names."""
    text = "\n".join(["[sync#1]", "type = symclone", *lines])
    try:
        one = convert(text, "a.conf", "a")
    except ConfigError as error:
        assert str(error).startswith("a.conf:")
        return
    with pytest.raises(ConfigError, match="is still to be filled in"):
        read(written(one), "services.yaml")


def test_everything_carried_over_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "svc1.conf").write_text(WHOLE)
    output = tmp_path / "services.yaml"
    assert main([str(tmp_path / "svc1.conf"), "--output", str(output), *OPTIONS]) == 0
    assert capsys.readouterr() == ("", "")
    assert load(output).services["svc1"].sync("sync1").pairs[0].target_device == 0x4321


def test_nothing_of_a_file_acts_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "svc1.conf"
    path.write_text(WHOLE + "\x1b[2Jcolour = red\n[other\x1b[2J]\n\x07a = b\n")
    assert main([str(path), *OPTIONS]) == 1
    printed = "".join(capsys.readouterr())
    assert "[sync#1] \\x1b[2jcolour: " in printed and "[other\\x1b[2J]: " in printed
    assert printed.replace("\n", "").isprintable()
    path.write_text(WHOLE + "\x1b[2J\n")
    assert main([str(path), *OPTIONS]) == 2
    assert "".join(capsys.readouterr()).replace("\n", "").isprintable()


def test_what_is_left_to_do_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "svc1.conf"
    path.write_text(WHOLE + "optional = true\n")
    assert main([str(path), *OPTIONS]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("# Made by") and "  svc1:\n" in out
    assert f"{path}:13: [sync#1] optional: nothing is optional here" in err and "What to do:" in err
    path.write_text(WHOLE)
    assert main([str(path)]) == 1
    assert "service svc1, control_host: is still to be filled in" in capsys.readouterr().err


def test_a_keyword_that_would_act_on_a_terminal_is_written_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "svc1.conf"
    path.write_text(WHOLE + "odd\x1b[2J = \x9b2J\n")
    assert main([str(path), *OPTIONS]) == 1
    said = capsys.readouterr()
    assert "[sync#1] odd\\x1b[2j: " in said.err
    assert not {"\x1b", "\x9b"} & {*said.out, *said.err}


def test_several_files_are_one_services_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And are held against each other, as the loader will."""
    for name, target in (("one", "4321"), ("two", "4322")):
        own = WHOLE.replace("4321", target).replace("/vg/", f"/vg_{name}/").replace("/data", f"/{name}")
        (tmp_path / f"{name}.env").write_text(own)
    files = [str(tmp_path / "one.env"), str(tmp_path / "two.env")]
    assert main([*files, *OPTIONS]) == 0
    assert list(read(capsys.readouterr().out, "x").services) == ["one", "two"]
    (tmp_path / "two.env").write_text(WHOLE)
    assert main([*files, *OPTIONS]) == 1
    assert "its target is already the target of service one" in capsys.readouterr().err


def test_what_cannot_be_used_ends_with_2_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, output = tmp_path / "svc1.conf", tmp_path / "svc2.conf", tmp_path / "services.yaml"
    good.write_text(WHOLE)
    bad.write_bytes(b"\0\1\2")
    missing = str(tmp_path / "none.conf")
    assert main([str(good), str(bad), missing, "--output", str(output), *OPTIONS]) == 2
    out, err = capsys.readouterr()
    assert not out and not output.exists()
    assert "svc2.conf:1: is not text" in err and "none.conf: cannot be read" in err
    same = tmp_path / "svc1.env"
    same.write_text(WHOLE)
    assert main([str(good), str(same), *OPTIONS]) == 2
    assert "is service svc1, as" in capsys.readouterr().err


def test_an_output_that_exists_is_left_alone_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = tmp_path / "svc1.conf", tmp_path / "services.yaml"
    path.write_text(WHOLE)
    output.write_text("mine")
    assert main([str(path), "--output", str(output), *OPTIONS]) == 2
    assert output.read_text() == "mine"
    assert "exists, and is left as it is" in capsys.readouterr().err
    assert main([str(path), "--output", str(output), "--overwrite", *OPTIONS]) == 0
    assert list(load(output).services) == ["svc1"]
    assert main([str(path), "--output", str(tmp_path / "no" / "x.yaml"), *OPTIONS]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--family", "vms", "is none of"),
        ("--control-host", "a b", "Airflow connection"),
        ("--timezone", "X", "no time"),
    ],
)
def test_facts_that_cannot_be(option: str, value: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["a.conf", option, value])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
