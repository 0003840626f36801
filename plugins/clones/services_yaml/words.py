"""What is wrong with a value of ``services.yaml``, in the words of the file, not of the program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_LIST = "is not a list; write its entries as [ONE, TWO], or one a line, each behind a dash"
_MAPPING = "is not a mapping; write its keys below it, each as `key: value`"
_TEXT = "is not a text; write one value behind the colon"
_WHOLE = "is not a valid integer; write a whole number, like 30"
_NUMBER = "is not a number; write it like 30 or 0.5, without a unit"
_YES_OR_NO = "is neither true nor false; write one of the two"

_SAID = {
    "tuple_type": _LIST,
    "list_type": _LIST,
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "mapping_type": _MAPPING,
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
}
"""By the type of pydantic's error."""
_OWN = frozenset({"value_error", "pair", "target_sets", "hooks"})
"""Types whose message is ours already and quotes what was given, or says more than that."""
_LONGEST = 60
"""Characters of a value that are quoted."""


def said(problem: Mapping[str, Any]) -> str:
    """The message of one of pydantic's errors.

    :param problem: one entry of ``ValidationError.errors()``.
    """
    kind, given, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind in _OWN:
        return str(problem["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return "is missing; add it"
    if given is None:
        return "is empty; write a value behind the colon, or remove the key"
    match kind:
        case "too_short":
            return f"lists too few; write at least {context['min_length']} item"
        case "too_long":
            return f"lists too many; write at most {context['max_length']} items"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters; shorten it"
        case "literal_error":
            message = f"is not known; write {context['expected']}"
        case _:
            message = _SAID.get(kind) or str(problem["msg"])
    return f"{message} (given: {_quoted(given)})"


def _quoted(given: Any) -> str:
    if isinstance(given, Mapping):
        return "a mapping"
    if isinstance(given, list | tuple):
        return "a list"
    text = repr(given)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def worth_saying(problems: Sequence[Any]) -> list[Any]:
    """The errors without those that only follow from another one: a list that has lost its wrong entries."""
    places = [tuple(problem["loc"]) for problem in problems]
    return [
        problem
        for problem, place in zip(problems, places, strict=True)
        if problem["type"] != "too_short"
        or not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]


def not_yaml(error: yaml.YAMLError | RecursionError, text: str) -> tuple[int, str]:
    """The line, from 1, on which a text is no YAML, and why."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        parts = (error.context, error.problem)
        return error.problem_mark.line + 1, ", ".join(part for part in parts if part)
    if isinstance(error, yaml.reader.ReaderError):
        shown = f"#x{error.character:04x}" if isinstance(error.character, int) else repr(error.character)
        return text[: error.position].count("\n") + 1, f"the character {shown} is not allowed"
    return 1, "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
