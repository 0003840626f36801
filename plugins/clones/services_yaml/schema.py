"""The JSON Schema of ``services.yaml``, generated from the models.

``python -m clones.services_yaml.schema PATH`` writes it; ``--check`` fails when the kept one is not current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from clones.config import Config

KEPT = Path(__file__).parents[3] / "config" / "services.schema.json"


def schema_text() -> str:
    """The schema as it is kept in ``config/services.schema.json``."""
    schema = Config.model_json_schema()
    # In the file a pair is one text; the model splits it.
    schema["$defs"]["Pair"] = {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]+(=[0-9A-Fa-f]{4,5})?:[A-Za-z0-9_-]+(=[0-9A-Fa-f]{4,5})?$",
        "description": "`SOURCE:TARGET`",
        "examples": ["DEV001:CLONE001", "DEV001=1234:CLONE001=4321", "1234:4321"],
    }
    # In the file `none` may stand for no schedule; a text takes it anyhow.
    schema["$defs"]["StatusSweep"]["properties"]["every_minutes"]["anyOf"].append({"const": "none"})
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        if not KEPT.exists() or KEPT.read_text() != schema_text():
            print(
                f"{KEPT}: is not current. What to do: run `python -m clones.services_yaml.schema` with "
                "PYTHONPATH=plugins"
            )
            return 1
        return 0
    KEPT.write_text(schema_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
