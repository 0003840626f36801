"""`symaudit -sid SID [-v] [-start_date DATE] list`: the control actions that were done, from a date on.

That both options are sent is relied on. How a date is written is recalled; the layout is assumed.

`symaudit show`: how many records there are. That it exists is relied on; what it prints is assumed.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

from lab.array.array import Array
from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli import lock, scope
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options


async def _list(call: Call, options: Options) -> int:
    if "-sid" not in options.values:
        raise Refused("symid_needed", command=call.name)
    array = scope.array_of(call.host.arrays, options.values["-sid"])
    since = _since(call, options)
    await lock.acquire(call, control=False)
    _table(call, array, since)
    return 0


def _since(call: Call, options: Options) -> float:
    """Seconds since the epoch, of `MM/DD/YYYY` or `MM/DD/YYYY:HH:MM:SS` in the host's time."""
    text = options.values.get("-start_date")
    if text is None:
        return 0.0
    for form in ("%m/%d/%Y", "%m/%d/%Y:%H:%M:%S"):
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=ZoneInfo(call.host.timezone)).timestamp()
    raise Refused("bad_value", command=call.name, option="-start_date", value=text)


async def _show(call: Call, options: Options) -> int:
    arrays = call.host.arrays
    if "-sid" in options.values:
        arrays = [scope.array_of(call.host.arrays, options.values["-sid"])]
    await lock.acquire(call, control=False)
    for array in arrays:
        _summary(call, array)
    return 0


@layout("symaudit show: text")
def _summary(call: Call, array: Array) -> None:
    call.out(
        "\n                  A U D I T   L O G   D A T A\n\n"
        f"Symmetrix ID            : {array.symid}\n"
        f"Number of Records       : {len(array.audit)}\n\n"
    )


@layout("symaudit list: text")
def _table(call: Call, array: Array, since: float) -> None:
    call.out(
        "\n                  A U D I T   L O G   D A T A\n\n"
        f"Symmetrix ID            : {array.symid}\n\n"
        "Record\n"
        "Number   Date     Time     Host         User     Application  Action\n"
        "-------- -------- -------- ------------ -------- ------------ ----------------------------\n"
    )
    zone = ZoneInfo(call.host.timezone)
    for number, (at, host, user, action) in enumerate(array.audit, start=1):
        if at < since:
            continue
        moment = datetime.fromtimestamp(at, zone)
        call.line(
            f"{number:>8} {moment:%m/%d/%y} {moment:%H:%M:%S} {host[:12]:<12} {user[:8]:<8}"
            f" {'SYMCLI':<12} {action}"
        )
    call.line()


ACTIONS = {
    "list": Action(frozenset({"-v"}), frozenset({"-sid", "-start_date"}), _list),
    "show": Action(frozenset(), frozenset({"-sid"}), _show),
}
