"""Whole runs of every kind on the lab, disturbed at any remote command, and judged by its journal."""
