"""`symcli`: the banner, captured with SE 10.1. `symcli -def`: documented; its layout is assumed."""

from __future__ import annotations

from lab.shell.call import Call
from lab.symcli.action import Action
from lab.symcli.layout import layout
from lab.symcli.options import Options

BANNER = (
    "Symmetrix Command Line Interface (SYMCLI) Version V10.1.0.0 (Edit Level: 2752)\n"
    "built with SYMAPI Version V10.1.0.0 (Edit Level: 2752)\n"
)


async def _run(call: Call, options: Options) -> int:
    if "-def" in options.flags:
        _settings(call)
    else:
        _banner(call)
    return 0


@layout("symcli: banner")
def _banner(call: Call) -> None:
    call.out(BANNER)


@layout("symcli: settings in force")
def _settings(call: Call) -> None:
    call.out("\n  Symmetrix Command Line Interface (SYMCLI) settings in force\n\n")
    for name in sorted(n for n in call.env if n.startswith(("SYMCLI_", "SYMAPI_"))):
        call.line(f"    {name:<30} : {call.env[name]}")
    call.line()


ACTIONS = {"": Action(frozenset({"-def"}), frozenset(), _run)}
