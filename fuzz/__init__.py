"""Whole runs of every kind on the lab, disturbed at any remote command: nothing that must hold may be breached."""
