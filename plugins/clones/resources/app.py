"""Applications, by the site's own commands. The same on every family.

========================  ==========================================  ==================================
Exit code of `check`      Reading                                     How sure
========================  ==========================================  ==================================
0                         up, at `running`                            the site's own contract
one of `down_exit_codes`  down, at `stopped`                          the site's own contract; the default
                                                                      1 and 3 is that of init scripts
126, 127, 255, negative   unknown, even if listed as down: the check  documented (shell and SSH)
                          could not be run
none, any other           unknown                                     by decision (D2)
========================  ==========================================  ==================================
"""

from __future__ import annotations

from clones.config import App
from clones.resources.base import Probe
from clones.resources.reading import OnHost, down, how_it_ended, unknown, up
from clones.steps import Command, Result

RUNNING = "running"
STOPPED = "stopped"

NOT_RUN = frozenset({126, 127, 255})
"""What the shell and SSH say when the check itself was not run: never a word about the application."""


class AppDriver(OnHost):
    """One application."""

    started = RUNNING
    stopped = STOPPED

    def __init__(self, host: str, app: App) -> None:
        super().__init__(f"app {app.name}", host, app.timeout)
        self.app = app

    def probe(self) -> Command:
        return Command(self.host, self.app.check, timeout=self.timeout)  # in the site's own locale

    def read(self, result: Result) -> Probe:
        code, evidence = result.exit_code, how_it_ended(result)
        if code is None or code < 0 or code in NOT_RUN:
            return unknown(f"the check was not run to its end, {evidence}")
        if code == 0:
            return up(RUNNING, evidence)
        if code in self.app.down_exit_codes:
            return down(STOPPED, evidence)
        return unknown(f"neither 0 nor one of `down_exit_codes`, {evidence}")

    def start(self, at: str) -> list[Command]:
        return [self.change(*self.app.start)] if at == STOPPED else []

    def stop(self, at: str) -> list[Command]:
        return [self.change(*self.app.stop)] if at == RUNNING else []
