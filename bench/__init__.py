"""Measurements, as ratios against a named peer in the same run. No test depends on a time."""
