"""`symclone verify -STATE`: 0 all pairs, k some, k+1 none. With -i or -c it polls until all are."""

from __future__ import annotations

from lab import states
from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli import lock, messages, scope
from lab.symcli.action import Action
from lab.symcli.options import Options
from lab.symcli.scope import Scope

DEFAULT_FLAG = "-copied"  # recalled; callers should always give one


def _look(options: Options, found: Scope, flag: str) -> tuple[int, str]:
    """(exit code, text) of one look at all pairs."""
    wanted, code = states.VERIFY[flag]
    code = found.array.switches.verify_codes.get(flag[1:], code)
    sessions = [found.array.session(p) for p in found.pairs]
    if not sessions or any(s is None for s in sessions):
        raise Refused("not_a_session")
    cycled = "-cycled" in options.flags
    met = [s for s in sessions if s is not None and s.state in wanted and (s.cycled or not cycled)]
    title = {"scope": found.title, "state": min(wanted) + (" (cycled)" if cycled else "")}
    if len(met) == len(sessions):
        return 0, messages.text("verify_all", **title)
    if met:
        return code, messages.text("verify_some", **title)
    return code + 1, messages.text("verify_none", **title)


async def run(call: Call, options: Options) -> int:
    flags = [f for f in options.flags if f in states.VERIFY]
    found = scope.resolve(call, options)
    switches = found.array.switches
    if not flags and switches.verify_without_flag == "copied":
        flags = [DEFAULT_FLAG]
    if len(flags) != 1 or ("-cycled" in options.flags and flags != ["-precopy"]):
        raise Refused("one_flag", command=call.name)
    interval, count = options.number("-i"), options.number("-c")
    if switches.verify_waits_for_locks:
        await lock.acquire(
            call, control=False, interval=interval, count=count, default=switches.default_interval
        )
    else:
        await lock.acquire(call, control=False)
    looks = 1 if interval is None and count is None else count
    done = 0
    while True:
        code, text = _look(options, found, flags[0])
        done += 1
        if code == 0 or (looks is not None and done >= looks):
            call.out(text)
            return code
        await call.host.clock.sleep(interval or switches.default_interval)


ACTION = Action(
    frozenset(states.VERIFY) | {"-cycled", "-force", "-tgt", "-noprompt", "-concurrent"},
    frozenset({"-g", "-sid", "-f", "-i", "-c"}),
    run,
    words=None,
)
