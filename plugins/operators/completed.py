"""The former place of :mod:`reporting.completed`; it goes with the next release."""

from reporting.completed import *  # noqa: F403
