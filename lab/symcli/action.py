"""What an action of a command is, and how a command finds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from lab.array.refused import Refused
from lab.shell.call import Call, Program
from lab.symcli import options
from lab.symcli.command import refusing
from lab.symcli.options import Options

SHORTEST = 3
"""Letters that a shortened action word must have. Assumed: only that `est` is enough was seen."""


@dataclass(frozen=True)
class Action:
    """`flags` stand alone, `values` have a value after them; `words` is how many words follow the action,
    None for any number."""

    flags: frozenset[str]
    values: frozenset[str]
    run: Callable[[Call, Options], Awaitable[int]]
    words: int | None = 0


def program(actions: Mapping[str, Action]) -> Program:
    """The program with these actions; the action named "" is what it does without a word."""
    flags = frozenset(f for a in actions.values() for f in a.flags)
    values = frozenset(v for a in actions.values() for v in a.values)

    @refusing
    async def run(call: Call) -> int:
        opts = options.read(call, flags, values)
        action = _find(call, actions, opts)
        given = options.given(call)
        # A default from the environment is only for the actions that know it.
        opts.values = {k: v for k, v in opts.values.items() if k in action.values or k in given}
        opts.flags = {f for f in opts.flags if f in action.flags or f in given}
        opts.allow(action.flags, action.values)
        rest = opts.words[1:]
        if action.words is not None and len(rest) > action.words:
            raise Refused("extra_word", command=call.name, word=rest[action.words])
        if action.words is not None and len(rest) < action.words:
            raise Refused("word_needed", command=call.name, action=opts.words[0])
        return await action.run(call, opts)

    return run


def _find(call: Call, actions: Mapping[str, Action], opts: Options) -> Action:
    if "" in actions and (not opts.words or len(actions) == 1):
        opts.words.insert(0, "")
    if not opts.words:
        raise Refused("action_needed", command=call.name)
    word = opts.words[0].lower()
    found = [word] if word in actions else []
    short = all(a.switches.action_abbreviations == "accepted" for a in call.host.arrays)
    if not found and short and len(word) >= SHORTEST:
        found = [name for name in actions if name.startswith(word)]
    if len(found) != 1:
        raise Refused("unknown_action", command=call.name, action=opts.words[0])
    opts.words[0] = found[0]
    return actions[found[0]]
