"""Runs a command's body and turns a refusal into its text and exit code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from lab.array.refused import Refused
from lab.shell.call import Call
from lab.symcli import messages

Body = Callable[[Call], Awaitable[int]]


def refusing(body: Body) -> Body:
    @wraps(body)
    async def run(call: Call) -> int:
        try:
            return await body(call)
        except Refused as refused:
            words = {"action": "requested", **refused.words}
            call.err(messages.text(refused.key, **words))
            return refused.exit

    return run
