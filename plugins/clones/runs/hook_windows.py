"""When the hooks around an activation run again: what `before_activate` began, `after_activate` ends.

*Clear, Only failed tasks* clears no task that succeeded. So a task that needs what a `before_activate` began
asks whether an `after_activate` has ended it since, and then begins it again. It is told by marks: a task
leaves a new one when its `before_activate` are in force, and an `after_activate` leaves the marks that it
ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clones.config import Hook

FAILED = frozenset({"failed", "upstream_failed"})
"""How Airflow calls a task that has failed, or that was not run after such a one."""


@dataclass(frozen=True)
class Window:
    """The ids of the tasks around one activation, in their order.

    :param before: of its `before_activate`.
    :param activate: of the activation itself.
    :param after: of its `after_activate`.
    """

    before: tuple[str, ...] = ()
    activate: str = ""
    after: tuple[str, ...] = ()

    @property
    def begins(self) -> tuple[str, ...]:
        """The tasks that leave a mark: each of `before`, and the activation that has begun them again."""
        return (*self.before, self.activate)

    def earlier(self, task: str) -> list[str]:
        """The tasks before one of them.

        :raises ValueError: it is none of them.
        """
        tasks = [*self.before, self.activate, *self.after]
        return tasks[: tasks.index(task)]

    def is_over(self, task: str, begun: Mapping[str, str], ended: Collection[str]) -> bool:
        """Whether what was in force up to this task, by the last that left a mark, was ended since.

        :param begun: by task, the mark that it left, without those that left none.
        :param ended: the marks that were ended.
        """
        marks = [begun[one] for one in (*self.earlier(task), task) if one in begun]
        return bool(marks) and marks[-1] in ended

    def failed(self, task: str, states: Mapping[str, object]) -> list[str]:
        """The tasks before this one for which an `after_activate` fails once its command has run, too: it
        must run again when they do.

        :param states: of the run's tasks, in Airflow's words.
        """
        return [one for one in self.earlier(task) if str(states.get(one)) in FAILED]


def to_run(hooks: Sequence[Hook], hook: Hook, *, again: bool) -> list[Hook]:
    """What the task of one `before_activate` runs: its own hook, after those before it if they were ended.

    :param hooks: all `before_activate` of the sync, in order.
    """
    return list(hooks[: hooks.index(hook) + 1]) if again else [hook]
