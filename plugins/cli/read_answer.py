"""`python -m cli.read_answer CASE`: let the readers loose on one recorded answer.

A case is a YAML file with ``command`` (words), ``exit``, ``stdout`` and ``stderr``, as a recording of a real
control host writes it. Prints one line of JSON and ends with 0; or what could not be read, and 1.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from clones.backends.symclone.read import read
from clones.errors import CloneError


def main(arguments: list[str]) -> int:
    """Print what was read, or why it could not be."""
    if len(arguments) != 1:
        print("usage: python -m cli.read_answer CASE", file=sys.stderr)
        return 2
    try:
        print(json.dumps(read(yaml.safe_load(Path(arguments[0]).read_text(encoding="utf-8")))))
    except (CloneError, OSError, KeyError, TypeError, yaml.YAMLError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
