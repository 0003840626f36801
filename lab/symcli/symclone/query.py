"""`symclone query [-multi] [-gb]`: the captured layout of SE 7.x; five-digit devices widen it (inferred).

With -i or -c the table is printed again and again, although the first one succeeded. -multi also shows the
targets that are not in the group (that it shows every target is relied on, the rest assumed). The XML is
assumed: it is like that of `symrdf query`, which was captured.
"""

from __future__ import annotations

from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Session
from lab.array.sessions import Pair
from lab.shell.call import Call
from lab.symcli import lock, messages, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options
from lab.symcli.pages import changed
from lab.symcli.scope import Scope

UNNAMED = "N/A"

# Recalled: the transcripts were cut before it.
LEGEND = """
Legend:

(C): X = The background copy setting is active for this pair.
     . = The background copy setting is not active for this pair.
(G): X = The Target device is associated with this group.
     . = The Target device is not associated with this group.
(D): X = The Clone session is a differential copy session.
     . = The Clone session is not a differential copy session.
(P): X = The pre-copy operation has completed one cycle
     . = The pre-copy operation has not completed one cycle

"""


def _numbers(array: Array, session: Session) -> tuple[int, int, int]:
    """Protected and modified tracks of the source, modified tracks of the target."""
    return (
        session.protected_tracks,
        changed(array, session.changed),
        changed(array, session.changed_target),
    )


@layout("symclone query: pairs", "symclone query: totals", "symclone query: legend")
def table(array: Array, found: Scope, pairs: list[Pair], totals: bool, gb: bool = False) -> str:
    more = array.width - 4
    pad, dash = " " * more, "-" * more
    rule = f"{dash}--------------------------------- {dash}---------------------------- ------------ ----\n"
    lines = [
        f"\n\n         Source Device          {pad}         Target Device {pad}           State     Copy\n",
        rule,
        f"               {pad}Protected Modified                {pad}Modified\n",
        f"Logical   Sym{pad}  Tracks    Tracks   Logical   Sym{pad}  Tracks   CGDP SRC <=> TGT  (%)\n",
        rule,
    ]
    sums = [0, 0, 0]
    for pair in pairs:
        session = array.session(pair)
        if session is None:
            continue
        source, target = found.names[pair] if found.group is not None else (UNNAMED, UNNAMED)
        mine = _numbers(array, session)
        sums = [a + b for a, b in zip(sums, mine, strict=True)]
        flags = "".join(
            "X" if f else "."
            for f in (session.background_copy, target != UNNAMED, session.differential, session.cycled)
        )
        lines.append(
            f"{source:<9} {array.name(pair[0])} {mine[0]:>9} {mine[1]:>8} {target:<9} {array.name(pair[1])}"
            f" {mine[2]:>8} {flags} {session.state:<12} {session.percent:>3}\n"
        )
    if totals:
        lines += [
            f"\nTotal           {pad}-------- --------                {pad}--------\n",
            f"  Track(s)     {pad}{sums[0]:>9} {sums[1]:>8}                {pad}{sums[2]:>8}\n",
        ]
        per_mb = 1024 // array.track_kb
        for unit, per in (("MB", per_mb), ("GB", per_mb * 1024))[: 2 if gb else 1]:
            size = [f"{s / per:.1f}" for s in sums]
            lines.append(
                f"  {unit}(s)        {pad}{size[0]:>9} {size[1]:>8}                {pad}{size[2]:>8}\n"
            )
    if array.switches.query_legend:
        lines.append(LEGEND)
    return "".join(lines)


@layout("symclone query: XML")
def _xml(array: Array, found: Scope, pairs: list[Pair]) -> str:
    inner: list[xml.Element] = []
    sums = [0, 0, 0]
    for pair in pairs:
        session = array.sessions[pair]
        mine = _numbers(array, session)
        sums = [a + b for a, b in zip(sums, mine, strict=True)]
        source, target = found.names[pair] if found.group is not None else (UNNAMED, UNNAMED)
        inner.append(("Clone_Pair", [
            ("pair_state", session.state),
            ("percent_copied", f"{session.percent}{'%' if array.switches.percent_sign else ''}"),
            ("Source", [
                ("ld_name", source), ("dev_name", array.name(pair[0])),
                ("protected_tracks", mine[0]), ("modified_tracks", mine[1]),
            ]),
            ("Target", [
                ("ld_name", target), ("dev_name", array.name(pair[1])), ("modified_tracks", mine[2]),
            ]),
        ]))  # fmt: skip
    inner.append(("Clone_Pair_Totals", [
        ("Source", [("protected_tracks", sums[0]), ("modified_tracks", sums[1])]),
        ("Target", [("modified_tracks", sums[2])]),
    ]))  # fmt: skip
    if found.group is None:
        return xml.render(("SymCLI_ML", [("Symmetrix", [("Symm_Info", [("symid", array.symid)]), *inner])]))
    kind = array.group_configs[found.group].type
    info: xml.Element = ("DG_Info", [("name", found.group), ("type", kind), ("symid", array.symid)])
    return xml.render(("SymCLI_ML", [("DG", [info, *inner])]))


async def run(call: Call, options: Options) -> int:
    interval, count = options.number("-i"), options.number("-c")
    as_xml = options.xml
    await lock.acquire(call, control=False)
    looks = 1 if interval is None and count is None else count
    done = 0
    while True:
        found = scope.resolve(call, options, sources_only=True)
        call.out(_page(found, options, as_xml))
        done += 1
        if looks is not None and done >= looks:
            return 0
        await call.host.clock.sleep(interval or found.array.switches.default_interval)


def _page(found: Scope, options: Options, as_xml: bool) -> str:
    array = found.array
    if "-multi" in options.flags:
        _add_other_targets(found)
    pairs = [p for p in found.pairs if array.session(p)]
    gb = "-gb" in options.flags
    if found.group is None:
        if len(pairs) != len(found.pairs):
            raise Refused("not_a_session", array.switches.no_session_exit)
        if as_xml:
            return _xml(array, found, pairs)
        return _file_head(found) + table(array, found, pairs, True, gb)
    if not pairs:
        text = messages.text("not_a_session") + messages.text("no_sources_in_group", group=found.group)
        raise Refused("verbatim", array.switches.no_session_exit, text=text)
    if as_xml:
        return _xml(array, found, pairs)
    return _group_head(found, found.group) + table(array, found, pairs, found.whole, gb)


def _add_other_targets(found: Scope) -> None:
    """Every other session of the sources: of a target outside the group only the number is known."""
    if found.group is None:
        sources = {s for s, _ in found.pairs}
    else:
        sources = {m.device.number for m in found.array.groups[found.group].values() if m.kind == "std"}
        if not found.whole:
            sources = {s for s, _ in found.pairs}
    by_number = {}
    if found.group is not None:
        by_number = {m.device.number: m.name for m in found.array.groups[found.group].values()}
    found.array.settle()
    for pair in sorted(found.array.sessions):
        if pair[0] in sources and pair not in found.pairs:
            found.pairs.append(pair)
            found.names[pair] = (by_number.get(pair[0], UNNAMED), by_number.get(pair[1], UNNAMED))
    found.pairs.sort()


@layout("symclone query: head of a device group")
def _group_head(found: Scope, group: str) -> str:
    return (
        f"\n\nDevice Group (DG) Name: {group}\n"
        f"DG's Type             : {found.array.group_configs[group].type}\n"
        f"DG's Symmetrix ID     : {found.array.symid}\n"
    )


@layout("symclone query: head of a device file")
def _file_head(found: Scope) -> str:
    return f"\n\nDevice File Name      : {found.file}\nDevice's Symmetrix ID : {found.array.symid}\n"


ACTION = Action(
    frozenset({"-tgt", "-multi", "-gb"}),
    frozenset({"-g", "-sid", "-f", "-i", "-c", "-output"}),
    run,
    words=None,
)
