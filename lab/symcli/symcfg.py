"""`symcfg list`: text captured with SE 7.x, XML with SE 10.1. `symcfg discover`: its output is assumed."""

from __future__ import annotations

from lab.array import Array
from lab.shell.call import Call
from lab.symcli import lock, messages, scope, xml
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options

HEAD = """
                                S Y M M E T R I X

                                       Mcode    Cache      Num Phys  Num Symm
    SymmID       Attachment  Model     Version  Size (MB)  Devices   Devices

"""


def _arrays(call: Call, options: Options) -> list[Array]:
    if "-sid" in options.values:
        return [scope.array_of(call.host, options.values["-sid"])]
    arrays: list[Array] = call.host.arrays
    return arrays


async def _list(call: Call, options: Options) -> int:
    as_xml = options.xml
    await lock.acquire(call, control=False)
    arrays = _arrays(call, options)
    if as_xml:
        _xml(call, arrays)
    else:
        _table(call, arrays)
    return 0


@layout("symcfg list: XML")
def _xml(call: Call, arrays: list[Array]) -> None:
    found: list[xml.Element] = [
        ("Symmetrix", [("Symm_Info", [
            ("symid", a.symid), ("attachment", "Local"), ("model", a.config.model),
            ("microcode_version", a.config.microcode), ("cache_megabytes", a.config.cache_megabytes),
            ("devices", len(a.devices)), ("physical_devices", 3),
        ])])
        for a in arrays
    ]  # fmt: skip
    call.out(xml.render(("SymCLI_ML", found)))


@layout("symcfg list: text")
def _table(call: Call, arrays: list[Array]) -> None:
    call.out(HEAD)
    for a in arrays:
        config = a.config
        call.line(
            f"    {a.symid} {'Local':<11} {config.model:<9} {config.microcode:<7} {config.cache_megabytes:>8}"
            f" {3:>9} {len(a.devices):>9}"
        )
    call.line()


async def _discover(call: Call, options: Options) -> int:
    _arrays(call, options)
    await lock.acquire(call, control=False)
    call.out(messages.text("discover"))
    return 0


ACTIONS = {
    "list": Action(frozenset(), frozenset({"-sid", "-output"}), _list),
    "discover": Action(frozenset(), frozenset({"-sid"}), _discover),
}
