"""What a command is about: an array, a device group, pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lab.array.array import Array
from lab.array.inventory import GroupMember
from lab.array.refused import Refused
from lab.array.sessions import Pair
from lab.filesystem import FileError
from lab.shell.call import Call
from lab.symcli.options import Options


@dataclass
class Scope:
    """`names` gives the logical names of each pair; `whole` says that no pairs were named on the line."""

    array: Array
    pairs: list[Pair]
    names: dict[Pair, tuple[str, str]]
    group: str | None = None
    file: str | None = None
    whole: bool = False

    @property
    def title(self) -> str:
        return f"group '{self.group}'" if self.group is not None else f"device file '{self.file}'"


def array_of(arrays: Sequence[Array], symid: str) -> Array:
    """By the 12 digits or by their end."""
    found = [a for a in arrays if symid.isdigit() and a.symid.endswith(symid)]
    if len(found) != 1:
        raise Refused("no_such_symid", symid=symid)
    return found[0]


def group_of(arrays: Sequence[Array], name: str) -> tuple[Array, dict[str, GroupMember]]:
    for array in arrays:
        if name in array.groups:
            return array, array.groups[name]
    raise Refused("no_such_group", group=name)


def resolve(call: Call, options: Options, *, making: bool = False, sources_only: bool = False) -> Scope:
    """The pairs of a symclone command. `making` pairs up a whole group that has no sessions yet."""
    group, file = options.values.get("-g"), options.values.get("-f")
    words = options.words[1:]
    if group is not None and file is not None:
        raise Refused("scope_twice", command=call.name)
    if group is not None:
        return _group(call, options, group, words, making, sources_only)
    if file is None:
        raise Refused("scope_needed", command=call.name)
    if words:
        raise Refused("extra_word", command=call.name, word=words[0])
    if "-sid" not in options.values:
        raise Refused("symid_needed", command=call.name)
    array = array_of(call.host.arrays, options.values["-sid"])
    pairs = _read_file(call, array, file)
    return Scope(array, pairs, {p: (array.name(p[0]), array.name(p[1])) for p in pairs}, file=file)


def _read_file(call: Call, array: Array, file: str) -> list[Pair]:
    try:
        text = call.files.read(call.path(file), call.login)
    except FileError:
        raise Refused("no_file", file=file) from None
    pairs: list[Pair] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split()
        if not content or content[0].startswith("#"):
            continue
        if len(content) != 2 or not all(re.fullmatch(r"[0-9A-Fa-f]{1,5}", c) for c in content):
            raise Refused("bad_file_line", file=file, line=number, content=line.strip())
        pairs.append((array.device(content[0]).number, array.device(content[1]).number))
    if not pairs:
        raise Refused("empty_file", file=file)
    _refuse_twice(array, pairs)
    return pairs


def _refuse_twice(array: Array, pairs: list[Pair]) -> None:
    for target, times in Counter(target for _, target in pairs).items():
        if times > 1:
            raise Refused("duplicate_pair", device=array.name(target))


def _group(
    call: Call, options: Options, name: str, words: list[str], making: bool, sources_only: bool
) -> Scope:
    array, members = group_of(call.host.arrays, name)
    symid = options.values.get("-sid")
    # A default from the environment does not contradict a group; an option does.
    if symid is not None and "-sid" in [w.lower() for w in call.words] and not array.symid.endswith(symid):
        raise Refused("symid_of_group", group=name, symid=symid)
    if words and not (sources_only and len(words) == 1):
        pairs, names = _pair_words(call, name, members, words)
        _refuse_twice(array, pairs)
        return Scope(array, pairs, names, group=name)
    if "-tgt" in options.flags:
        kinds = {"tgt"}
    elif array.switches.whole_group_needs_tgt:
        kinds = {"std", "bcv"}
    else:
        kinds = {"std", "bcv", "tgt"}
    by_number = {m.device.number: m for m in members.values()}
    if words and words[0] not in members:
        raise Refused("no_such_ld", name=words[0], group=name)
    found = [
        p
        for number in sorted(by_number)
        for p in array.sessions.pairs_of_source(number)
        if p[1] in by_number
        and by_number[p[1]].kind in kinds
        and (not words or by_number[p[0]].name == words[0])
    ]
    names = {p: (by_number[p[0]].name, by_number[p[1]].name) for p in found}
    if making:
        found, names = _pair_up(members, "tgt" if "-tgt" in options.flags else "bcv")
        if not found:
            raise Refused("no_pairs_in_group", group=name)
    return Scope(array, found, names, group=name, whole=not words)


def _pair_up(members: dict[str, GroupMember], kind: str) -> tuple[list[Pair], dict[Pair, tuple[str, str]]]:
    sources = [m for m in members.values() if m.kind == "std"]
    targets = [m for m in members.values() if m.kind == kind]
    both = [
        ((s.device.number, t.device.number), (s.name, t.name)) for s, t in zip(sources, targets, strict=False)
    ]
    return [p for p, _ in both], dict(both)


def _pair_words(
    call: Call, group: str, members: dict[str, GroupMember], words: list[str]
) -> tuple[list[Pair], dict[Pair, tuple[str, str]]]:
    pairs: list[Pair] = []
    names: dict[Pair, tuple[str, str]] = {}
    for start in range(0, len(words), 4):
        four = words[start : start + 4]
        if len(four) != 4 or [w.lower() for w in four[1:3]] != ["sym", "ld"]:
            raise Refused("bad_pair_words", command=call.name, word=four[0])
        for ld in (four[0], four[3]):
            if ld not in members:
                raise Refused("no_such_ld", name=ld, group=group)
        pair = (members[four[0]].device.number, members[four[3]].device.number)
        pairs.append(pair)
        names[pair] = (four[0], four[3])
    return pairs, names
