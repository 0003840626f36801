"""Applications, and `command` resources for what no driver knows: by the site's own commands.

The same on every family; `check` below is an application's `check` and a command's `probe`.

========================  ==========================================  ==================================
Exit code of `check`      Reading                                     How sure
========================  ==========================================  ==================================
0                         up, at `running`                            the site's own contract
one of `down_exit_codes`  down, at `stopped`                          the site's own contract; the default
                                                                      1 and 3 is that of init scripts
the same, and a line of   unknown: it may be their exit code, and     by decision
`sudo`, `su` or the like  the check was not run
126, 127, 255, negative   unknown, even if listed as down: the check  documented (shell and SSH)
                          could not be run
none, any other           unknown                                     by decision (D2)
========================  ==========================================  ==================================
"""

from __future__ import annotations

from clones import config
from clones.asking.become_failed import word_of_rights
from clones.asking.steps import Command, Result
from clones.become import Become
from clones.resources.base import Probe
from clones.resources.reading import OnHost, down, how_it_ended, unknown, up

RUNNING = "running"
STOPPED = "stopped"

NOT_RUN = frozenset({126, 127, 255})
"""What the shell and SSH say when the check itself was not run: never a word about the application."""


class AppDriver(OnHost):
    """One application, or whatever else the site's own commands bring up and take down."""

    started = RUNNING
    stopped = STOPPED

    def __init__(self, host: config.Host, app: config.App | config.Command) -> None:
        kind, self.check = ("app", app.check) if isinstance(app, config.App) else ("command", app.probe)
        super().__init__(f"{kind} {app.name}", host, app.timeout)
        self.app = app

    def probe(self) -> Command:
        become = self.become if self.app.become else Become()
        # In the site's own locale.
        return Command(self.host, become(*self.check), self.timeout, as_root=become.needs(self.check))

    def read(self, result: Result) -> Probe:
        code, evidence = result.exit_code, how_it_ended(result)
        if code is None or code < 0 or code in NOT_RUN:
            return unknown(f"the check did not finish, {evidence}")
        if code == 0:
            return up(RUNNING, evidence)
        if code in self.app.down_exit_codes:
            if refused := word_of_rights(result.stderr):
                return unknown(f"it may not have been run ({refused}), {evidence}")
            return down(STOPPED, evidence)
        return unknown(f"neither 0 nor one of `down_exit_codes`, {evidence}")

    def start(self, at: str) -> list[Command]:
        return [self.change(*self.app.start, root=self.app.become)] if at == STOPPED else []

    def stop(self, at: str) -> list[Command]:
        return [self.change(*self.app.stop, root=self.app.become)] if at == RUNNING else []
