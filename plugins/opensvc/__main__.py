"""`python -m opensvc FILE...`: services.yaml from service configurations of the OpenSVC agent.

Exit codes: 0 everything was carried over, 1 something was not or is still to be filled in (stderr says what),
2 a file cannot be used, and nothing was written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clones.config.schedule import TimeZone
from clones.errors import ConfigError
from clones.names import ConnectionId
from clones.services_yaml.file import read
from opensvc.reading import decode
from opensvc.resources import FAMILIES
from opensvc.services import Facts, Imported, convert
from opensvc.values import fits
from opensvc.writing import to_yaml


def main(arguments: list[str] | None = None) -> int:
    """Read the files, write the services, and report on stderr."""
    parser = argparse.ArgumentParser(prog="scripts/import-opensvc", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="NAME.conf or NAME.env of a service")
    parser.add_argument("--output", type=Path, metavar="YAML", help="write here instead of stdout")
    parser.add_argument("--overwrite", action="store_true", help="write --output although it exists")
    parser.add_argument("--control-host", metavar="ID", help="Airflow connection of the host with SYMCLI")
    parser.add_argument("--timezone", metavar="ZONE", help="of the agent's hosts, like Europe/Paris")
    parser.add_argument(
        "--family",
        action="append",
        default=[],
        metavar="[HOST=]FAMILY",
        help=f"of all hosts, or of one: {', '.join(FAMILIES)}",
    )
    parser.add_argument("--node", metavar="HOST", help="whose view is taken, and where services are started")
    parser.add_argument(
        "--two-sets",
        action="store_true",
        help="write `targets` and `by_set`: the agent's copy is set a, set b is to be filled in",
    )
    given = parser.parse_args(arguments)
    families = {host.lower(): family for host, _, family in (one.rpartition("=") for one in given.family)}
    for family in families.values():
        if family not in FAMILIES:
            parser.error(f"--family {family} is none of {', '.join(FAMILIES)}")
    if given.control_host and (wrong := fits(ConnectionId, given.control_host)):
        parser.error(f"--control-host: {wrong}")
    if given.timezone and (wrong := fits(TimeZone, given.timezone)):
        parser.error(f"--timezone: {wrong}")
    facts = Facts(given.control_host, given.timezone, families, given.node, given.two_sets)
    try:
        imported = _all(given.files, facts)
        text = to_yaml([(one.name, one.comment, one.block) for _, one in imported])
        _write(text, given.output, given.overwrite)
    except ConfigError as error:
        print(f"NOT IMPORTED: {error}", file=sys.stderr)
        return 2
    return _report(imported, text, str(given.output or "services.yaml"))


def _all(paths: list[str], facts: Facts) -> list[tuple[str, Imported]]:
    """:raises ConfigError: naming every file that cannot be used."""
    imported: list[tuple[str, Imported]] = []
    wrong: list[str] = []
    for path in paths:
        try:
            one = convert(decode(_content(path), path), path, Path(path).stem, facts)
            same = next((other for other, before in imported if before.name == one.name), None)
            if same:
                raise ConfigError(f"{path}: is service {one.name}, as {same} is.", "rename a copy of one")
            imported.append((path, one))
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        raise ConfigError("\n".join(wrong))
    return imported


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.", "check its path and rights") from None


def _write(text: str, output: Path | None, overwrite: bool) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"{output}: exists, and is left as it is.", "choose another --output, or add --overwrite"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{output}: cannot be written: {error.strerror}.", "check its folder and rights"
        ) from None


def _report(imported: list[tuple[str, Imported]], text: str, name: str) -> int:
    """What was not carried over, and what the loader says of the services."""
    remarks = [remark.text(path) for path, one in imported for remark in one.remarks]
    if remarks:
        print("Not carried over, or not as it was:", *remarks, sep="\n  ", file=sys.stderr)
    try:
        read(text, name)
    except ConfigError as error:
        print(f"To be filled in or fixed before the first use:\n{error}", file=sys.stderr)
        return 1
    return 1 if remarks else 0


if __name__ == "__main__":
    sys.exit(main())
