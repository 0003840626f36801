"""Whoever imports this has what runs need, or is told what is missing: for modules of the triggerer."""

from hooks import needs

needs.require()
