"""Simulated storage arrays and hosts, reached over real SSH: `python -m lab`, or `lab.Lab` in a test."""

from __future__ import annotations

from lab.client import Client
from lab.config import ConfigError
from lab.inprocess import Lab
from lab.operations import LabError

__all__ = ["Client", "ConfigError", "Lab", "LabError"]
