"""Which Airflow this is, as the locks on control hosts name it (D15).

The id stands in a file or an environment variable, never in the metadata database: whoever restores or
clones the database would else have two Airflows of one name, which hold one lock together. All workers and
triggerers of one Airflow have the same id. After a restore or a clone one side gets a new one
(docs/how-to/deploy.md).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from uuid import uuid4

from clones.act.lock import installation_mark
from clones.errors import ConfigError

VARIABLE = "SYMCLONE_INSTALLATION_ID"
"""Environment variable that holds the id itself."""
FILE_VARIABLE = "SYMCLONE_INSTALLATION_FILE"
"""Environment variable with the path of the file that holds it."""
FILE_NAME = "symclone-installation"

_ID = re.compile(r"[A-Za-z0-9_-]{8,128}")


def place() -> Path:
    """The file that holds the id: in AIRFLOW_HOME, unless :data:`FILE_VARIABLE` says otherwise."""
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return Path(os.environ.get(FILE_VARIABLE) or home / FILE_NAME)


def this_airflow() -> str:
    """How locks name this Airflow.

    :raises ConfigError: it has no id, or one that cannot be read.
    """
    given = os.environ.get(VARIABLE)
    where = f"environment variable {VARIABLE}"
    if given is None:
        where = str(place())
        try:
            given = place().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"This Airflow has no id for the locks on control hosts: {where}: {_why(error)}, and "
                f"{VARIABLE} is not set. Nothing was changed.",
                f"run `scripts/pools` where the tasks run, or set {VARIABLE} to the same value for all "
                "workers and triggerers of this Airflow; then clear this task",
            ) from None
    if not _ID.fullmatch(given):
        raise ConfigError(
            f"{where} holds no id for the locks on control hosts. Nothing was changed.",
            "give it 8 to 128 letters, digits, _ and - that no other Airflow has, like the output of "
            "`uuidgen`",
        )
    return installation_mark(given)


def make_missing(*, only_look: bool) -> tuple[str, bool]:
    """Make the file with the id, if there is none and the environment gives none either.

    :returns: where the id stands, and whether it was missing.
    :raises OSError: the file cannot be written.
    """
    if os.environ.get(VARIABLE) is not None:
        return f"environment variable {VARIABLE}", False
    path = place()
    if path.exists():
        return str(path), False
    if not only_look:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{uuid4()}\n")
        path.chmod(0o640)
    return str(path), True


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
