"""`scripts/fuzz` with a product that takes every service for down: it must be found out."""

from __future__ import annotations

import sys

from clones import copies
from clones.scope import Scope
from clones.steps import Steps
from fuzz.__main__ import main


def believed(scope: Scope) -> Steps[list[object]]:
    yield from ()
    return []


copies.prove_down = believed  # type: ignore[assignment]
sys.exit(main(sys.argv[1:]))
