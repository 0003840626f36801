"""The former place of :mod:`reporting.last_seen`; it goes with the next release."""

from reporting.last_seen import *  # noqa: F403
