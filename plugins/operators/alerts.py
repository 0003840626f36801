"""The former place of :mod:`reporting.alerts`; it goes with the next release."""

from reporting.alerts import *  # noqa: F403
