"""The rules of each program, in its own form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clones.backends.symclone.commands import ENVIRONMENT
from clones.privileges import doas, pbrun, pfexec, sudoers
from clones.privileges.needs import Asked, Need, Written


def _kept(asked: Asked) -> list[str]:
    """The variables that the commands need."""
    return ["LC_ALL", *(one.partition("=")[0] for one in ENVIRONMENT if asked.of_symcli)]


def _free(needs: list[Need], remedy: str) -> list[str]:
    """What has no rule, for a word of it is another each time."""
    return [f"`{one.line}` ({one.why}): {remedy}" for one in needs if not one.fixed]


def _allowed(asked: Asked) -> tuple[list[Need], list[str]]:
    """What may have a rule, and what none may have, in sentences."""
    refused = [f"`{one.line}` ({one.why}): {one.refused}" for one in asked.needs if one.refused]
    return [one for one in asked.needs if not one.refused], refused


def _doas(asked: Asked) -> Written:
    needs, left_out = _allowed(asked)
    left_out += _free(needs, "doas knows no patterns: take sudo on this host, or do without what needs it")
    text = doas.conf(asked.account, needs, _kept(asked))
    place = f"Add it to {doas.FILE} on {asked.connection}. Check: {doas.CHECKED}."
    return Written(text, place, tuple(left_out))


def _pfexec(asked: Asked) -> Written:
    needs, left_out = _allowed(asked)
    place = f"Add its lines on {asked.connection} to the files that it names. Check: {pfexec.CHECKED}."
    return Written(pfexec.profile(asked.account, needs), place, tuple(left_out))


def _pbrun(asked: Asked) -> Written:
    needs, left_out = _allowed(asked)
    left_out += _free(needs, "write a rule of pbrun for it by hand")
    text = pbrun.policy(asked.account, needs, _kept(asked))
    return Written(
        text, f"Hand it to whoever keeps the policy of pbrun. It {pbrun.CHECKED}.", tuple(left_out)
    )


FORMS: Mapping[str, Callable[[Asked], Written]] = {
    "sudo": sudoers.write, "doas": _doas, "pfexec": _pfexec, "pbrun": _pbrun,
}  # fmt: skip
