"""The former place of :mod:`operators.source_hooks`; it goes with the next release."""

from operators.source_hooks import *  # noqa: F403
