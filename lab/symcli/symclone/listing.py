"""`symclone [-sid SID] list [-v]`: every session of the arrays.

That it exists is relied on; its text is assumed, and like that of `symmir list`, with -v too. The XML is
relied on by the vendor's own monitoring, with -v: a `Clone` has a `Session`, with the state,
`Source/dev_name` and `Target/dev_name`.
"""

from __future__ import annotations

from lab.array.array import Array
from lab.array.refused import Refused
from lab.array.session import Session
from lab.shell.call import Call
from lab.symcli import lock, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options
from lab.symcli.pages import action_time, changed


async def run(call: Call, options: Options) -> int:
    as_xml = options.xml
    arrays = call.host.arrays
    if "-sid" in options.values:
        arrays = [scope.array_of(call.host.arrays, options.values["-sid"])]
    await lock.acquire(call, control=False)
    for array in arrays:
        array.settle()
    if not any(a.sessions for a in arrays):
        raise Refused("no_devices")
    if as_xml:
        _xml(call, arrays)
        return 0
    for array in arrays:
        if array.sessions:
            _table(call, array)
    return 0


@layout("symclone list: text")
def _table(call: Call, array: Array) -> None:
    pad, dash = " " * (array.width - 4), "-" * (array.width - 4)
    rule = f"{dash}----------------------- {dash}-------------- ---- ------------ ----\n"
    call.out(
        f"\nSymmetrix ID: {array.symid}\n\n"
        f"     Source Device      {pad} {pad}Target Device  Flgs State        Copy\n"
        f"{rule}"
        f"Sym{pad}  Protected Modified Sym{pad}   Modified CDP  SRC <=> TGT   (%)\n"
        f"{rule}"
    )
    for (source, target), session in sorted(array.sessions.items()):
        flags = "".join(
            "X" if f else "." for f in (session.background_copy, session.differential, session.cycled)
        )
        call.line(
            f"{array.name(source)} {session.protected_tracks:>9} {changed(array, session.changed):>8}"
            f" {array.name(target)} {changed(array, session.changed_target):>9} {flags}  {session.state:<12}"
            f" {session.percent:>3}"
        )
    call.line()


@layout("symclone list: XML")
def _xml(call: Call, arrays: list[Array]) -> None:
    found: list[xml.Element] = [
        ("Symmetrix", [
            ("Symm_Info", [("symid", array.symid)]),
            *(("Clone", [_session(call, array, s)]) for _, s in sorted(array.sessions.items())),
        ])
        for array in arrays
    ]  # fmt: skip
    call.out(xml.render(("SymCLI_ML", found)))


def _session(call: Call, array: Array, session: Session) -> xml.Element:
    return ("Session", [
        ("Source", [
            ("dev_name", array.name(session.source)), ("protected_tracks", session.protected_tracks),
            ("modified_tracks", changed(array, session.changed)),
        ]),
        ("Target", [
            ("dev_name", array.name(session.target)),
            ("modified_tracks", changed(array, session.changed_target)),
        ]),
        ("state", session.state),
        ("percent_copied", f"{session.percent}{'%' if array.switches.percent_sign else ''}"),
        ("last_action", action_time(call, array, session.last_action)),
    ])  # fmt: skip


ACTION = Action(frozenset({"-v"}), frozenset({"-sid", "-output"}), run)
