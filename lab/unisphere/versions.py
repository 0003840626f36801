"""Which versions of the API a Unisphere of some version answers."""

from __future__ import annotations

SUPPORTED = {
    "9.2": ["92", "91", "90"],
    "10.0": ["100", "92", "91"],
    "10.1": ["101", "100", "92"],
    "10.2": ["102", "101", "100"],
    "10.3": ["103", "102", "101"],
    "10.4": ["104", "103", "102"],
}
"""Documented for 10.0 and 10.1: its own and the two before; the others likewise (inferred)."""


def supported(version: str) -> list[str]:
    """The newest first."""
    return SUPPORTED[version]


def answers(version: str, path_version: str) -> bool:
    """Whether calls of that version are answered: those that are named, and 100 by all that know it (relied
    on: clients in the field use it with newer servers)."""
    return path_version in SUPPORTED[version] or (path_version == "100" and version != "9.2")
