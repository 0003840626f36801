"""What every part of the lab's YAML is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints


def _hex_text(value: Any) -> Any:
    # YAML reads 1234 as a number, and quoting is easily forgotten: the digits are meant as they stand.
    return f"{value:04d}" if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.][A-Za-z0-9_.\-]*$")]
DeviceName = Annotated[
    str, BeforeValidator(_hex_text), StringConstraints(pattern=r"^[0-9A-Fa-f]{4,5}$", to_upper=True)
]
Symid = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")
