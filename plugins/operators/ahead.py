"""What a task needs in any case is begun while Airflow still prepares it: logins, and answers of Airflow's.

Between the rendering of a task's templates and its work Airflow asks its API server twice, and a login takes
as long as one of these. A login sends no command, and nothing is decided here: what goes wrong is left to
:meth:`execute`, which does it again and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CommsDecoder
from jinja2 import Environment

from clones.config.scope import Scope
from hooks.beside import beside

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook

T = TypeVar("T")


class AheadOperator(BaseOperator):
    """Logs in to its hosts as soon as it knows which ones these are."""

    _known: tuple[Scope, SymcliHook] | None = None

    def scope(self) -> Scope:
        """The service that this task works on; errors as of :class:`operators.base.CloneOperator`."""
        raise NotImplementedError

    def open(self) -> SymcliHook:
        """The way to its hosts.

        :raises ConfigError: a package is missing, by name.
        """
        raise NotImplementedError

    def asks(self, scope: Scope) -> Sequence[str]:
        """The hosts that this task asks in any case, by connection, the first one first."""
        raise NotImplementedError

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """As Airflow's, right after which the logins begin."""
        super().render_template_fields(context, jinja_env)
        with suppress(Exception):  # said by `execute`
            scope = self.scope()
            if names := self.asks(scope):
                self._known = scope, self.open()
                self._known[1].expect(names)

    def begun(self) -> tuple[Scope, SymcliHook]:
        """The service and the way to its hosts, each given out once: what was begun, or new ones.

        :raises CloneError: as :meth:`scope` and :meth:`open`.
        """
        known, self._known = self._known, None
        return known or (self.scope(), self.open())


def aside(ask: Callable[[], T]) -> Callable[[], T]:
    """Ask Airflow while hosts are asked.

    The way from a task's process to its supervisor may be used by several threads (a lock of Airflow's keeps
    them apart, 3.3.2). Where there is no such process, as in `dag.test()`, it may not: it is then asked when
    the answer is needed.

    :param ask: asks for something, in a thread of its own.
    :returns: gives the answer, once it is there; what `ask` has raised is raised there.
    """
    if not isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), CommsDecoder):
        return cache(ask)
    return beside(ask).result
