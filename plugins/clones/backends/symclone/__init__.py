"""SYMCLI as text: the commands that are sent, and the reading of what comes back."""
