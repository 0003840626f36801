"""Refreshes of a real PostgreSQL on real blocks: the service hosts are this machine. Needs root."""
