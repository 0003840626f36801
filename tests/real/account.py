"""An account of this machine that is not root, with the rules that services.yaml calls for in real sudo."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clones.become import Become
from clones.config import Config
from clones.policy.catalogue import sent_to
from clones.policy.sent import Part
from clones.privileges.forms import FORMS
from clones.privileges.needs import Asked, Need, needs

NAME = "symclone-rules"


@dataclass
class Account:
    """:param rules: the file of its rules, which sudo reads anew for each command.
    :param needs: what they allow.
    """

    name: str
    rules: Path
    needs: list[Need]

    def run(self, *words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run it as this account, as its SSH session would: without a terminal.

        :param before: what goes to where it is run.
        """
        asked = [*before, "runuser", "-u", self.name, "--", *words]
        return subprocess.run(
            asked, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True
        )


def rules(
    config: Config, connection: str, account: str, parts: Sequence[Part] = ()
) -> tuple[str, list[Need]]:
    """The sudoers file for a connection, and what is in it."""
    needed = needs(sent_to(connection, config), parts)
    until = datetime(2100, 1, 1, tzinfo=UTC) if parts else None
    symcli = config.symcli.on(connection).bin
    asked = Asked(connection, account, Become.read("sudo"), needed, datetime.now(UTC), symcli, until)
    made = FORMS["sudo"](asked)
    assert not made.left_out, made.left_out
    return made.text, needed


@contextlib.contextmanager
def account(text: str, needed: list[Need]) -> Iterator[Account]:
    """Make the account and give it these rules, until the end.

    :param text: a sudoers file for :data:`NAME`.
    """
    path = Path("/etc/sudoers.d") / NAME
    subprocess.run(["visudo", "-V"], check=True, capture_output=True)
    subprocess.run(["userdel", NAME], capture_output=True)  # of a run that was killed
    subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", NAME], check=True)
    try:
        made = path.with_name(f"{NAME}.new")  # sudo passes over names with a dot
        made.write_text(text)
        made.chmod(0o440)
        checked = subprocess.run(["visudo", "-cf", made], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        made.rename(path)
        yield Account(NAME, path, needed)
    finally:
        for one in (path, path.with_name(f"{NAME}.new")):
            one.unlink(missing_ok=True)
        subprocess.run(["userdel", NAME], check=True)
