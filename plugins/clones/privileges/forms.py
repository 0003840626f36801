"""Which module writes the rules of which program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clones.privileges import sudoers
from clones.privileges.needs import Asked, Written

FORMS: Mapping[str, Callable[[Asked], Written]] = {"sudo": sudoers.write}
