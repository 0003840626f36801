"""Tries that may only have stood still are shut out before others act, by tasks that do their work anyway.

A task that failed may still be there: Airflow has taken it for dead, or a person has marked it as failed.
What it sends then must not come through once an `after_activate` has ended what it rests on, or people act on
the hosts. Where that cannot be done, the task that asks for it goes on, and says so in its log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.sdk import Context

from clones.act import lock
from clones.asking import fence
from clones.asking.steps import Result
from clones.config.scope import Scope
from clones.errors import CloneError
from operators.base import CloneOperator
from operators.newest_try import former_name, owner

if TYPE_CHECKING:
    from hooks.symcli import SymcliHook


def keep_lock(task: CloneOperator, context: Context, scope: Scope, hosts: SymcliHook) -> bool:
    """Shut earlier tries of the run out of the control host, if the run holds the lock. Whether it does.

    :raises CloneError: as :func:`clones.act.lock.keep`.
    """
    task.this_try = owner(context)
    hosts.fence = hosts.run(lock.keep(scope, task.this_try, former=former_name))
    return hosts.fence is not None


def shut_out_of(task: CloneOperator, scope: Scope, hosts: SymcliHook, names: Sequence[str]) -> list[Result]:
    """Shut earlier tries out of these hosts, by connection, as far as they can be reached; needs the lock.

    :returns: what runs on those that were, asked for after that.
    """
    assert hosts.fence is not None
    listed: list[Result] = []
    for host in names:
        try:
            listed += hosts.run(fence.put_on(scope, hosts.fence, [host])).values()
        except CloneError as error:
            task.log.warning(
                "%s\nWhat to do before you act on %s by hand: check that no task of this run works any "
                "more. A task that only stopped responding can still send its command there.",
                error,
                host,
            )
    return listed
