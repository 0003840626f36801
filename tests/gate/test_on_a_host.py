"""The gate as root has installed it: what it runs and what around it, what it says, what it trusts."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clones.asking.one_trip import NAME, SCRIPT
from tests.conftest import ROOT
from tests.gate.installed import Installed, installed
from tests.gate.judging import FORM, GATE

SH = ["/bin/sh", "-c"]
SAYS = "echo out; echo err >&2; exit 7"
READS = 'echo "$(cat)|"'
DIES = "kill -9 $$"


def encoded(word: str) -> str:
    """A word as a policy writes it."""
    safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@+=:,./-"
    return "".join(chr(one) if one in safe else f"%{one:02X}" for one in word.encode()) or "%"


LOOKS = [
    ["/usr/bin/env"],
    ["/bin/echo", "a b", "$HOME", "`id`", "it's", '"', "*", "!", "x\ny", "\\n", ""],
    [*SH, SAYS],
    [*SH, READS],
    [*SH, DIES],
    ["/no/such/program"],
    ["/"],
    ["printf", "no newline"],
    ["/bin/sleep", "0"],
]
HEAD = f"""\
{FORM}
host somewhere
made 2026-01-31T12:00:00Z
of {"5c1f4a8b3e2d6f70" * 4}
remedy {encoded("copy what scripts/gate somewhere prints to /etc/symclone-gate.policy")}
text together {encoded(SCRIPT)}
text fence FENCE
"""
POLICY = HEAD + "".join(f"look {' '.join(encoded(word) for word in words)}\n" for words in LOOKS)
POLICY += "fence s /data/fences/s\nbare s /bin/true <token>\n"


@pytest.fixture(scope="module")
def place() -> Iterator[Installed]:
    if os.getuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root: the gate trusts only root's files")
    with installed() as one:
        yield one


@pytest.fixture
def host(place: Installed) -> Installed:
    place.allow(POLICY)
    place.has_logger(None)
    return place


def together(*lines: str) -> str:
    return shlex.join([*SH, SCRIPT, NAME, "4f1e", *lines])


@pytest.mark.parametrize("words", LOOKS[1:], ids=str)
def test_what_is_allowed_ends_as_without_a_gate(host: Installed, words: list[str]) -> None:
    line = shlex.join(words)
    alone = subprocess.run(["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True)
    gated = host.run(line)
    if words[0] in ("/no/such/program", "/"):
        assert gated.stderr.startswith(f"symclone-gate: {words[0]}: ".encode())
        assert (gated.returncode, gated.stdout) == (alone.returncode, b"")
    else:
        told = [(one.returncode, one.stdout, one.stderr) for one in (gated, alone)]
        assert told[0] == told[1]


def test_looks_that_go_together_end_as_without_a_gate(host: Installed) -> None:
    """Byte by byte, also with what they say, type and die of; what a shell says of the dead is its own."""
    lines = [shlex.join(words) for words in LOOKS[1:] if words[0] not in ("/no/such/program", "/")]
    for some in (lines, lines[:1], [*lines, *lines]):
        quiet = [line for line in some if line != shlex.join([*SH, DIES])]
        alone = subprocess.run(["/bin/sh", "-c", together(*quiet)], input=b"typed\n", capture_output=True)
        gated = host.run(together(*quiet))
        assert (gated.returncode, gated.stdout, gated.stderr) == (0, alone.stdout, alone.stderr)
        alone = subprocess.run(["/bin/sh", "-c", together(*some)], input=b"typed\n", capture_output=True)
        assert host.run(together(*some)).stdout == alone.stdout
    assert b"\n4f1e 1 127\n" in host.run(together("/no/such/program")).stdout


def test_a_look_that_is_refused_among_others(host: Installed) -> None:
    done = host.run(together("printf 'no newline'", "/bin/cat /etc/shadow", "/bin/sleep 0"))
    assert (done.returncode, done.stdout) == (0, b"no newline\n4f1e 3 0\n\n4f1e 2 119\n\n4f1e 1 0\n")
    before, refused, behind = done.stderr.split(b"\n4f1e ")[0:1] + done.stderr.split(b"\n4f1e ")[1:3]
    assert before == b"" and refused.startswith(b"3 0\nsymclone-gate: refused: nothing that this policy has:")
    assert behind.startswith(b"2 119\n")


def test_a_refusal(host: Installed) -> None:
    done = host.run("/bin/cat '/etc/shadow'\n")
    assert (done.returncode, done.stdout) == (119, b"")
    assert done.stderr.decode() == (
        "symclone-gate: refused: not written as `shlex.join` of Python writes words: "
        "/bin/cat '/etc/shadow'\\x0A; policy of 2026-01-31T12:00:00Z (5c1f4a8b3e2d): copy what scripts/gate "
        "somewhere prints to /etc/symclone-gate.policy\n"
    )


@pytest.mark.parametrize("sent", [None, ""])
def test_a_login_is_refused(host: Installed, sent: str | None) -> None:
    done = host.run(sent)
    assert (done.returncode, done.stdout) == (119, b"")
    assert done.stderr.startswith(b"symclone-gate: refused: no command: nobody works here by hand; policy of")


@pytest.mark.parametrize(
    "sent",
    ["x" * 100_001, "x" * 5_000, "\x1b]0;title\x07", b"\xff\xfe", "a\nb", "/bin/true\u2028x"],
    ids=repr,
)
def test_a_refusal_is_one_line_for_a_terminal(host: Installed, sent: str | bytes) -> None:
    done = host.run(sent)
    assert done.returncode == 119 and len(done.stderr) < 1000
    assert done.stderr.decode("ascii").count("\n") == 1 and done.stderr[:-1].decode().isprintable()


def test_the_policy_tells_of_itself(host: Installed) -> None:
    host.has_logger("#!/bin/sh\nexec cat >/dev/null\n")
    told = f"{FORM}\nhost somewhere\nmade 2026-01-31T12:00:00Z\nof {'5c1f4a8b3e2d6f70' * 4}\n"
    assert host.run("symclone-gate policy").stdout.decode() == told
    host.allow(
        POLICY
        + "for /data until 2999-01-01T00:00:00Z\nlook /bin/true\n"
        + "for /x until 2020-01-01T00:00:00Z\nlook /bin/true\n"
        + "for /y until 2999-01-01T00:00:00Z\nlook /bin/true\n"
    )
    until = "until 2020-01-01T00:00:00Z\nuntil 2999-01-01T00:00:00Z\n"
    assert host.run("symclone-gate policy").stdout.decode() == told + until
    marked = f"{told}{until}\n4f1e 1 0\n"
    assert host.run(together("symclone-gate policy")).stdout.decode() == marked
    host.has_logger(None)
    assert host.run("symclone-gate policy").stdout.decode() == f"{told}{until}log none\n"


def test_the_environment_is_the_gates(host: Installed) -> None:
    given = {
        "PATH": "/nowhere", "ENV": "/nowhere", "BASH_ENV": "/nowhere", "IFS": "/", "CDPATH": "/nowhere",
        "LD_LIBRARY_PATH": "/nowhere", "LIBPATH": "/nowhere", "SHLIB_PATH": "/nowhere",
        "PERL5LIB": "/nowhere", "PERL5OPT": "-Mno_such_module", "PERLLIB": "/nowhere",
        "PERL_UNICODE": "SDA", "PERL5DB": "exit",
        "SYMCLI_CONNECT": "other", "A": "1", "LC_all": "x", "LC_TIME": "a;b", "PS4": "x",
        "SHELLOPTS": "xtrace",
        "LANG": "C", "LC_ALL": "C", "TZ": "Europe/Paris", "USER": "u", "LOGNAME": "u", "SHELL": "/bin/sh",
        "ODMDIR": "/nowhere",
    }  # fmt: skip
    kept = {"HOME", "SSH_CONNECTION", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL", "PATH"}
    done = host.run("/usr/bin/env", env=given)
    found = dict(line.split("=", 1) for line in done.stdout.decode().splitlines())
    assert (done.returncode, done.stderr, set(found)) == (0, b"", kept)
    assert found["PATH"] == "/usr/bin:/bin:/usr/sbin:/sbin" and found["TZ"] == "Europe/Paris"
    assert (
        host.run("/usr/bin/env", env={"ODMDIR": "/etc/objrepos"}).stdout.count(b"ODMDIR=/etc/objrepos") == 1
    )


# --- Syslog


def test_both_go_to_syslog(host: Installed) -> None:
    """By the real `logger`."""
    host.has_real_logger()
    host.run("/bin/sleep 0")
    head = "symclone-gate: root from 192.0.2.7: "
    assert (line := host.logged()).startswith("<37>") and line.endswith(f"{head}accepted: /bin/sleep 0")
    host.run("/bin/sleep '0\n1'")
    assert host.logged().endswith(f"{head}refused: nothing that this policy has: /bin/sleep 0%0A1")
    host.run(together("/bin/sleep 0", "/bin/sleep 1"))
    assert host.logged().endswith("accepted: /bin/sleep 0")
    assert host.logged().endswith("refused: nothing that this policy has: /bin/sleep 1")
    host.run(None)
    assert host.logged().endswith(f"{head}refused: no command: nobody works here by hand: ")


def test_no_nonce_goes_to_syslog_nor_to_the_client(host: Installed) -> None:
    host.has_real_logger()
    host.run("/bin/true 000000000017.0123456789abcdef")
    assert host.logged().endswith("accepted: /bin/true 000000000017....")
    done = host.run(
        "/bin/false 000000000017.0123456789abc dag@run@0123456789abcdef@task@1 '000000000017.0123'"
    )
    assert b"0123" not in done.stderr and "0123" not in host.logged()


@pytest.mark.parametrize("lines", [1, 40])
def test_a_line_of_syslog_is_printable_and_has_an_end(host: Installed, lines: int) -> None:
    host.has_real_logger()
    line = "/bin/echo " + "x" * 2000 + " '\x1b[2J\n\xe9'"
    host.run(together(*[line] * lines))
    for _ in range(lines):
        said = host.logged()
        assert said.isascii() and said.isprintable() and 900 < len(said) < 1000


def test_a_logger_that_hangs_holds_nobody_up(host: Installed) -> None:
    """It is ended by its alarm, which is set to a second here."""
    host.has_logger(f"#!/bin/sh\necho $$ >{host.folder}/hangs\nexec /bin/sleep 60\n")
    began = time.monotonic()
    for sent, code in (("/bin/sleep 0", 0), ("/bin/sleep 1", 119), (together(*["/bin/sleep 0"] * 60), 0)):
        assert host.run(sent).returncode == code
    assert time.monotonic() - began < 20, "of 3 times 60 s"
    marked = host.folder / "hangs"
    while not marked.exists() or not marked.read_text() or Path(f"/proc/{int(marked.read_text())}").exists():
        assert time.monotonic() - began < 30, "the logger has not come, or goes on"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "logger", ["#!/no/such/interpreter\n", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec <&-\n"]
)
def test_a_logger_that_fails_changes_nothing(host: Installed, logger: str) -> None:
    host.has_logger(logger)
    done = host.run("printf 'no newline'")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"no newline", b"")
    assert host.run("/bin/sleep 1").returncode == 119
    assert host.run(together(*["/bin/sleep 0"] * 60)).stdout.count(b" 0\n") == 60


# --- What it trusts


def refused_as_a_whole(host: Installed, why: str) -> None:
    done = host.run("/bin/sleep 0")
    assert (done.returncode, done.stdout) == (119, b"")
    said = done.stderr.decode()
    assert said.startswith("symclone-gate: refused: the policy cannot be used: ") and why in said, said
    assert "; no policy: copy the policy anew; it, the gate and their folders must be of root, and" in said


def test_files_that_others_can_change_are_refused(host: Installed) -> None:
    """Each by itself: policy, gate, and the folder of both."""
    folder, policy, gate = host.folder, host.policy, host.gate
    for path, mode in (
        (policy, 0o664),
        (policy, 0o646),
        (gate, 0o775),
        (gate, 0o757),
        (folder, 0o777),
        (folder, 0o1777),
    ):
        kept = path.stat().st_mode & 0o7777
        path.chmod(mode)
        refused_as_a_whole(host, f"{path}: others than root can write it")
        path.chmod(kept)
    for path in (policy, gate, folder):
        os.chown(path, 65534, 65534)
        refused_as_a_whole(host, f"{path}: it is not root's")
        os.chown(path, 0, 0)
    assert host.run("/bin/sleep 0").returncode == 0


def test_links_are_followed_and_checked(host: Installed) -> None:
    real, link = host.folder / "real", host.folder / "policy"
    link.rename(real)
    for target in ("real", f"../{host.folder.name}/./real", str(real)):
        link.symlink_to(target)
        assert host.run("/bin/sleep 0").returncode == 0
        link.unlink()
    link.symlink_to(real)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    refused_as_a_whole(host, "policy: it is not root's")
    link.unlink()
    link.symlink_to("/var/tmp/policy-of-somebody")
    refused_as_a_whole(host, "/var/tmp: others than root can write it")
    link.unlink()
    link.symlink_to("policy")
    refused_as_a_whole(host, "too many links")
    link.unlink()
    real.unlink()


def test_a_policy_that_is_no_file_or_not_there(host: Installed) -> None:
    host.policy.unlink()
    refused_as_a_whole(host, "policy: No such file")
    host.policy.mkdir()
    refused_as_a_whole(host, "policy: it is no file")
    host.policy.rmdir()


BLOCK = "for /bin/sl\nlook /bin/sleep 0\nfor /other\nlook /bin/true\n"


def test_a_policy_is_whole_or_refused(host: Installed) -> None:
    """Cut at any byte, or with one more."""
    host.allow(HEAD + BLOCK)
    whole = host.policy.read_bytes()
    assert host.run("/bin/sleep 0").returncode == 0
    for end in [*range(0, len(whole), 37), *range(len(whole) - 60, len(whole))]:
        host.policy.write_bytes(whole[:end])
        refused_as_a_whole(host, "")
    host.policy.write_bytes(whole + b"\n")
    refused_as_a_whole(host, "longer than its head says")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (FORM, "symclone-gate 2", "its first line"),
        ("block 0 ", "block 1 ", "one behind the other"),
        (" /bin/sl\nblock", " /bin/s\nblock", "is not where the head says"),
        ("\nhost ", "\nhosts of ", "does not know"),
        ("\nhost somewhere", "\nhost", "says nothing"),
        ("\nblock 0", "\nblock x", "is no block"),
        ("for /bin/sl\nlook", "for /bin/sl\nlock", "does not know"),
        ("text fence FENCE", "text fence FENCE\ntext fence OTHER", "another meaning"),
    ],
)
def test_a_line_that_is_wrong(host: Installed, old: str, new: str, why: str) -> None:
    host.allow(HEAD + BLOCK)
    text = host.policy.read_text()
    assert text.count(old) == 1
    host.policy.write_text(text.replace(old, new))
    refused_as_a_whole(host, why)


def test_faults_of_a_policy_are_named_by_their_lines(host: Installed) -> None:
    host.allow(
        HEAD
        + "look /bin/a <nothing>\nlook /bin/a <in:none>\nlook /bin/a  b\nlook /bin/a%2fb\nlook <same:1>\n"
        "nonsense x y\nlook /bin/sh -c <text:none>\nlook /bin/a -c <text:fence>\n"
        "for /x\nlook /bin/<number>+\nset one a\nlook <in:one>+ <same:1>\n"
        "for /y\nlook <in:one>\nfor a;b\nlook c\n"
    )
    words = ["perl", "-T", GATE, "--check", host.policy]
    said = subprocess.run(words, capture_output=True, text=True)
    first = HEAD.count("\n") + 1
    assert said.returncode == 1 and said.stderr == ""
    found = [line.removeprefix(f"{host.policy}:") for line in said.stdout.splitlines()]
    blocks = first + 8 + 3 + 1
    assert found == [
        f"{first}: a class that is none",
        f"{first + 1}: no set none",
        f"{first + 2}: not in words parted by one blank",
        f"{first + 3}: a word that is not written as it must be",
        f"{first + 4}: no class before <same:1>",
        f"{first + 5}: a line that this gate does not know",
        f"{first + 6}: no text none",
        f"{first + 7}: a text that is not behind /bin/sh -c",
        f"{blocks + 5}: no set one",
        f"{blocks + 6}: TEXT has other characters than it may have",
    ]


def test_it_warns_of_nothing_and_its_usage() -> None:
    done = subprocess.run(["perl", "-Twc", GATE], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.splitlines()[-1].endswith("syntax OK") and len(done.stderr.splitlines()) == 1
    done = subprocess.run(["perl", "-T", GATE], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "symclone-gate POLICY (a forced command); --judge POLICY; --check POLICY\n",
    )
