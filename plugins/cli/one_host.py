"""What the scripts share that are about one host: which it is, what it gets, and for how long."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clones.backends.symclone import output
from clones.backends.symclone.output import Group
from clones.config import Config
from clones.errors import ConfigError
from clones.policy.catalogue import by_connection, group_names
from clones.policy.make import read_groups
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
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"`--group {text}`: {path} cannot be read: {why}.",
                f"write `symdg -g {name} list ld -output xml_e` of the control host to it",
            ) from None
    return found


def asked(connection: str, config: Config, known: Mapping[str, Group]) -> dict[str, Group]:
    """The other device groups of a control host; one that cannot be read is said on stderr."""
    names = [name for name in group_names(connection, config) if name not in known]
    if not names:
        return {}
    # Airflow logs on stdout, where only the policy or the rules may stand.
    with redirect_stdout(sys.stderr), open_hosts(level=logging.DEBUG) as hosts:
        read = hosts.run(read_groups(connection, config, names))
    for name, error in read.unread.items():
        print(f"Device group {name} was not read: {error}", file=sys.stderr)
    return read.groups


@dataclass(frozen=True)
class OneHost:
    """What is asked for.

    :param connection: of the host.
    :param config: what of services.yaml is about it.
    :param now: in UTC.
    :param parts: what it gets beside the normal, until then.
    :param groups: its device groups, as far as they were read.
    """

    connection: str
    config: Config
    now: datetime
    parts: list[Part]
    until: datetime | None
    groups: dict[str, Group]

    @classmethod
    def read(cls, arguments: argparse.Namespace) -> OneHost:
        """By :func:`options`; device groups are asked of the host, unless `--offline` is given.

        :raises CloneError: services.yaml or an option cannot be used, or nothing is sent to that host.
        """
        connection, now = arguments.connection, datetime.now(UTC)
        every = by_connection(load(arguments.config))
        if connection not in every:
            raise ConfigError(
                f"Nothing is sent to {connection!r}, as services.yaml says.",
                f"name one of: {', '.join(every)}",
            )
        parts, until = parts_of(arguments.parts), end_of(arguments.until, now)
        groups = given(arguments.group)
        if not arguments.offline:
            groups |= asked(connection, every[connection], groups)
        return cls(connection, every[connection], now, parts, until, groups)


def options(program: str, about: str | None, allows: str) -> argparse.ArgumentParser:
    """The options of each of these scripts.

    :param about: the head of its file.
    :param allows: what is done for a part, as `let through`.
    """
    parser = argparse.ArgumentParser(
        prog=program, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("connection", help="of a host: its Airflow connection id")
    parser.add_argument("--with", dest="parts", default="", help=f"{allows}, too: {', '.join(PARTS)}")
    parser.add_argument("--until", default="", help="the end of what `--with` adds, in UTC")
    parser.add_argument("--group", action="append", default=[], help="NAME=FILE: what symdg said of it")
    parser.add_argument("--offline", action="store_true", help="ask no host")
    parser.add_argument("--config", default=CONFIG, help="services.yaml")
    return parser
