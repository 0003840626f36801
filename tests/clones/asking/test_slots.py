"""Slots: as a table, and in real shells on real directories."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clones.asking import slots
from clones.asking.fence import Fence, Token
from clones.asking.slots import BUSY, TAKEN, GiveBack
from clones.asking.steps import Command, Finished, Note, Request, Result, Steps, answer
from clones.errors import CloneError, Fenced, Locked, Refused, Unknown
from tests.clones.asking.test_fence import SHELLS
from tests.support.tables import load_yaml

CASES = load_yaml((Path(__file__).parents[1] / "cases" / "unisphere" / "slots.yaml").read_text())
KINDS = {"fenced": Fenced, "locked": Locked, "refused": Refused, "unknown": Unknown}
SOURCE, ARRAY = "000297600001.SG_DATA", "000297600001"


def token(count: int, letter: str = "a") -> Token:
    return Token(count, letter * 16)


def request(group: str = SOURCE, *, each: int = 4) -> Request:
    taken = ((group, 1), (ARRAY, each))
    return Request.to("uni", "POST", "/snapshot", body="{}", changes=True, fence_host="ctl", slots=taken)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_what_comes_back(case: dict[str, Any]) -> None:
    fence = Fence("aastmphpux", token(7), {"ctl": "/w/fences/aastmphpux"})
    steps = slots.take(fence, request())
    asked, notes, old = answer(steps), list[str](), list[str]()
    answers = [case, *([case["again"]] if "again" in case else [])]
    came: Any = None
    try:
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                assert asked.warning
                notes += [asked.title, *asked.lines]
                asked = answer(steps)
                continue
            assert isinstance(asked, Command) and asked.host == "ctl" and asked.secret and asked.of_lock
            words = list(asked.words[4:])
            assert words[:4] == ["/w/fences/aastmphpux", str(fence.token), "/w/slots", "aastmphpux"]
            assert words[words.index("take") + 1 :] == [SOURCE, "1", ARRAY, "4"]
            old = words[4 : words.index("take")]
            said = answers.pop(0)
            result = Result(asked, said["code"], said["stdout"], said.get("stderr", ""), lost="it was cut")
            asked = answer(steps, result)
        came = "taken"
    except CloneError as error:
        came = error
    assert not answers and old == case.get("old", [])
    assert case.get("notes", "") in "\n".join(notes)
    if case["then"] == "taken":
        assert came == "taken"
        return
    ((kind, said),) = case["then"].items()
    assert type(came) is KINDS[kind], came
    for words in [said] if isinstance(said, str) else said:
        assert words in str(came)


class Host:
    """A host with the lock: its folders are below `folder`."""

    def __init__(self, folder: Path, shell: str) -> None:
        self.folder, self.shell = folder, shell

    def fence(self, service: str, number: Token) -> Fence:
        """Put a token there."""
        place = self.folder / "fences" / service
        (place / str(number)).mkdir(parents=True)
        return Fence(service, number, {"ctl": str(place)})

    def run(self, command: Command) -> Result:
        said = subprocess.run([self.shell, "-c", command.line()], capture_output=True, text=True)
        return Result(command, said.returncode, said.stdout, said.stderr)

    def drive(self, fence: Fence, steps: Steps[None]) -> list[str]:
        """The titles of its notes."""
        asked, notes = answer(steps), list[str]()
        while not isinstance(asked, Finished):
            if isinstance(asked, Note):
                notes.append(asked.title)
                asked = answer(steps)
                continue
            assert isinstance(asked, Command)
            sent = slots.around(fence, asked) if isinstance(asked, GiveBack) else asked
            asked = answer(steps, self.run(sent))
        return notes

    def take(self, fence: Fence, wanted: Request) -> list[str]:
        return self.drive(fence, slots.take(fence, wanted))

    def give_back(self, fence: Fence, wanted: Request) -> list[str]:
        return self.drive(fence, slots.give_back(wanted))

    def held(self) -> list[str]:
        """``NAME COUNT SERVICE`` of each slot."""
        found = []
        for path in sorted((self.folder / "slots").glob("*/*")):
            number, service, _ = path.name.split("@")
            found.append(f"{path.parent.name} {int(number[:12])} {service}")
        return found


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path, request.param)


def test_taken_and_given_back(host: Host) -> None:
    one = host.fence("one", token(7))
    assert host.take(one, request()) == []
    assert host.held() == [f"{ARRAY} 7 one", f"{SOURCE} 7 one"]
    assert host.give_back(one, request()) == [] and host.held() == []
    assert host.give_back(one, request()) == [], "once more does no harm"


def test_a_source_group_is_changed_by_one_at_a_time(host: Host) -> None:
    one, two = host.fence("one", token(7)), host.fence("two", token(3, "b"))
    host.take(one, request())
    with pytest.raises(Locked, match=rf"all slots of {SOURCE} are taken: one, for \d s"):
        host.take(two, request())
    assert host.held() == [f"{ARRAY} 7 one", f"{SOURCE} 7 one"], "nothing of the other is left"
    host.give_back(one, request())
    host.take(two, request())
    assert host.held() == [f"{ARRAY} 3 two", f"{SOURCE} 3 two"]


def test_an_array_is_changed_by_so_many_at_a_time(host: Host) -> None:
    names = ["one", "two", "three", "four", "five"]
    fences = {name: host.fence(name, token(1)) for name in names}
    for name in names[:4]:
        host.take(fences[name], request(f"{ARRAY}.{name}"))
    with pytest.raises(Locked, match=rf"all slots of {ARRAY} are taken: (\w+, for \d s(; )?){{4}}\."):
        host.take(fences["five"], request(f"{ARRAY}.five"))
    assert not [line for line in host.held() if "five" in line], "its source group's is given back, too"
    host.give_back(fences["two"], request(f"{ARRAY}.two"))
    host.take(fences["five"], request(f"{ARRAY}.five"))


def test_a_newer_try_keeps_an_older_one_from_it(host: Host) -> None:
    old = host.fence("one", token(7))
    host.fence("one", token(8, "b"))
    with pytest.raises(Fenced, match="was not sent to uni: a newer try"):
        host.take(old, request())
    assert not (host.folder / "slots").exists()


def test_a_newer_try_that_comes_meanwhile_leaves_the_older_one_without(host: Host) -> None:
    """The token is looked at once more after the last slot."""
    old = host.fence("one", token(7))
    command = next(iter(slots.take(old, request())))
    assert isinstance(command, Command)
    newer = host.folder / "fences" / "one" / str(token(8, "b"))
    words = [*command.words]
    words[2] = words[2].replace("now=$(date", f"mkdir {newer}; now=$(date")
    said = subprocess.run([host.shell, *words[1:]], capture_output=True, text=True)
    assert said.returncode == 121 and TAKEN not in said.stdout
    assert host.held() == []


def test_a_host_without_tokens_lets_nothing_through(host: Host) -> None:
    one = host.fence("one", token(7))
    shutil.rmtree(host.folder / "fences")
    with pytest.raises(Fenced):
        host.take(one, request())


def test_what_an_earlier_try_of_the_service_left_is_its_own(host: Host) -> None:
    host.take(host.fence("one", token(7)), request())
    newer = host.fence("one", token(8, "b"))
    host.take(newer, request())
    assert host.held() == [f"{ARRAY} 8 one", f"{SOURCE} 8 one"]
    host.take(newer, request())
    assert host.held() == [f"{ARRAY} 8 one", f"{SOURCE} 8 one"]


def test_a_try_that_is_over_gives_back_nothing_of_a_newer_one(host: Host) -> None:
    old = host.fence("one", token(7))
    host.take(old, request())
    newer = host.fence("one", token(8, "b"))
    host.take(newer, request())
    host.give_back(old, request())
    assert host.held() == [f"{ARRAY} 8 one", f"{SOURCE} 8 one"]


def test_a_newer_try_gives_back_what_an_earlier_one_left(host: Host) -> None:
    host.take(host.fence("one", token(7)), request())
    host.give_back(host.fence("one", token(8, "b")), request())
    assert host.held() == []


def test_one_that_nobody_gave_back_is_taken_over(host: Host) -> None:
    one, two = host.fence("one", token(7)), host.fence("two", token(3, "b"))
    host.take(one, request())
    for path in (host.folder / "slots").glob("*/*"):
        path.rename(path.with_name(path.name.rpartition("@")[0] + "@20200101000000"))
    assert host.take(two, request()) == [f"Slots of {SOURCE} that nobody gave back are taken over"]
    assert f"{SOURCE} 3 two" in host.held()
    host.give_back(one, request())
    assert f"{SOURCE} 3 two" in host.held()


def test_a_name_that_is_no_directory_is_never_sent(host: Host) -> None:
    one = host.fence("one", token(7))
    for name in ("../x", "a/b", "", ".", "a b", "-rf"):
        with pytest.raises(ValueError, match="cannot name a slot"):
            host.take(one, request(name))


def test_a_host_on_which_the_token_does_not_stand(host: Host) -> None:
    nowhere = Fence("one", token(7), {"elsewhere": "/x"})
    with pytest.raises(Refused, match="this try has not put its token there"):
        host.take(nowhere, request())


def test_that_giving_back_fails_is_a_warning(host: Host) -> None:
    steps = slots.give_back(request())
    asked = answer(steps)
    assert isinstance(asked, GiveBack)
    warned = answer(steps, Result(asked, 1, stderr="rmdir: Permission denied"))
    assert isinstance(warned, Note) and warned.warning and "up to 2 hours" in warned.title
    assert warned.lines == (f"{SOURCE}, {ARRAY}: exit code 1: rmdir: Permission denied",)
    assert isinstance(answer(steps), Finished)
    steps = slots.give_back(request())
    answer(steps)
    warned = answer(steps, error=Unknown("ctl cannot be reached"))
    assert isinstance(warned, Note) and "ctl cannot be reached" in warned.lines[0]


def test_many_at_the_same_moment_never_have_more_than_there_are(host: Host) -> None:
    """Processes of their own, as workers are; all may find it busy, and then nobody has any."""
    names = [f"service{number}" for number in range(8)]
    for _ in range(3):
        wanted = {name: request(f"{ARRAY}.{name}", each=2) for name in names}
        fences = {name: host.fence(name, token(1)) for name in names}
        lines = {}
        for name in names:
            command = next(iter(slots.take(fences[name], wanted[name])))
            assert isinstance(command, Command)
            lines[name] = command.line()
        running = {
            name: subprocess.Popen([host.shell, "-c", line], stdout=-1, stderr=-1)
            for name, line in lines.items()
        }
        said = {name: process.communicate() for name, process in running.items()}
        ended = {name: process.returncode for name, process in running.items()}
        assert set(ended.values()) <= {0, BUSY}, said
        have = [name for name, code in ended.items() if code == 0]
        assert len(have) <= 2
        assert len([line for line in host.held() if line.startswith(f"{ARRAY} ")]) == len(have)
        for name in names:
            host.give_back(fences[name], wanted[name])
            (Path(fences[name].folders["ctl"]) / str(token(1))).rmdir()


@pytest.mark.parametrize(
    ("code", "body", "ended"),
    [
        (200, "{}", True),
        (201, "", True),
        (204, "", True),
        (202, "{}", False),
        (None, "", False),
        (400, "", True),
        (401, "<html>", True),
        (404, "", True),
        (408, "", False),
        (409, "", True),
        (500, '{"message": "A problem occurred: No snapshot was found"}', True),
        (500, "<html>", False),
        (500, '{"message": null}', False),
        (500, "[" * 100_000, False),
        (502, '{"message": "bad gateway"}', False),
        (503, "", False),
        (504, "", False),
    ],
)
def test_what_shows_that_a_change_has_ended(code: int | None, body: str, ended: bool) -> None:
    assert slots.has_ended(Result(request(), code, body)) is ended
