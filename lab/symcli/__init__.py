"""SYMCLI as far as the lab knows it: a small file a command. How sure each is: `lab/tools/coverage.yaml`."""

from __future__ import annotations

from collections.abc import Mapping

from lab.shell.call import Program
from lab.symcli import banner, symaudit, symcfg, symdev, symdg, syminq, symld, symsg
from lab.symcli.action import Action, program
from lab.symcli.symclone import ACTIONS as SYMCLONE

ACTIONS: dict[str, Mapping[str, Action]] = {
    "symaudit": symaudit.ACTIONS,
    "symcfg": symcfg.ACTIONS,
    "symcli": banner.ACTIONS,
    "symclone": SYMCLONE,
    "symdev": symdev.ACTIONS,
    "symdg": symdg.ACTIONS,
    "syminq": syminq.ACTIONS,
    "symld": symld.ACTIONS,
    "symsg": symsg.ACTIONS,
}
"""Every command with its actions; an action named "" is the command without a word."""

COMMANDS: dict[str, Program] = {name: program(actions) for name, actions in ACTIONS.items()}
