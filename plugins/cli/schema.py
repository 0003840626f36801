"""`python -m cli.schema`: keeps the JSON Schema of ``services.yaml`` in ``config/``.

``--check`` writes nothing, and ends with 1 when the kept one is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cli.made_files import keep
from clones.services_yaml.schema import schema_text

KEPT = Path(__file__).parents[2] / "config" / "services.schema.json"


def main(arguments: list[str]) -> int:
    """Write the schema, or say that it is not current."""
    return keep({KEPT: schema_text}, "cli.schema", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
