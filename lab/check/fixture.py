"""For pytest: `from lab.check.fixture import kept` makes a fixture that checks journals when a test ends.

```python
def test_refresh(kept, lab):
    kept(lab, services="config/services.yaml")            # everything must hold
    kept(lab, breaks={5})                                 # this test breaks the fifth on purpose
```
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from lab.check import findings
from lab.inprocess import Lab
from lab.operations import Operations

Watch = Callable[..., None]


def hold(entries: list[dict[str, Any]], services: Any = None, breaks: Collection[int] = ()) -> None:
    """Fail when the journal breaks an invariant, or does not break one that is said to be broken.

    :raises AssertionError: with one line a finding.
    """
    found = findings(entries, services)
    wrong = [f for f in found if f.invariant not in breaks]
    assert not wrong, "the journal shows:\n  " + "\n  ".join(wrong)
    missing = set(breaks) - {f.invariant for f in found}
    assert not missing, f"nothing in the journal breaks invariant {', '.join(map(str, sorted(missing)))}"


@pytest.fixture
def kept() -> Iterator[Watch]:
    """`kept(lab, services=None, breaks=())`: at the end of the test, what the journal of that lab shows."""
    watched: list[tuple[Operations, Any, Collection[int]]] = []

    def watch(lab: Operations, services: Any = None, breaks: Collection[int] = ()) -> None:
        watched.append((lab, services, breaks))

    yield watch
    for lab, services, breaks in watched:
        hold(_journal(lab), services, breaks)


def _journal(lab: Operations) -> list[dict[str, Any]]:
    """Of a lab in this process also when it has stopped by now."""
    return lab.running.journal.entries if isinstance(lab, Lab) and lab.running else lab.journal
