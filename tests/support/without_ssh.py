"""The product's hooks on a lab in the same process, without SSH between them.

Everything but the login is the product's: sessions, time limits, fences, what is read of an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import asyncssh
import pytest

from hooks import ssh, symcli, symcli_async
from hooks.connection import Login
from hooks.refusals import not_let_in, unreachable
from hooks.ssh_options import Prepared
from lab import Lab
from tests.conftest import connect

T = TypeVar("T")


class _InLab:
    """In place of a hook's own event loop: the lab's."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._lab.call(work)

    def close(self) -> None:
        """The lab goes on."""


class _FromHere:
    """Something of the lab's event loop, used from the one that runs here."""

    def __init__(self, lab: Lab, there: Any) -> None:
        self._lab, self._there = lab, there

    def _later(self, what: Callable[[], None]) -> None:
        async def do() -> None:
            what()

        self._lab.submit(do())

    def abort(self) -> None:
        self._later(self._there.abort)

    # of a connection

    def is_closed(self) -> bool:
        return bool(self._there.is_closed())

    def close(self) -> None:
        self._later(self._there.close)

    async def wait_closed(self) -> None:
        """It is closed soon."""

    async def create_session(self, factory: Callable[[], Any], line: str, **options: Any) -> tuple[Any, Any]:
        talk = factory()
        told = _ToldHere(talk, asyncio.get_running_loop())
        begun = self._lab.submit(self._there.create_session(lambda: told, line, **options))
        channel, _ = await asyncio.wrap_future(begun)
        return _FromHere(self._lab, channel), talk

    # of a session

    def write_eof(self) -> None:
        """Nothing was to come in anyway."""


class _ToldHere:
    """A session of this event loop that hears from the lab's."""

    def __init__(self, talk: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._talk, self._loop = talk, loop

    def __getattr__(self, event: str) -> Callable[..., None]:
        def tell(*told: Any) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(getattr(self._talk, event), *told)

        return tell


def connect_directly(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    """Define Airflow connections to a lab without ports, and let tasks and waits log in there in memory.

    To any other host they log in over SSH as ever.
    """
    connect(monkeypatch, lab.connections)
    running = lab.running
    assert running is not None and not running.ports, "make it with ports=False"

    async def log_in(login: Login, ready: Prepared | None = None) -> Any:
        try:
            return running.connect(login.port, login.user)
        except KeyError:
            return await ssh.log_in(login, ready)
        except OSError as error:
            raise unreachable(login.name, str(error)) from None
        except asyncssh.PermissionDenied as error:
            raise not_let_in(login.name, login.user, "", error.reason) from None

    async def from_here(login: Login) -> Any:
        return _FromHere(lab, await asyncio.wrap_future(lab.submit(log_in(login))))

    if running.unispheres:
        from tests.support.without_https import rest_directly

        rest_directly(monkeypatch, lab)
    monkeypatch.setattr(symcli, "Background", lambda: _InLab(lab))
    monkeypatch.setattr(symcli, "log_in", log_in)
    monkeypatch.setattr(symcli_async, "log_in", from_here)
