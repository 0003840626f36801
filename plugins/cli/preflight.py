"""`python -m cli.preflight`: whether a configuration fits the real hosts and arrays; it only looks.

Exit codes: 0 no errors, 1 errors were found, 2 no errors, but something could not be told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import replace

from cli.options import add_options, as_script, level_of
from clones.errors import ConfigError
from clones.observe.findings import Finding, Level, count, from_error, summary, table
from clones.runs.advice import at_command_line
from hooks.whole_site import preflight


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
            findings = preflight(arguments.config, arguments.service, level=level_of(arguments))
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
    as_script()
    sys.exit(main())
