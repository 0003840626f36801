"""The requests that are sent, about ten, with their bodies.

A change says `ASYNCHRONOUS` where the API has jobs; a deletion it only does at once. Never sent: `force`,
`symforce`, `star`, `remote`, secure snapshots, `Restore`, an unlink with a link in place of a relink, a
deletion by name or in bulk. Each of these words has its default, which is false, by being left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clones.asking.steps import Request
from clones.config import Sync
from clones.config.scope import Scope
from clones.states import device_text
from clones.time_limits import REST

ROOT = "/univmax/restapi"
"""Of the API, on its server; all paths are below it."""
PER_SOURCE, PER_ARRAY = 1, 4
"""Changes at the same time: of one source group, and of one array."""


def show_version(host: str) -> Request:
    """The release of Unisphere, and the versions of its API.

    :param host: Airflow connection id.
    """
    return Request.to(host, "GET", "/version", timeout=REST.seconds)


def show_array(host: str, symid: str) -> Request:
    """One array: its model and microcode, and whether this server manages it."""
    return Request.to(host, "GET", f"/{{version}}/system{_array(symid)}", timeout=REST.seconds)


def list_capabilities(host: str) -> Request:
    """Which arrays can take snapshots."""
    path = "/{version}/replication/capabilities/symmetrix"
    return Request.to(host, "GET", path, timeout=REST.seconds)


def list_snapshots(scope: Scope, sync: Sync) -> Request:
    """The names of all snapshots of the source group, with those of policies."""
    return _get(scope, sync, f"{_group(sync, sync.source_group)}/snapshot")


def list_snapids(scope: Scope, sync: Sync, name: str) -> Request:
    """The numbers of the snapshots of one name."""
    return _get(scope, sync, f"{_group(sync, sync.source_group)}/snapshot/{name}/snapid")


def show_snapshot(scope: Scope, sync: Sync, name: str, snapid: int) -> Request:
    """One snapshot, with every pair that is linked to it."""
    return _get(scope, sync, _snapshot(sync, name, snapid))


def show_group(scope: Scope, sync: Sync, group: str) -> Request:
    """A storage group as replication sees it: how many devices, whether it is linked."""
    return _get(scope, sync, _group(sync, group))


def list_volumes(scope: Scope, sync: Sync, group: str) -> Request:
    """The devices of a storage group; the first page of a long list."""
    path = f"/{{version}}/sloprovisioning{_array(sync.symid)}/volume"
    return _get(scope, sync, path, (("storageGroupId", group),))


def next_volumes(scope: Scope, iterator: str, first: int, last: int) -> Request:
    """Further devices of a list.

    :param iterator: as the first page names it.
    :param first: the first one asked for, counted from 1.
    """
    path = f"/common/Iterator/{iterator}/page"
    query = (("from", str(first)), ("to", str(last)))
    return Request.to(scope.unisphere, "GET", path, query=query, timeout=REST.seconds)


def show_volume(scope: Scope, sync: Sync, device: int) -> Request:
    """One device: its size, and whether it is in a link."""
    number = device_text(device).zfill(5)
    return _get(scope, sync, f"/{{version}}/sloprovisioning{_array(sync.symid)}/volume/{number}")


def show_job(scope: Scope, sync: Sync, job: str) -> Request:
    """What has become of a change."""
    return _get(scope, sync, f"/{{version}}/system{_array(sync.symid)}/job/{job}")


def list_jobs(scope: Scope, sync: Sync) -> Request:
    """The ids of the array's jobs, also of those that have ended."""
    return _get(scope, sync, f"/{{version}}/system{_array(sync.symid)}/job")


def take_snapshot(scope: Scope, sync: Sync, name: str) -> Request:
    """Take a snapshot of all devices of the source group at one instant."""
    body = {"snapshotName": name, "timeInHours": False, "timeToLive": sync.time_to_live}
    return _change(scope, sync, "POST", f"{_group(sync, sync.source_group)}/snapshot", body)


def link(scope: Scope, sync: Sync, name: str, snapid: int) -> Request:
    """Link the target group, which is linked to nothing, by position."""
    return _put(scope, sync, name, snapid, "link", copy=sync.copy_link, exact=True)


def relink(scope: Scope, sync: Sync, name: str, snapid: int) -> Request:
    """Link the target group to this snapshot in place of another of the same sources."""
    return _put(scope, sync, name, snapid, "relink", copy=sync.copy_link, exact=True)


def unlink(scope: Scope, sync: Sync, name: str, snapid: int) -> Request:
    """End the link; what is on the targets stays there, as far as it was copied or defined."""
    return _put(scope, sync, name, snapid, "unlink")


def delete(scope: Scope, sync: Sync, name: str, snapid: int) -> Request:
    """End exactly one snapshot. Of a restored one it would end the restore alone."""
    return _change(scope, sync, "DELETE", _snapshot(sync, name, snapid), None)


def _put(scope: Scope, sync: Sync, name: str, snapid: int, action: str, **options: bool) -> Request:
    said = {"storage_group_name": sync.target_group, **options}
    return _change(
        scope, sync, "PUT", _snapshot(sync, name, snapid), {"action": action.capitalize(), action: said}
    )


def _get(scope: Scope, sync: Sync, path: str, query: tuple[tuple[str, str], ...] = ()) -> Request:
    holder = show_array(scope.unisphere, str(sync.symid))
    return Request.to(scope.unisphere, "GET", path, query=query, timeout=REST.seconds, holder=holder)


def _change(scope: Scope, sync: Sync, method: str, path: str, body: Mapping[str, Any] | None) -> Request:
    text = "" if body is None else _json({**body, "executionOption": "ASYNCHRONOUS"})
    return Request.to(
        scope.unisphere,
        method,
        path,
        body=text,
        timeout=REST.seconds,
        changes=True,
        fence_host=scope.control_host,
        slots=((f"{sync.symid}.{sync.source_group}", PER_SOURCE), (str(sync.symid), PER_ARRAY)),
    )


def _json(body: Mapping[str, Any]) -> str:
    """The same body is always the same text."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _array(symid: str | None) -> str:
    return f"/symmetrix/{symid}"


def _group(sync: Sync, group: str | None) -> str:
    return f"/{{version}}/replication{_array(sync.symid)}/storagegroup/{group}"


def _snapshot(sync: Sync, name: str, snapid: int) -> str:
    return f"{_group(sync, sync.source_group)}/snapshot/{name}/snapid/{snapid}"
