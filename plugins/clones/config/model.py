"""What every part of the configuration is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Within:
    """The numbers that are taken, both ends included. No number of a configuration is without bounds.

    :param unit: what is counted, for the message; in brackets, the upper bound in other words.
    """

    least: float
    most: float
    unit: str

    def check(self, value: float) -> float:
        """:raises ValueError: naming the bounds and the unit; of nan too, which is within no bounds."""
        if not self.least <= value <= self.most:
            raise ValueError(f"{value} is out of bounds; give {self.least} to {self.most} {self.unit}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        unit = self.unit.split(" (")[0]
        return {**handler(schema), "minimum": self.least, "maximum": self.most, "x-unit": unit}


Seconds = Annotated[float, Within(0.001, 7 * 86400, "seconds (7 days)")]


class Model(BaseModel):
    """Strict about keys, immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)
