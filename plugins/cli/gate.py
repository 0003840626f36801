"""`python -m cli.gate CONNECTION`: the policy of the gate on that host, as services.yaml calls for it.

It prints the policy; on stderr what is to be copied where, and what was left out. The device groups of a
control host are asked of it, but for those that `--group` gives.

Exit codes: 0 it is whole, 1 it could not be made, 2 it was made, and syncs are left out.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cli.options import as_script
from clones.asking import gate
from clones.backends.symclone import output
from clones.backends.symclone.output import Group
from clones.config import Config
from clones.errors import CloneError, ConfigError
from clones.policy.catalogue import by_connection, group_names, left_out
from clones.policy.make import make, read_group
from clones.policy.sent import Part
from hooks.configuration import CONFIG, load
from hooks.hosts import open_hosts

PARTS = tuple(part.value for part in Part if part is not Part.NORMAL)


def parts_of(text: str) -> list[Part]:
    """What `--with` names.

    :raises ConfigError: a word is none of :data:`PARTS`.
    """
    words = [word for word in text.split(",") if word]
    strange = [word for word in words if word not in PARTS]
    if strange:
        raise ConfigError(f"`--with {text}`: there is no part {strange[0]!r}.", f"name {', '.join(PARTS)}")
    return [Part(word) for word in words]


def end_of(text: str, now: datetime) -> datetime | None:
    """What `--until` says, in UTC; None when it is empty.

    :raises ConfigError: it is no time, or over.
    """
    if not text:
        return None
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"`--until {text}` is no time.", "write it like 2026-01-31T18:00, in UTC") from None
    until = until.astimezone(UTC) if until.tzinfo else until.replace(tzinfo=UTC)
    if until <= now:
        raise ConfigError(f"`--until {text}` is over.", "give a time that is to come, in UTC")
    return until


def given(groups: list[str]) -> dict[str, Group]:
    """What `--group NAME=FILE` gives.

    :raises CloneError: a file cannot be read.
    """
    found = {}
    for text in groups:
        name, parted, path = text.partition("=")
        if not parted:
            raise ConfigError(f"`--group {text}` names no file.", "write it like `--group DGCVI=DGCVI.xml`")
        try:
            found[name] = output.read_group(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeError) as error:
            raise ConfigError(
                f"`--group {text}`: {path} cannot be read: {error}.",
                f"write `symdg -g {name} list ld -output xml_e` of the control host to it",
            ) from None
    return found


def asked(connection: str, config: Config, known: Mapping[str, Group]) -> dict[str, Group]:
    """The other device groups of a control host; one that cannot be read is said on stderr."""
    found: dict[str, Group] = {}
    names = [name for name in group_names(connection, config) if name not in known]
    if not names:
        return found
    with open_hosts(level=logging.DEBUG) as hosts:
        for name in names:
            try:
                found[name] = hosts.run(read_group(connection, config, name))
            except CloneError as error:
                print(f"Device group {name} was not read: {error}", file=sys.stderr)
    return found


def main() -> int:
    """Print the policy, or why there is none."""
    parser = argparse.ArgumentParser(
        prog="scripts/gate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("connection", help="of a host: its Airflow connection id")
    parser.add_argument("--with", dest="parts", default="", help=f"let through, too: {', '.join(PARTS)}")
    parser.add_argument("--until", default="", help="the end of what `--with` adds, in UTC")
    parser.add_argument("--group", action="append", default=[], help="NAME=FILE: what symdg said of it")
    parser.add_argument("--offline", action="store_true", help="ask no host")
    parser.add_argument("--config", default=CONFIG, help="services.yaml")
    arguments = parser.parse_args()
    connection, now = arguments.connection, datetime.now(UTC)
    try:
        config = load(arguments.config)
        if connection not in (every := by_connection(config)):
            raise ConfigError(
                f"Nothing is sent to {connection!r}, as services.yaml says.",
                f"name one of: {', '.join(every)}",
            )
        parts, until = parts_of(arguments.parts), end_of(arguments.until, now)
        groups = given(arguments.group)
        if not arguments.offline:
            groups |= asked(connection, config, groups)
        made = make(connection, config, groups, now, parts, until)
    except CloneError as error:
        print(error, file=sys.stderr)
        return 1
    print(made.text, end="")
    print(f"Copy it to {connection} as {gate.FILE}: owner root, mode 0644.", file=sys.stderr)
    missing = left_out(connection, config, groups)
    for sentence in missing:
        print(
            f"LEFT OUT: {sentence}: its changes are refused. What to do: pin its names to devices "
            "(`DEV001=1234`), or give `--group NAME=FILE`",
            file=sys.stderr,
        )
    return 2 if missing else 0


if __name__ == "__main__":
    as_script()
    sys.exit(main())
