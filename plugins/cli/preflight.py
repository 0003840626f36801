"""`python -m cli.preflight`: whether a configuration fits the real hosts and arrays; it only looks.

Exit codes: 0 no errors, 1 errors were found, 2 no errors, but something could not be told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from dataclasses import replace

from cli.options import add_options, level_of
from clones.errors import ConfigError
from clones.observe.findings import Finding, Level, count, from_error, summary, table
from clones.preflight.check import check
from clones.runs.advice import at_command_line
from clones.runs.pools import findings as pool_findings
from clones.runs.pools import pools_of
from hooks import needs
from hooks.configuration import load
from hooks.hosts import open_hosts
from operators.base import known_pools


def look(
    config: str, service: str | None, *, in_task: bool = False, level: int = logging.INFO
) -> list[Finding]:
    """The findings about one service of a configuration file, or about all of them.

    :param in_task: whether this is one of Airflow's tasks.
    :param level: of the log, as :class:`hooks.symcli.SymcliHook` has it.
    :raises ConfigError: the file cannot be used, or has no such service.
    """
    read = load(config, only=service)
    packages = needs.findings()
    if count(packages, Level.ERROR):
        return packages  # nothing can be reached
    known = known_pools()
    if known is None and in_task:
        known = []  # a task would be told; elsewhere there may be no Airflow to ask
    with open_hosts(level=level) as hosts:
        found = hosts.run(check(read.services, read.symcli))
    packages = [finding for finding in packages if finding.level is not Level.OK]
    return [*packages, *found, *pool_findings(pools_of(read.limits, read.services), known)]


def exit_code(findings: list[Finding]) -> int:
    """As the head of this file says."""
    return 1 if count(findings, Level.ERROR) else 2 if count(findings, Level.UNKNOWN) else 0


def main() -> int:
    """Print the table; warnings go to stderr, and with `--verbose` what was sent and came back."""
    parser = argparse.ArgumentParser(
        prog="scripts/preflight", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--service", help="only this one; by default all")
    add_options(parser)
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            findings = look(arguments.config, arguments.service, level=level_of(arguments))
        except ConfigError as error:
            findings = [from_error("configuration", error)]
    findings = [replace(finding, remedy=at_command_line(finding.remedy)) for finding in findings]
    code = exit_code(findings)
    if arguments.json:
        plain = [finding.to_plain() for finding in findings]
        print(json.dumps({"code": code, "findings": plain}, indent=2))
        return code
    for line in (*table(findings), "", summary(findings)):
        print(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
