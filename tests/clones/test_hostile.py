"""Whatever a user types is either refused, or reaches a shell as one word (D10)."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clones.act import lock
from clones.act.lock import Owner
from clones.actions import ACTIONS, actions_of, phases_run
from clones.asking import fence, whole_answers
from clones.asking.fence import Fence, Token
from clones.asking.processes import list_processes
from clones.asking.steps import Command, Finished, Note, Result, Steps, answer
from clones.backends.symclone import commands
from clones.config import ResourceEntry
from clones.config.scope import Scope
from clones.errors import CloneError, ConfigError
from clones.resources import PLACES, aix, drivers, filesystems, hpux, linux, sunos, vxvm, zfs
from clones.services_yaml.file import scope_from
from clones.states import PairSeen, State, wanted_states
from hooks.configuration import load
from tests.clones.hostile import LURES, documents, get, places, put, texts, typed

hostile = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SCRIPTS = {
    *(commands.WITH_CLOCK, commands.WITH_PAIR_FILE),
    *(lock.TAKE, lock.TAKE_OVER, lock.GIVE_BACK, lock.OWNERS, lock.CLEAR),
    *(fence.RUN, fence.PUT, whole_answers.SCRIPT),
    *(
        filesystems.KILL,
        filesystems.KILL_AIX,
        sunos.CHECK_UFS,
        sunos.KILL_ZFS,
    ),
    whole_answers.SCRIPT,
    *(linux.ANNOUNCE, linux.CLAIM, linux.KILL, linux.OURS, hpux.KEEP_MAP, hpux.SHOW, aix.RECREATE),
    *(vxvm.LIST, vxvm.LIST_DISKS, zfs.LIST),
}


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_a_real_shell_reads_each_script(script: str) -> None:
    assert subprocess.run(["/bin/sh", "-n", "-c", script], capture_output=True).stderr == b""


EXAMPLE = Path(__file__).parents[2] / "config" / "services.yaml"


def scope_of(document: dict[str, Any]) -> Scope | None:
    """The service of a document; None when the configuration refuses it, in words."""
    try:
        return scope_from(document)
    except ConfigError as error:
        assert error.what and error.remedy
        return None


def with_pairs(scope: Scope) -> Iterator[tuple[Command, list[str]]]:
    """Each command on a sync's pairs, with the texts of the user that must be whole words of it."""
    service = scope.service
    for sync in service.syncs:
        numbers = (
            [(0x1000 + n, 0x2000 + n) for n, _ in enumerate(sync.pairs)]
            if sync.symdg is not None
            else [(pair.source_device, pair.target_device) for pair in sync.pairs]
        )
        seen = [PairSeen(pair, *ends, None) for pair, ends in zip(sync.pairs, numbers, strict=True)]
        symid = sync.symid or "000190101234"
        if sync.symdg is not None:
            yield (
                commands.list_group(scope.symcli, service.control_host, sync.symdg),
                [f"{scope.symcli.bin}/symdg", sync.symdg],
            )
            content = "\n".join(f"{source:04X} {target:04X}" for source, target in numbers)
            yield (
                commands.query(scope, sync, symid, seen),
                [f"{scope.symcli.bin}/symclone", sync.symdg],
            )
        else:
            assert sync.symid is not None
            written = [number for pair in sync.pairs for number in (pair.source, pair.target)]
            yield (
                commands.list_devices(scope.symcli, service.control_host, sync.symid, written),
                [f"{scope.symcli.bin}/symdev", sync.symid, ",".join(written)],
            )
            content = "\n".join(f"{pair.source} {pair.target}" for pair in sync.pairs)
        assert len(content.splitlines()) == len(sync.pairs), "the pair file has one line a pair"
        whole = [f"{scope.symcli.bin}/symclone", symid, scope.symcli.work_dir, content]
        for build in (commands.create, commands.recreate, commands.activate, commands.verify_precopied):
            command = build(scope, sync, symid, seen)
            path = command.words[5]
            assert path.startswith(f"{scope.symcli.work_dir}/{scope.name}.{sync.name}-")
            assert path.count("/") == scope.symcli.work_dir.count("/") + 1
            yield command, whole


def with_resources(scope: Scope) -> Iterator[tuple[Command, list[str]]]:
    """Each command on the service's resources, from wherever they may be."""
    for host in scope.service.hosts:
        for driver, entry in zip(drivers(scope.service, host), scope.service.resources, strict=True):
            yield driver.probe(), []
            for at in (*PLACES, driver.stopped):
                for command in driver.start(at) + driver.stop(at):
                    yield command, whole_words(entry, host.family, command)


def whole_words(entry: ResourceEntry, family: str, command: Command) -> list[str]:
    """The texts of the user that must be whole words of a command on that resource."""
    script = command.words[0] == "/bin/sh"
    program = command.words[3] if script else command.words[0].rsplit("/", 1)[-1]
    if entry.ip is not None:
        return [entry.ip.ipdev.partition(":")[0] if family == "linux" else entry.ip.ipdev]
    if entry.vg is not None:
        maps = {"vgimport": "", "vgexport": ".new", "keep": ".new"}
        whole = (
            [] if program in ("pvscan", "vxdctl", "vxdisk", "look", "keep", "vgchgid") else [entry.vg.name]
        )
        whole += [f"{entry.vg.map_file}{maps[program]}"] if program in maps else []
        return whole
    if entry.fs is not None:
        raw = entry.fs.dev.replace("/dsk/", "/rdsk/", 1) if family == "sunos" else entry.fs.dev
        whole = {
            "zfs": [entry.fs.dev],
            "mount": [entry.fs.dev, entry.fs.mnt],
            "umount": [entry.fs.mnt],
            "unmount": [entry.fs.mnt, entry.fs.dev],
        }.get(program, [raw])
        mounts = program == "mount" or command.words[1:2] == ("mount",)
        return whole + ([entry.fs.mnt_opt] if mounts and entry.fs.mnt_opt else [])
    return []


def with_lock(scope: Scope, owner: Owner, other: Owner) -> Iterator[tuple[Command, list[str]]]:
    """Each command on the service's lock and fence: taken over, found empty, put on a host, given back."""
    folder, tokens = (f"{scope.symcli.work_dir}/{kind}/{scope.name}" for kind in ("locks", "fences"))
    token = Token(1, owner.nonce)
    taken, held, free = (3, "", "mkdir: File exists"), (0, f"{other}\n", ""), (0, "", "")
    mine = (0, f"{token}\n", "")
    for steps, answers in (
        (lock.take(scope, owner, lambda run: True), [taken, held, free, mine]),
        (lock.take(scope, owner, lambda run: True), [taken, free, free, mine]),
        (lock.give_back(scope, owner), [free]),
    ):
        for command in sent(steps, answers):
            if command.words[2] == lock.TAKE_OVER:
                yield command, [folder, str(other), str(owner)]
            elif command.words[2] in (lock.OWNERS, lock.CLEAR):
                yield command, [folder]
            elif command.words[2] == lock.TAKE:
                yield command, [folder, owner.run, owner.own, tokens]
            else:
                yield command, [folder, str(owner)]
    of_host = Fence(scope.name, token, {"h": tokens})
    put = sent(fence.put(scope, of_host, scope.control_host), [(0, f"{tokens}/{token}\n", "")])
    yield put[0], [tokens, str(token)]
    inner = Command("h", ("/bin/sh", "-c", filesystems.KILL, "unmount", "/a b", "/dev/x"))
    yield of_host.around(inner), [tokens, str(token)]


def sent(steps: Steps[Any], answers: list[tuple[int, str, str]]) -> list[Command]:
    """What a procedure sends when it is answered so."""
    found, asked = [], answer(steps)
    while not isinstance(asked, Finished):
        if isinstance(asked, Note):
            asked = answer(steps)
            continue
        found.append(asked)
        code, stdout, stderr = answers.pop(0)
        asked = answer(steps, Result(asked, code, stdout, stderr))
    assert not answers
    return found


def everything(scope: Scope) -> list[tuple[Command, list[str]]]:
    me, other = (Owner(scope.name, f"manual__{n}", "airflow1", f"{n}" * 16, "t", 1) for n in (2, 1))
    listed = (list_processes(scope.control_host), [])
    return [listed, *with_pairs(scope), *with_resources(scope), *with_lock(scope, me, other)]


def own_words(scope: Scope) -> set[tuple[str, ...]]:
    """The commands that a site may write as it likes."""
    entries = scope.service.resources
    apps = {words for e in entries if (app := e.app) for words in (app.start, app.stop, app.check)}
    return apps | {words for e in entries if (c := e.command) for words in (c.start, c.stop, c.probe)}


def check(scope: Scope, command: Command, whole: list[str]) -> None:
    line = command.line()
    line.encode()
    assert shlex.split(line) == list(command.words)
    if command.words in own_words(scope):
        return
    for text in whole:
        assert text in command.words, f"{text!r} is not one word of {line}"
        behind = command.words[command.words.index(text) - 1]
        assert not text.startswith("-") or behind == "-o" or "@" in text, "it could be taken for an option"
    if command.words[:2] == ("/bin/sh", "-c"):
        assert command.words[2] in SCRIPTS, "a script holds nothing that a user typed"
        if command.words[4:6] == ("/bin/sh", "-c"):
            assert command.words[6] in SCRIPTS, "nor does one within a look"
    for word in command.words:
        assert word.isascii() and (word.isprintable() or word in SCRIPTS or word in whole)
        assert "/" not in word or (".." not in word.split("/") and "//" not in word)


@hostile
@given(typed())
def test_every_text_is_refused_or_one_word(document: dict[str, Any]) -> None:
    scope = scope_of(document)
    if scope is not None:
        for command, whole in everything(scope):
            check(scope, command, whole)


RICH = {
    "name": "svc",
    "symcli": {"bin": "/usr/symcli/bin", "work_dir": "/var/tmp/symclone"},
    "control_host": "control",
    "sync_max_delay": 1440,
    "hosts": [{"connection": "one", "family": "hpux"}, {"connection": "two", "family": "linux"}],
    "resources": [
        {"ip": {"ipname": "192.168.32.41", "ipdev": "lan900:1", "netmask": "255.255.252.0"}},
        {"vg": {"name": "vgCVI", "map_file": "/etc/lvmconf/vgCVI.map"}},
        {"fs": {"dev": "/dev/vgCVI/lv", "mnt": "/copy", "type": "vxfs", "mnt_opt": "noatime"}},
        {
            "app": {
                "name": "db",
                "start": ["/opt/db", "start"],
                "stop": ["/opt/db", "stop"],
                "check": ["/opt/db"],
            }
        },
    ],
    "syncs": [
        {"name": "data", "symdg": "DG", "pairs": ["DEV001=1234:CLONE001=4321"]},
        {"name": "archivelogs", "symid": "000190101234", "pairs": ["1235:4322"]},
    ],
}


def rich(family: str, *resources: dict[str, Any]) -> dict[str, Any]:
    return {**RICH, "hosts": [{"connection": "one", "family": family}], "resources": list(resources)}


COMMAND = {
    "name": "md",
    "start": ["/opt/md", "start"],
    "stop": ["/opt/md", "stop"],
    "probe": ["/opt/md", "is"],
}
RICHES = {
    "lvm": RICH,
    "aix": rich(
        "aix",
        {"ip": {"ipname": "192.168.50.11", "ipdev": "en0", "netmask": "255.255.255.0"}},
        {"vg": {"name": "ppvg", "devices": ["hdisk4", "hdisk5"]}},
        {"vg": {"name": "qqvg", "devices": ["hdisk6"], "same_host_as_source": True}},
        {"fs": {"dev": "/dev/pplv", "mnt": "/pp", "type": "jfs2", "mnt_opt": "log=INLINE", "kill": True}},
        {"command": COMMAND},
    ),
    "sunos": rich(
        "sunos",
        {"ip": {"ipname": "192.168.51.11", "ipdev": "e1000g0:1", "netmask": "24"}},
        {"vg": {"name": "pppool", "manager": "zfs"}},
        {
            "vg": {
                "name": "ppdg",
                "manager": "vxvm",
                "devices": ["c2t0d5"],
                "same_host_as_source": True,
                "source_name": "proddg",
            }
        },
        {"fs": {"dev": "pppool/data", "mnt": "/pp/zfs", "type": "zfs", "mnt_opt": "ro"}},
        {"fs": {"dev": "/dev/vx/dsk/ppdg/vol01", "mnt": "/pp/vx", "type": "vxfs", "kill": True}},
    ),
    "hpux beside its source": rich(
        "hpux",
        {
            "vg": {
                "name": "vgCVI",
                "map_file": "/etc/lvmconf/vgCVI.map",
                "devices": ["/dev/rdisk/disk21"],
                "same_host_as_source": True,
            }
        },
    ),
    "linux beside its source": rich(
        "linux",
        {"vg": {"name": "vgpp", "devices": ["/dev/mapper/mpathb"], "same_host_as_source": True}},
        {"fs": {"dev": "/dev/vgpp/lv", "mnt": "/pp", "type": "ext4", "kill": True}},
    ),
}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        pytest.param(document, place, id=f"{name}: {'.'.join(map(str, place))}")
        for name, document in RICHES.items()
        for place in places(document)
        if document is RICH or place[0] == "resources"
    ],
)
def test_every_lure_at_every_place(document: dict[str, Any], place: tuple[Any, ...]) -> None:
    """Alone, before and behind what stands there: what a property would meet too seldom."""
    plain = get(document, place)
    refused = 0
    for lure in LURES:
        for text in {lure, f"{plain}{lure}", f"{lure}{plain}"} - {plain}:
            changed = deepcopy(document)
            put(changed, place, text)
            scope = scope_of(changed)
            refused += scope is None
            for command, whole in everything(scope) if scope else ():
                check(scope, command, whole)
    assert refused > 10


@pytest.mark.parametrize("document", RICHES.values(), ids=RICHES)
def test_what_the_lures_are_tried_on_is_accepted(document: dict[str, Any]) -> None:
    assert scope_of(document) is not None


@settings(hostile, max_examples=hostile.max_examples // 3)  # a process each
@given(typed())
def test_a_real_shell_sees_the_same_words(document: dict[str, Any]) -> None:
    scope = scope_of(document)
    if scope is None:
        return
    all_words = [command.words for command, _ in everything(scope)]
    lines = [f"printf '%s\\0' {command.line()}; printf '\\0'" for command, _ in everything(scope)]
    shown = subprocess.run(["/bin/sh"], input="\n".join(lines).encode(), capture_output=True, check=True)
    expected = b"".join(b"".join(word.encode() + b"\0" for word in words) + b"\0" for words in all_words)
    assert shown.stdout == expected and not shown.stderr


@hostile
@given(documents())
def test_every_shape_with_plain_texts_is_accepted(document: dict[str, Any]) -> None:
    """The properties above hold of something: only what an application's command may not hold is refused."""
    for entry in document["resources"]:
        for kind in set(entry) & {"app", "command"}:
            entry[kind]["stop"] = ["/opt/db", "stop"]
    scope = scope_of(document)
    assert scope is not None and len(everything(scope)) > 15


run_ids = st.one_of(texts, st.from_regex(r"[A-Za-z0-9_.~:+-]+", fullmatch=True))


@hostile
@given(run_ids, run_ids, run_ids)
def test_a_run_whatever_its_name_locks_below_its_service_only(dag: str, run: str, instance: str) -> None:
    """Who triggers a run may name it."""
    scope = scope_from(PLAIN)
    try:
        owner = Owner(dag, run, instance, "0a" * 8, "t", 1)
    except ConfigError:
        return
    assert Owner.read(str(owner)) == owner and Owner.read(f"{owner}\n") == owner
    assert not set(" \n\0/") & set(str(owner))
    for command, whole in with_lock(scope, owner, Owner("d", "r", instance, "0b" * 8, "t", 1)):
        check(scope, command, whole)


PLAIN = {
    "name": "svc",
    "control_host": "control",
    "sync_max_delay": 60,
    "resources": [],
    "unattended": True,
    "syncs": [{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}],
}


@hostile
@given(texts)
def test_a_form_offers_what_it_offers(text: str) -> None:
    scope = scope_from(PLAIN)
    if text not in ACTIONS:
        with pytest.raises(ConfigError, match="choose one of"):
            phases_run(text, scope.service)
    for action in set(ACTIONS) - set(actions_of(scope.service)):
        with pytest.raises(ConfigError):
            phases_run(action, scope.service)
    with pytest.raises(ConfigError):
        scope.service.sync(text)
    try:
        assert wanted_states(text) <= set(State) - {State.UNKNOWN}
    except ValueError as error:
        assert "known:" in str(error)


def loaded(content: bytes, folder: Path) -> bool:
    """Whether a file is accepted; else the error is one of ours."""
    path = folder / f"{abs(hash(content))}.yaml"
    path.write_bytes(content)
    try:
        load(path)
        return True
    except CloneError as error:
        assert isinstance(error, ConfigError) and str(path) in error.what
        return False
    finally:
        path.unlink()


TAGS = (
    "!!int",
    "!!float",
    "!!timestamp",
    "!!binary",
    "!!set",
    "!!omap",
    "!!python/object:os.system",
    "!x",
    "!!null",
)
PIECES = (
    "&a",
    "*a",
    "<<: ",
    "? ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "|",
    ">",
    "#",
    "---",
    "...",
    "\t",
    "\n",
    "%",
    "\xff",
)


@hostile
@given(st.data())
def test_a_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """One piece of the example is replaced by anything that YAML knows, or by bytes that are no text."""
    original = EXAMPLE.read_bytes()
    at = data.draw(st.integers(0, len(original)))
    until = at + data.draw(st.integers(0, 12))
    put = data.draw(
        st.sampled_from((*TAGS, *PIECES)).map(lambda piece: f"{piece} ".encode("latin-1"))
        | st.binary(max_size=6)
    )
    loaded(original[:at] + put + original[until:], tmp_path_factory.getbasetemp())


NO_CONFIGURATION = """\
[a]: b
{[a, b]: c}
services: {? [x] : y}
services: {!!int x: y}
services: !!timestamp x
a: !!int x
a: !!python/object:os.system x
!!binary x
a: &a [*a]
a: &a {<<: *a}
a: *b
<<: x
services: {<<: {svc: ~}}
services: {'': {}}
services: {svc: x}
services: []
services
- 1
?
"""


@pytest.mark.parametrize(
    "content",
    [*NO_CONFIGURATION.splitlines(), "\x00", "[" * 3000 + "]" * 3000],
    ids=lambda content: content[:40],
)
def test_a_file_that_is_no_configuration(content: str, tmp_path: Path) -> None:
    assert not loaded(content.encode(), tmp_path)
    assert not loaded(content.encode("utf-16"), tmp_path)


@hostile
@given(typed())
def test_a_file_and_a_mapping_are_read_alike(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    """What one of the two accepts, the other does: no way in is weaker."""
    given_here = scope_of(document)
    name, symcli = document["name"], document["symcli"]
    service = {key: value for key, value in document.items() if key not in ("name", "symcli")}
    try:
        content = yaml.safe_dump({"symcli": symcli, "services": {name: service}}).encode()
    except UnicodeEncodeError:
        return  # half of a character cannot be written into a file
    assert loaded(content, tmp_path_factory.getbasetemp()) == (given_here is not None)
