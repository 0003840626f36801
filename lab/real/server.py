"""The real `sshd` of a host that is this machine: root's real shell, in the host's namespaces."""

from __future__ import annotations

import os
import signal
from typing import Any

from lab.real.host import RealHost
from lab.real.lvm import lvm_environment
from lab.server.openssh import SshdServer


class RealServer(SshdServer):
    """Root logs in by the lab's client key, and commands are what they are."""

    own_group = True

    def __init__(self, host: RealHost, *given: Any) -> None:
        self.real = host
        super().__init__(host, *given)

    def _forced(self) -> str:
        """No command is forced; settings of the sessions."""
        # bash below sshd reads root's .bashrc, which may do anything; not below another shell (tried).
        settings = ["SHLVL=1", *(f"{name}={value}" for name, value in lvm_environment().items())]
        return f"SetEnv {' '.join(settings)}\n"

    def _words(self, *words: str) -> list[str]:
        return self.real.enter(*words)

    def _end(self) -> None:
        # nsenter waits for sshd, which gets the signal only so. Sessions are in groups of their own.
        assert self._process
        os.killpg(self._process.pid, signal.SIGTERM)
