"""Everything that can go wrong, as one tree.

CloneError
├── ConfigError      services.yaml or a form says something that cannot be meant
│   └── Mistyped     the form of a run does: whoever triggered it is looking at it
├── Refused          it must not be done; trying again cannot help
│   ├── Torn         only some pairs of a sync were activated
│   │   └── TornForNow  and the next try mends it, or sees that all are
│   └── Missing      what is configured is not there, as was seen
├── NotApproved      no second person has said yes to it
└── TryAgain         it may pass by itself
    ├── Locked       another command holds the array, the database, a gatekeeper or the service
    │   └── NotMyTurn  another run works on the service: this one goes on once that one has ended
    ├── Fenced       a newer try has taken over: this one may change nothing any more
    ├── Stale        what was looked at was seen too long ago to act on: it is looked at again
    ├── NotDone      a command ended, and what it was to bring about is not so
    ├── MustWait     the copy is moving: the same step goes on once it has settled
    └── Unknown      it could not be told what is so, or what was done
        └── Unreadable  an answer came, and cannot be read
"""

from __future__ import annotations

from dataclasses import dataclass

from clones.clean import cleaned


class CloneError(Exception):
    """What happened, to what, and what to do next.

    :param what: one or more sentences: what happened, to which service, sync and pair.
    :param remedy: what the operator on call does next.

    What was typed into a file, a form or a connection is quoted in either, and acts on no terminal.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = cleaned(what)
        self.remedy = cleaned(remedy)
        super().__init__(f"{self.what}\nWhat to do: {self.remedy}" if remedy else self.what)


@dataclass(frozen=True)
class Retry:
    """What becomes of a task that fails with an error of this kind, or one below it.

    :param again: it is tried again, as often as `retries` allows.
    """

    kind: type[CloneError]
    again: bool
    why: str


def kind_of(error: BaseException) -> str:
    """How a run ends that this keeps from beginning: ``mistyped``, ``refused``, or empty for a failure."""
    if isinstance(error, Mistyped):
        return "mistyped"
    return "refused" if isinstance(error, Refused | ConfigError) else ""


class ConfigError(CloneError):
    """The configuration cannot be used. Nothing was run."""


class Mistyped(ConfigError):
    """The form of a run says what cannot be meant. Nothing was done, and nobody else need be told."""


class Refused(CloneError):
    """It must not be done, and trying again cannot help."""


class Torn(Refused):
    """Only some pairs of a sync are active: the copy has no single point in time."""


class TornForNow(Torn):
    """Torn, but the next try waits until it can mend it, or sees the rest come: it is tried again."""


class Missing(Refused):
    """What the configuration names was looked for where it should be, and is not there."""


class NotApproved(CloneError):
    """No second person has said yes: the run ends there, and nobody is asked again."""


class TryAgain(CloneError):
    """It may pass by itself."""


class Locked(TryAgain):
    """Another command or run holds what is needed."""


class NotMyTurn(Locked):
    """Another run of this Airflow works on the service, and holds its lock.

    :param dag_id: the DAG of that run.
    :param run_id: that run.
    """

    def __init__(self, what: str, remedy: str, *, dag_id: str, run_id: str) -> None:
        super().__init__(what, remedy)
        self.dag_id = dag_id
        self.run_id = run_id


class Fenced(TryAgain):
    """A newer try works on the service, on a host that has refused a command of this one.

    :param count: the number of the newest try there, 0 when it is not known.
    """

    def __init__(self, what: str, remedy: str = "", *, count: int = 0) -> None:
        super().__init__(what, remedy)
        self.count = count


class Stale(TryAgain):
    """The oldest look that a command rests on is older than it may be. The command was not sent."""


class NotDone(TryAgain):
    """A command ended, but what it was to bring about is not seen."""


class MustWait(TryAgain):
    """The step cannot go on before the copy is in another state, which comes by itself.

    :param sync: name of the sync that is moving.
    :param wanted: the state or group of states to wait for, as :func:`clones.states.wanted_states` reads it.
    :param seconds: how long it may take.
    """

    def __init__(self, what: str, *, sync: str, wanted: str, seconds: float) -> None:
        super().__init__(what, "do nothing: it continues by itself")
        self.sync = sync
        self.wanted = wanted
        self.seconds = seconds


class Unknown(TryAgain):
    """It could not be told what is so, or whether a command took effect."""


class Unreadable(Unknown):
    """A command was carried out, and what it printed cannot be read."""


RETRIES = (
    Retry(TornForNow, True, "the next try fixes it"),
    Retry(Refused, False, "refused: a retry cannot help"),
    Retry(ConfigError, False, "the configuration must be fixed"),
    Retry(NotApproved, False, "nobody is asked again"),
    Retry(TryAgain, True, "it may pass by itself"),
)
"""The first that fits an error decides: refusals fail at once; locks, lost sessions and the like are tried
again. Of what is no error of ours Airflow's own rule holds."""
