"""`python -m cli.schema`: keeps the JSON Schema of ``services.yaml`` in ``config/``.

``--check`` writes nothing, and ends with 1 when the kept one is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from clones.services_yaml.schema import schema_text

KEPT = Path(__file__).parents[2] / "config" / "services.schema.json"


def main(arguments: list[str]) -> int:
    """Write the schema, or say that it is not current."""
    if "--check" in arguments:
        if not KEPT.exists() or KEPT.read_text() != schema_text():
            print(f"{KEPT}: is not current. What to do: run `python -m cli.schema` with PYTHONPATH=plugins")
            return 1
        return 0
    KEPT.write_text(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
