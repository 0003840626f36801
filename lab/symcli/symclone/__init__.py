"""`symclone ACTION`: each action has its own file; this one gathers them."""

from __future__ import annotations

from lab.symcli.symclone import control, listing, query, verify

ACTIONS = {**control.ACTIONS, "verify": verify.ACTION, "query": query.ACTION, "list": listing.ACTION}
