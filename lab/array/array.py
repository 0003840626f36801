"""A simulated array: the control actions that move its sessions between states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lab import states
from lab.array.inventory import Inventory
from lab.array.refused import Refused
from lab.array.session import Session
from lab.array.sessions import Pair


class Array(Inventory):
    """What it has, and what can be done with it. An action is taken by all of its pairs or refused."""

    def _known(self, pairs: Sequence[Pair]) -> list[Session]:
        self.settle()
        found = [self.session(p) for p in pairs]
        if not pairs or any(s is None for s in found):
            raise Refused("not_a_session")
        return [s for s in found if s is not None]

    def _taken_from(self, action: str) -> set[str]:
        """The states an action is taken from, as this array's switches have it."""
        taken = set(states.TAKEN_FROM[action])
        switches = self.switches
        if action in ("recreate", "establish") and switches.recreate_from_copyinprog == "accepted":
            taken.add(states.COPY_IN_PROG)
        if switches.recreate_from_copyonaccess == "refused" and action in ("recreate", "establish"):
            taken.discard(states.COPY_ON_ACCESS)
        if action == "restore" and switches.restore_from_copyinprog == "refused":
            taken.discard(states.COPY_IN_PROG)
        if action == "terminate" and not switches.restinprog_needs_symforce:
            taken.add(states.REST_IN_PROG)
        if action == "terminate" and not switches.copyinprog_needs_symforce:
            taken.add(states.COPY_IN_PROG)
        return taken

    def _check(self, action: str, sessions: list[Session], force: bool, already_exit: int) -> list[Session]:
        """The sessions that the action is for; refuses the whole command when one is in another state."""
        taken = self._taken_from(action)
        fit = [s for s in sessions if s.state in taken]
        if len(fit) == len(sessions):
            return fit
        if not fit and all(s.state in states.LEADS_TO.get(action, ()) for s in sessions):
            raise Refused("already_in_state", already_exit)
        if force and fit:
            return fit
        bad = next(s for s in sessions if s not in fit)
        if action == "terminate":
            raise Refused("needs_symforce", 23, state=bad.state)
        raise Refused(
            "wrong_state", state=bad.state, source=self.name(bad.source), target=self.name(bad.target)
        )

    def create(
        self, pairs: Sequence[Pair], *, precopy: bool, copy: bool, differential: bool,
        concurrent: bool = False, vse: bool = False,
    ) -> None:  # fmt: skip
        self.settle()
        now = self.clock.now()
        targets = Counter(s.source for s in self.sessions.values())
        for pair in pairs:
            source, target = self._endpoints(pair)
            if source is target:
                raise Refused("same_device", device=self.name(source))
            if pair in self.sessions:
                raise Refused("session_exists")
            if self.sessions.of_target(target.number):
                raise Refused("target_busy")
            if self.links.of_target(target.number) and self.config.snapvx.clone_to_link_target == "refused":
                raise Refused("target_busy")
            if target.tracks < source.tracks:
                raise Refused("size_mismatch", source=self.name(source), target=self.name(target))
            if targets[source] and not concurrent and self.switches.concurrent_needed:
                raise Refused("concurrent_needed", source=self.name(source))
            targets[source] += 1
            if targets[source] > 16:
                raise Refused("too_many_targets", source=self.name(source))
        precopy = self._precopy(precopy)
        for pair in pairs:
            source, target = self._endpoints(pair)
            session = Session(source, target, states.CREATED, now, protected=float(source.tracks))
            session.background_copy, session.differential, session.vse = copy and not vse, differential, vse
            target.left, target.spoiled = None, ""
            self.sessions[pair] = session
            self._prepare(session, states.PRECOPY if precopy else states.CREATED, now)

    def _precopy(self, asked: bool) -> bool:
        if asked and self.switches.precopy == "refused":
            raise Refused("precopy_refused")
        return asked and self.switches.precopy == "accepted"

    def _prepare(self, session: Session, state: str, now: float) -> None:
        session.cycled = False
        session.last_action = now
        if self.switches.create_seconds > 0:
            session.pending = (now + self.switches.create_seconds, state)
            state = states.CREATE_IN_PROG
        session.enter(state, now)

    def recreate(
        self, pairs: Sequence[Pair], *, precopy: bool, force: bool = False, copy: bool = False
    ) -> None:
        """`copy` switches the background copy on, but not of a virtual copy (assumed)."""
        sessions = self._known(pairs)
        fit = self._check("recreate", sessions, force, self.switches.already_recreated_exit)
        precopy = self._precopy(precopy)
        for session in fit:
            session.background_copy = session.background_copy or (copy and not session.vse)
        self._recreate(fit, precopy)

    def _recreate(self, fit: list[Session], precopy: bool) -> None:
        now = self.clock.now()
        for session in fit:
            # The changes on the target are thrown away, so those tracks are copied again too.
            owed = session.changed + session.changed_target + session.protected
            session.protected = float(min(session.total, owed))
            session.changed = session.changed_target = 0.0
            self._prepare(session, states.PRECOPY if precopy else states.RECREATED, now)

    def activate(
        self, pairs: Sequence[Pair], *, force: bool = False, not_ready: bool = False,
        first: int | None = None, consistent: bool = False,
    ) -> None:  # fmt: skip
        """All pairs get one point in time, `consistent` or not. `first` stops after that many (a fault)."""
        sessions = self._known(pairs)
        fit = self._check("activate", sessions, force, self.switches.already_active_exit)
        now = self.clock.now()
        for session in fit[:first]:
            session.last_action = session.point_in_time = now
            session.changed = session.changed_target = 0.0
            session.enter(session.activated, now)
            session.target.ready = not not_ready
        if first is not None and first < len(fit):
            raise Refused(
                "activate_failed_midway", pair=self.key((0, fit[first].target.number)).split(">")[1]
            )

    def establish(
        self, pairs: Sequence[Pair], *, full: bool = False, copy: bool = True, differential: bool = True,
        force: bool = False, not_ready: bool = False, concurrent: bool = False,
    ) -> None:  # fmt: skip
        """Recreate, or with `full` create, and activate in one step (recalled)."""
        if full:
            self.create(pairs, precopy=False, copy=copy, differential=differential, concurrent=concurrent)
            fit = self._known(pairs)
        else:
            fit = self._check("establish", self._known(pairs), force, 18)
            self._recreate(fit, False)
        for session in fit:
            if session.pending:
                session.enter(session.pending[1], self.clock.now())
                session.pending = None
        self.activate([(s.source.number, s.target.number) for s in fit], not_ready=not_ready)

    def restore(self, pairs: Sequence[Pair], *, force: bool = False, not_ready: bool = False) -> None:
        sessions = self._known(pairs)
        if any(not s.differential for s in sessions):
            raise Refused("not_differential")
        now = self.clock.now()
        for session in self._check("restore", sessions, force, 18):
            session.last_action = now
            session.protected = float(min(session.total, session.changed + session.changed_target))
            self._write_source(session)
            session.changed = session.changed_target = 0.0
            session.enter(states.REST_IN_PROG, now)
            session.target.ready = session.target.ready and not not_ready

    def _write_source(self, restoring: Session) -> None:
        """A restore writes on the source: its other copies have so many changed tracks more (assumed)."""
        for other in self.sessions.of_source(restoring.source.number):
            if other is not restoring and other.state in states.COUNTING:
                other.catch_up(self._settled)
                other.changed = min(other.total, other.changed + restoring.protected)

    def split(self, pairs: Sequence[Pair], *, force: bool = False) -> None:
        now = self.clock.now()
        for session in self._check("split", self._known(pairs), force, 18):
            session.last_action = now
            session.enter(states.SPLIT, now)

    def end_restored(self, pairs: Sequence[Pair]) -> None:
        """`terminate -restored`: the restore flag goes, the session stays."""
        now = self.clock.now()
        for session in self._check("terminate -restored", self._known(pairs), False, 18):
            session.last_action = now
            session.enter(self.switches.terminate_restored_leaves, now)

    def terminate(self, pairs: Sequence[Pair], *, symforce: bool = False) -> None:
        self.settle()
        found = [self.session(p) for p in pairs]
        if not found or any(s is None for s in found):
            raise Refused("no_session_to_terminate")
        sessions = [s for s in found if s is not None]
        self._check("terminate -symforce" if symforce else "terminate", sessions, False, 18)
        now = self.clock.now()
        for session in sessions:
            session.last_action = now
            if self.switches.terminate_seconds > 0:
                session.pending = (now + self.switches.terminate_seconds, states.NONE)
                self._leave_target(session)
                session.state = states.TERMINATE_IN_PROG
                session.be_busy()
            else:
                self._drop(session)

    # for tests and faults: what no command can do

    def put(self, pair: Pair, state: str, protected: float | None = None) -> Session:
        """Put a session into a state, making it when there is none."""
        if state not in states.ALL:
            raise ValueError(f"unknown state {state!r}; one of {', '.join(states.ALL)}")
        self.settle()
        session = self.session(pair)
        now = self._settled
        source, target = self._endpoints(pair)
        if session is None:
            session = self.sessions[pair] = Session(source, target, state, now)
        session.pending = None
        session.protected = self._protected_for(session, state, protected)
        if state in states.ACTIVE:
            session.vse = state == states.COPY_ON_WRITE
        if state in states.ACTIVE and session.point_in_time is None:
            session.point_in_time = now
        session.enter(state, now)
        return session

    def remove(self, pair: Pair) -> None:
        self.sessions.pop(pair, None)

    def resource(self, pair: Pair, source: int) -> None:
        """Let the target of `pair` be a copy of another source."""
        self.settle()
        session = self.sessions.pop(pair)
        session.source = self._endpoints((source, pair[1]))[0]
        session.protected = min(session.protected, session.total)
        self.sessions[(source, pair[1])] = session
