"""The JSON Schema of ``services.yaml``, generated from the models."""

from __future__ import annotations

import json

from clones.config import Config


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
    # Either the pairs, or those of two target sets or more.
    schema["$defs"]["Sync"]["oneOf"] = [
        {"required": ["pairs"], "properties": {"pairs": {"minItems": 1}, "targets": {"maxProperties": 0}}},
        {"required": ["targets"], "properties": {"targets": {"minProperties": 2}, "pairs": {"maxItems": 0}}},
    ]
    for part in schema["$defs"].values():
        for one in part.get("properties", {}).values():
            if "patternProperties" in one:
                one["additionalProperties"] = False  # a key of another form is refused
    # In the file `none` may stand for no schedule; a text takes it anyhow.
    schema["$defs"]["StatusSweep"]["properties"]["every_minutes"]["anyOf"].append({"const": "none"})
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"
