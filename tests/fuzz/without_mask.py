"""`scripts/fuzz` with a product that takes every `before_start` hook for done: it must be found out."""

from __future__ import annotations

import sys

from clones.act import before_start
from clones.asking.steps import Steps
from clones.config import Hook
from clones.config.scope import Scope
from fuzz.__main__ import main


def believed(scope: Scope, hook: Hook) -> Steps[dict[str, str]]:
    yield from ()
    return {"data": "any"}


# Before the modules are loaded that take these from there.
before_start.run_before_start = believed
before_start.refuse_other_copies = lambda scope, seen, behind: None
sys.exit(main(sys.argv[1:]))
