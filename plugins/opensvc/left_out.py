"""Keywords and sections of the agent that have no like here: why, and what to do about each."""

from __future__ import annotations

import re

from opensvc.evaluating import View, group_and_index

_NOTHING = "nothing"
_HOOKS = "if it is needed, write it as a hook that is safe to run twice (docs/how-to/your-site.md)"
_CLUSTER = "check that the cluster does not start the service during a refresh"
_OWN_COPIES = "if that host has copies of its own, import a copy of the file with --node"
_WITHOUT_HOST = "leave that host out of `hosts`, and write a `down_checks` command for it"

_Table = tuple[tuple[str, str, str], ...]
"""A pattern of names, what is said of them, and the remedy; the first that fits."""

_SECTIONS: _Table = (
    ("subset", "syncs are made one after the other, in their order", "nothing; see `overlap`"),
    ("container", "containers are not started here", "write a `command` resource, or name it as a host"),
    ("hb", "heartbeats stay with your cluster", _CLUSTER),
    ("stonith", "fencing stays with your cluster", _NOTHING),
    ("share", "shares are not handled here", "write a `command` resource if it uses the copied disks"),
    ("task", "scheduled tasks of the agent are not run here", "make a DAG of its own, or one of `probes`"),
    ("volume", "volumes of the agent are not handled here", "list what they are made of as resources"),
    (".*", "has no equivalent here", "if it uses the copied disks, write a `command` resource"),
)
_KEYWORDS: _Table = (
    ("sync_(update|resync|break)_requires", "before each recreate all resources are proven down", _NOTHING),
    ("sync_restore_requires", "a merge-back proves production down", "see docs/how-to/merge-back.md"),
    (".*_requires", "conditions between resources are not carried over", "order the resources instead"),
    (
        "(blocking_)?(pre|post)_.*|.*_trigger",
        "commands around the agent's actions are not carried over",
        _HOOKS,
    ),
    (
        "(sync_)?min_delay|sync_(interval|period|days)",
        "the least time between syncs is not carried over",
        _NOTHING,
    ),
    ("sync_schedule", "is for syncs of other types", "nothing, or give `schedule` by hand"),
    (".*schedule", "is not the schedule of the syncs", "nothing; DAG clone_status looks at the copies"),
    ("(sync_)?max_delay", "that of the clones themselves was taken", _NOTHING),
    ("orchestrate|placement|topology|cluster_type|flex.*", "failover stays with your cluster", _CLUSTER),
    ("autostart_node|stonith|constraints|parents|children|slaves", "stays with your cluster", _CLUSTER),
    ("(hard_|soft_)?(anti_)?affinity", "placement stays with your cluster", _NOTHING),
    (
        "always_on|standby",
        "what is always up somewhere keeps every refresh from being made",
        "leave the resource out, or take that host out of `hosts`",
    ),
    ("(pre_)?monitor.*|restart", "nothing is watched or restarted here", "leave that to your monitoring"),
    (
        "scsireserv|prkey|no_preempt_abort|promote_rw",
        "SCSI reservations are not made here",
        "check that none is left on the targets, or make them in a `command` resource",
    ),
    ("provision|unprovision|shared|size|vg|options", "nothing is made or removed here", _NOTHING),
    ("mkfs_opt|create_options|snap_size", "nothing is made or removed here", _NOTHING),
    ("disable_on", "is carried over as enabled on all hosts", "take it out by hand"),
    ("optional(_on)?", "nothing is optional here", "leave it out by hand if it may be missing"),
    ("disable", "the service was disabled as a whole", "leave its DAG paused"),
    ("zone|encapnodes|mode|docker.*|container.*", "containers are not handled here", "name it as a host"),
    (
        "user|group|perm|cwd|umask|environment|.*_environment|limit_.*",
        "no other user, folder or environment is set here",
        "set it in the command itself, by a launcher or `su`",
    ),
    (
        "gateway|network|dns.*|wait_dns|expose|check_carrier|alias|del_net_route|provisioner",
        "only the address itself is set here",
        "write a `command` resource if it is needed",
    ),
    ("stat_timeout|check_read|status_log|info|info_timeout", "is for the agent's own status", _NOTHING),
    ("lock_timeout|show_disabled|bwlimit|create_pg|pg_.*|aws.*|scale.*", "has no meaning here", _NOTHING),
    ("id|app|env|service_type|comment|access|pool", "has no meaning here", _NOTHING),
    (".*", "is not known to this import", "read the agent's documentation, and add by hand what is needed"),
)
_SEVERAL = frozenset({"drpnodes", "encapnodes"})
"""Scopes of several hosts, but ``nodes``: those are all on which the service runs by itself."""


def report_the_rest(view: View) -> None:
    """Everything that was not asked for, with the reason."""
    known = {"default", "sync", "ip", "disk", "vg", "pool", "fs", "app", "env"}
    for name in view.sections:
        group, _ = group_and_index(name)
        if group not in known:
            view.remark(name, *_found(_SECTIONS, group)[1:])
    for (section, keyword), there in view.compare_hosts().items():
        view.remark_keyword(section, keyword, *_by_host(view, section, "; ".join(there)))
    for section, keyword in view.unused():
        view.remark_keyword(section, keyword, *_why(view, section, keyword))


def _why(view: View, section: str, keyword: str) -> tuple[str, str]:
    name, _, scope = keyword.partition("@")
    known = _found(_KEYWORDS, name)
    taken = view.took(section, name) or view.elsewhere.get((section, keyword), False)
    others = taken or (section, keyword) in view.elsewhere or (scope and view.asked(section, name))
    if section.lower() == "env" and not others:
        return "nothing that was carried over refers to it", _NOTHING
    if scope not in ("", "nodes") and name == "disable" and section == "DEFAULT":
        which = "those hosts" if scope in _SEVERAL else "that host"
        return f"the service was disabled on {which} only", f"take {which} out of `hosts` if it stays so"
    if not others and (known is not _KEYWORDS[-1] or not scope):
        return known[1:]
    if section.lower().startswith("sync"):
        what = f"is another host's; the service was imported as {view.node or 'no host by name'} sees it"
        return what, _OWN_COPIES
    return (
        "services.yaml has one value for all hosts, and another was taken: where this is the host's, a proof "
        "would look for the wrong thing"
        if taken
        else "is that of another host only, and services.yaml has one value for all hosts: none was taken",
        _WITHOUT_HOST,
    )


def _by_host(view: View, section: str, there: str) -> tuple[str, str]:
    """Of a keyword that was asked for, whose value is another one on other hosts."""
    if section.lower().startswith("sync"):
        return f"the service was imported as {view.node} sees it; {there}", _OWN_COPIES
    what = (
        f"services.yaml has one value for all hosts, and that of {view.node} counts; {there}: a proof there"
    )
    return f"{what} would look for the wrong thing", _WITHOUT_HOST


def _found(table: _Table, name: str) -> tuple[str, str, str]:
    return next(row for row in table if re.fullmatch(row[0], name, re.DOTALL))
