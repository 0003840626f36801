"""What the policy of `cases/control_host.yaml` allows, once more: words, an expression each."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime

TOKEN, HEX16, NUMBER = r"[0-9]{12}\.[0-9a-f]{16}", "[0-9a-f]{16}", "(?:0|[1-9][0-9]{0,17})"
NAME = "[A-Za-z0-9_][A-Za-z0-9_.~:+-]{0,249}"
PATH = "/dev(?:/[A-Za-z0-9_@+=:,-][A-Za-z0-9_@+=:,.-]{0,254}){1,16}"
KNAME = "[A-Za-z][A-Za-z0-9_!-]{0,63}"
DEVICES = {"00A1", "00A2", "00A3", "00B1", "00B2", "0A1B2"}
PAIRS = {"00A1 00B1", "00A2 00B2"}
FILE = rf"/data/billing\.data-{HEX16}\.pairs"
SYMCLONE = ["/usr/symcli/bin/symclone", "-sid", "000190101234", "-f"]
BY_FILE = ["/bin/sh", "-c", "PAIRS", "pairs", "/data"]
LOOKS = [
    ["symclone-gate", "policy"],
    ["/bin/sh", "-c", "LOOK", "look", "/usr/bin/ps", "-ef"],
    ["/usr/symcli/bin/symdg", "-g", "DGCVI", "list", "ld", "-output", "xml_e"],
    ["/usr/bin/stat", PATH],
    ["/bin/cat", f"/sys/block/{KNAME}/size"],
    ["/usr/bin/df", "-P", "/data|/data/with blank"],
    ["/bin/ls", "-1", "/data/locks/(?:billing|ledger)"],
    ["/usr/bin/printf", "", NUMBER],
    ["/usr/bin/id"],
]
BARE = [
    ["/bin/sh", "-c", "LOCK", "lock", "/data/locks", "/data/locks/billing", f"{NAME}@{HEX16}",
     "/data/fences/billing", NUMBER],
    ["/bin/sh", "-c", "PUT", "fence", "/data/fences/(?:billing|ledger)", TOKEN],
]  # fmt: skip
CHANGES = {
    "billing": [
        ["/usr/sbin/vgchange", "-a", "y", "vgbill"],
        ["/usr/bin/umount", "/data"],
        ["/usr/bin/blockdev", "--setra", NUMBER, "/dev/mapper/mpath[ab]"],
        [*SYMCLONE, "/data/billing.pairs", "-noprompt", "restore"],
    ],
    "ledger": [["/usr/sbin/vgchange", "-a", "y", "vgledger"]],
}


def _is(words: list[str], form: list[str]) -> bool:
    return len(words) == len(form) and all(
        re.fullmatch(one, word) for one, word in zip(form, words, strict=True)
    )


def _some(text: str, parted: str, those: set[str]) -> bool:
    found = text.split(parted)
    return set(found) <= those and len(set(found)) == len(found)


def _by_file(words: list[str], rest: list[str], behind: list[str]) -> bool:
    """A pair file, and a command that reads the same one."""
    if words[:5] != BY_FILE or len(words) < 7 or not re.fullmatch(FILE, words[5]):
        return False
    same = words[7:] == [*rest, *SYMCLONE, words[5], *behind]
    return same and _some(words[6], "\n", PAIRS)


def _look(words: list[str]) -> bool:
    symdev = ["env", "LC_ALL=C", "/usr/symcli/bin/symdev", "-sid", "000190101234", "list", "-v", "-devs"]
    return (
        any(_is(words, form) for form in LOOKS)
        or (words[:8] == symdev and words[9:] == ["-output", "xml_e"] and _some(words[8], ",", DEVICES))
        or (words[0] == "/usr/bin/echo" and len(words) > 1 and all(re.fullmatch(NAME, w) for w in words[1:]))
        or (words[0] == "/usr/bin/lsblk" and len(words) > 1 and all(re.fullmatch(PATH, w) for w in words[1:]))
        or (_is(words, ["/usr/bin/cmp", PATH, PATH]) and words[1] == words[2])
        or _by_file(words, [], ["query"])
    )


def _change(service: str, words: list[str]) -> bool:
    recreate = ["-noprompt", "recreate", "-precopy"]
    return any(_is(words, form) for form in CHANGES[service]) or (
        service == "billing" and _by_file(words, ["env", "SYMCLI_WAIT_ON_DB=1"], recreate)
    )


def words_of(line: str) -> list[str] | None:
    """The words that `shlex.join` has made a line of."""
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    return words if words and shlex.join(words) == line else None


def allows(sent: bytes) -> bool:
    """Whether the policy lets a line through."""
    assert datetime.now(UTC).year < 2999
    words = words_of(sent.decode("latin-1"))
    if words is None or len(sent) > 100_000:
        return False
    if words[:4] == ["/bin/sh", "-c", "TOGETHER", "together"]:
        lines = [words_of(line) for line in words[5:]]
        numbered = len(words) > 5 and re.fullmatch("[0-9A-Za-z]{1,64}", words[4])
        return bool(numbered) and all(line and _look(line) for line in lines)
    if words[:4] == ["/bin/sh", "-c", "FENCE", "fence"]:
        if len(words) < 7 or not re.fullmatch(TOKEN, words[5]):
            return False
        service = re.fullmatch("/data/fences/(billing|ledger)", words[4])
        return bool(service) and _change(service[1], words[6:])
    return _look(words) or any(_is(words, form) for form in BARE)
