"""Services, and the whole of ``services.yaml``."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from clones.become import NONE, Become
from clones.config import back_end, target_sets
from clones.config.hooks import Hook, Hooks, hooks_apart, refuse_hook
from clones.config.model import Model, Seconds, Within
from clones.config.resources import DownCheck, Host, Production, ResourceEntry
from clones.config.schedule import Schedule, TimeZone, or_none
from clones.config.syncs import Sync
from clones.names import AbsolutePath, BecomeWritten, ConnectionId, DottedPath, ServiceName, Text
from clones.time_limits import APPROVAL, CONTROL, LOCKED, QUERY, TURN


class Symcli(Model):
    """How SYMCLI is called on a control host."""

    bin: AbsolutePath = Field(
        "/usr/symcli/bin", description="Folder of the SYMCLI programs.", examples=["/opt/emc/SYMCLI/bin"]
    )
    work_dir: AbsolutePath = Field(
        "/var/tmp/symclone-airflow",
        description="Folder on the control host for locks and pair files, writable by the SSH account.",
        examples=["/var/tmp/symclone"],
    )
    become: BecomeWritten = Field(
        NONE,
        description="How the SSH account runs SYMCLI as root there, as `become` of a host; none: it may run "
        "it by itself.",
        examples=["sudo"],
    )
    command_timeout: Seconds = Field(
        CONTROL.seconds,
        description="Seconds a control command may take in all; more than the 10 minutes that "
        "`-i 20 -c 30` may spend retrying while the array is locked.",
        examples=[1800],
    )
    query_timeout: Seconds = Field(
        QUERY.seconds, description="Seconds a status command may take in all.", examples=[300]
    )
    retry_interval: Annotated[int, Within(1, 600, "seconds")] = Field(
        20,
        description="`-i` of control commands, in seconds. One that overwrites takes 10 at most, and waits "
        f"for a locked array {LOCKED.seconds:g} seconds at most, whatever `retry_count` says.",
        examples=[30],
    )
    retry_count: Annotated[int, Within(1, 1000, "times")] = Field(
        30, description="`-c` of control commands.", examples=[60]
    )

    def on(self, control_host: str) -> Symcli:
        """The settings for a control host, by its connection."""
        return self

    @property
    def root(self) -> Become:
        """What stands before a command of SYMCLI."""
        return Become.read(self.become)


class SymcliOfHosts(Symcli):
    """How SYMCLI is called on the control hosts."""

    control_hosts: dict[ConnectionId, Symcli] = Field(
        {},
        description="Settings for one control host, by its connection, where they are others than those "
        "above: `ctl2: {bin: /opt/emc/SYMCLI/bin}`. What is left out there is as above.",
        examples=[{"ctl2": {"bin": "/opt/emc/SYMCLI/bin"}}],
    )

    def on(self, control_host: str) -> Symcli:
        """The settings of all, with those of this control host over them."""
        own = self.control_hosts.get(control_host, Symcli())
        written = self.model_dump(exclude_unset=True, exclude={"control_hosts"})
        return Symcli.model_validate({**written, **own.model_dump(exclude_unset=True)})


_TASKS = Within(1, 1000, "tasks at the same time")


class Limits(Model):
    """How many commands run at the same time, over all services; each limit is an Airflow pool."""

    per_array: Annotated[int, _TASKS] | None = Field(
        None, description="Control commands on one array; none: as many as come.", examples=[4]
    )
    per_host: Annotated[int, _TASKS] | None = Field(
        None, description="Tasks on one service host; none: as many as come.", examples=[2]
    )


NO_LIMITS = Limits()


class StatusSweep(Model):
    """The look at all copies, DAG `clone_status`."""

    every_minutes: Annotated[
        Annotated[int, Within(1, 1440, "minutes (a day)")] | None, BeforeValidator(or_none)
    ] = Field(
        5,
        description="Minutes from one look at all copies to the next; none: only when triggered.",
        examples=[10],
    )


class Alerts(Model):
    """Who is told of a run that failed, takes too long, or waits for a pool that gives no place."""

    notifier: DottedPath | None = Field(
        None,
        description="Airflow notifier (a class, also one of yours in plugins/), as a dotted path; none: it "
        "is only logged.",
        examples=["airflow.providers.smtp.notifications.smtp.SmtpNotifier"],
    )
    arguments: dict[str, Any] = Field(
        {},
        description="Its arguments. Those that it takes as templates may use `{{ alert.subject }}`, "
        "`{{ alert.text }}`, `{{ alert.url }}`, `{{ alert.service }}`, `{{ alert.kind }}` (failed, late, "
        "ended or waiting). No passwords: name an Airflow connection. Numbers arrive as text.",
        examples=[
            {
                "to": "storage@example.com",
                "subject": "{{ alert.subject }}",
                "html_content": "<pre>{{ alert.text | e }}</pre>",
            }
        ],
    )

    @model_validator(mode="after")
    def _arguments_of_something(self) -> Alerts:
        if self.arguments and self.notifier is None:
            raise ValueError("`arguments` without `notifier`: name the class that takes them")
        return self


LONGEST_DELAY = 366 * 1440
"""Minutes: a copy may be a year old and a day."""


class Service(Model):
    """A service on copied disks, or only the syncs that feed other servers."""

    description: Text = Field(
        "",
        max_length=200,
        description="What it is, in one line: the DAG's description.",
        examples=["Test copy of the CVI database"],
    )
    control_host: ConnectionId = Field(
        description="Airflow connection (SSH) of the host with SYMCLI; of `snapvx` syncs, of the host that "
        "holds the service's lock, which needs no SYMCLI.",
        examples=["symcli_prod"],
    )
    unisphere: ConnectionId | None = Field(
        None,
        description="Airflow connection (HTTP) of the server of Unisphere for PowerMax; only for `snapvx` "
        "syncs, which need it.",
        examples=["unisphere_prod"],
    )
    schedule: Schedule = Field(
        None,
        description="When the service is refreshed: five cron fields, a preset like @daily, or none.",
        examples=["30 2 * * 1-5"],
    )
    timezone: TimeZone = Field("UTC", description="Time zone of the schedule.", examples=["Europe/Paris"])
    sync_max_delay: Annotated[int, Within(1, LONGEST_DELAY, "minutes (366 days)")] = Field(
        description="Minutes after which a copy is too old (status `warn`).", examples=[1620]
    )
    hosts: tuple[Host, ...] = Field(
        (),
        description="Where the service may run: started on the first, proven down on all.",
        examples=[[{"connection": "aastmphpux", "family": "hpux"}]],
    )
    resources: tuple[ResourceEntry, ...] = Field(
        description="In the order in which they are started. `[]` for a service that only has syncs.",
        examples=[
            [
                {"vg": {"name": "vg_pp"}},
                {"fs": {"dev": "/dev/vg_pp/lv_data", "mnt": "/pp/data", "type": "ext4"}},
            ]
        ],
    )
    unattended: bool = Field(
        False,
        description="Only with `resources: []`: nobody can prove that the targets are unused; the owner "
        "of this service is responsible.",
        examples=[True],
    )
    down_checks: tuple[DownCheck, ...] = Field(
        (),
        description="Commands on other servers that say whether the copies are still in use there. All must "
        "say no before a copy is overwritten.",
        examples=[
            [{"name": "reports", "connection": "rep1", "command": ["/opt/site/bin/unused", "reports"]}]
        ],
    )
    rollback: bool = Field(
        True,
        description="A start that fails half way takes down again what it has brought up.",
        examples=[False],
    )
    syncs: tuple[Sync, ...] = Field(
        min_length=1,
        description="In the order in which they are made.",
        examples=[[{"name": "data", "symid": "000190101234", "pairs": ["1234:4321"]}]],
    )
    production: Production | None = Field(
        None,
        description="How production is proven down. With it the service gets a merge-back DAG; without it, "
        "none.",
        examples=[
            {
                "hosts": [{"connection": "ppprod", "family": "linux"}],
                "resources": [
                    {"vg": {"name": "vg_prod"}},
                    {"fs": {"dev": "/dev/vg_prod/lv_data", "mnt": "/pp/data", "type": "ext4"}},
                ],
            }
        ],
    )
    approval_timeout: Seconds = Field(
        APPROVAL.seconds,
        description="Seconds that a merge-back or a retirement waits for the second person's approval, and "
        "that an approval is good for.",
        examples=[14400],
    )
    before_stop: Hooks = Field(
        (),
        description="Commands before the service is stopped, in order.",
        examples=[[{"name": "drain", "command": ["/opt/site/bin/pool", "remove", "pp1"]}]],
    )
    before_start: Hooks = Field(
        (),
        description="Commands between the disks and the applications, in order, in each start. What is "
        "listed before the first `app` is up by then. Unless all succeed, no application is started.",
        examples=[[{"name": "mask", "command": ["/opt/site/bin/mask", "/pp/data"]}]],
    )
    after_start: Hooks = Field(
        (),
        description="Commands after the service was started, also on its old copies, in order.",
        examples=[[{"name": "open", "command": ["/opt/site/bin/pool", "add", "pp1"]}]],
    )
    probes: Hooks = Field(
        (),
        description="Commands that try the service after its start, in order: a run is done only after them.",
        examples=[[{"name": "login", "command": ["/opt/site/bin/try-login"]}]],
    )
    restart_if_unchanged: bool = Field(
        True,
        description="After a failure before any copy was changed, start the service on the old copies.",
        examples=[False],
    )
    overlap: bool = Field(
        True,
        description="Activate each sync as soon as the one before is active; false: only once it is copied.",
        examples=[False],
    )
    poll_interval: Seconds = Field(
        5,
        description="Seconds between two looks at a copy in progress, at least: when its end is near.",
        examples=[30],
    )
    poll_max: Seconds = Field(
        300,
        description="Seconds between two looks at a copy in progress, at most, however long it takes; below "
        "`poll_interval` it counts as that.",
        examples=[600],
    )
    run_deadline: Annotated[
        Annotated[int, Within(1, 30 * 1440, "minutes (30 days)")] | None, BeforeValidator(or_none)
    ] = Field(
        None,
        description="Minutes after which a run that has not ended is reported as late (`alerts`), "
        "counted from when it was queued; none: never. It continues all the same.",
        examples=[240],
    )
    turn_timeout: Seconds = Field(
        TURN.seconds,
        description="Seconds that a run waits for its turn while another run of the service is in progress.",
        examples=[21600],
    )
    retries: Annotated[int, Within(0, 20, "further tries")] = Field(
        4,
        description="Further tries of what may pass (locks, SSH): by default over 15 minutes.",
        examples=[6],
    )
    retry_delay: Annotated[float, Within(0.001, 3600, "seconds (an hour)")] = Field(
        60,
        description="Seconds before the first further try; doubled each time, up to an hour.",
        examples=[120],
    )

    @model_validator(mode="after")
    def _resources_in_words(self) -> Service:
        if not self.resources and not self.unattended and not self.down_checks:
            raise ValueError(
                "`resources` is empty: a service that only drives other servers' copies must have "
                "`down_checks` or say `unattended: true`; otherwise list what runs on the copied disks"
            )
        if self.unattended and self.down_checks:
            raise ValueError("`down_checks` say whether the targets are unused: remove `unattended: true`")
        if self.resources and self.unattended:
            raise ValueError("`unattended: true` goes only with `resources: []`; remove one of the two")
        if self.resources and not self.hosts:
            raise ValueError("`resources` need `hosts`: add the host on which they run")
        if self.production and self.unattended:
            raise ValueError(
                "`production` asks for a merge-back, before which the service must be proven down: list its "
                "`resources` instead of `unattended: true`"
            )
        checks = Counter(check.name for check in self.down_checks)
        if checks and max(checks.values()) > 1:
            raise ValueError("two `down_checks` have the same name; give each its own name")
        names = Counter(sync.name for sync in self.syncs)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"two syncs are named {', '.join(sorted(twice))}; give each its own name")
        return self

    @model_validator(mode="after")
    def _one_back_end(self) -> Service:
        back_end.check(self)
        return self

    @model_validator(mode="after")
    def _target_sets(self) -> Service:
        target_sets.check(self)
        return self

    @model_validator(mode="after")
    def _production_is_the_original(self) -> Service:
        """Behind the check of the sets, on each of which it is looked at."""
        if self.production:
            own = {host.connection for host in self.hosts}
            shared = [h.connection for h in self.production.hosts if h.connection in own]
            mine = [entry.on(name) for entry in self.resources for name in self.sets or ("",)]
            if shared and any(entry in mine for entry in self.production.resources):
                raise ValueError(
                    f"`production` lists a resource of the service itself on {shared[0]}, which proves "
                    "nothing about production; list what runs on the source disks"
                )
        return self

    @model_validator(mode="after")
    def _hooks_have_a_place(self) -> Service:
        for place in ("before_stop", "before_start", "after_start", "probes"):
            hooks: Hooks = getattr(self, place)
            if hooks and not self.resources:
                refuse_hook(
                    f"`{place}` needs `resources`: a service of syncs only is never stopped or started; "
                    "remove it, or use the syncs' `before_activate` and `after_activate`",
                    place,
                )
            hooks_apart(place, hooks)
        if self.before_start and self.first_app is None:
            refuse_hook(
                "`before_start` needs an `app` in `resources`: it must succeed before an application starts, "
                "and none is listed; list it, or use `after_start`",
                "before_start",
            )
        for number, hook in enumerate(self.before_start):
            if not hook.blocking:
                refuse_hook(
                    f"hook {hook.name} of `before_start` decides whether an application starts: remove "
                    "`blocking: false`, or move it to `after_start`",
                    *("before_start", number),
                )
        return self

    @property
    def first_app(self) -> int | None:
        """Where in ``resources`` the first application stands, None without one."""
        return next((number for number, one in enumerate(self.resources) if one.app), None)

    @property
    def snapshots(self) -> bool:
        """Whether its copies are linked to snapshots, of which former ones are kept."""
        return self.syncs[0].backend == "snapvx"

    @property
    def sets(self) -> tuple[str, ...]:
        """The names of its target sets, in the order of the first sync; none: each sync has its `pairs`."""
        return tuple(self.syncs[0].targets)

    def on(self, target_set: str) -> Service:
        """This service as it is on one target set: an ordinary service, with `pairs`.

        Only what differs by set makes it differ from the service on another set: the rest (an address, an
        application, a mount point) is the same thing on all of them.

        :raises ConfigError: when there is no such set.
        """
        from clones.errors import ConfigError

        if target_set not in self.sets:
            raise ConfigError(
                f"There is no target set {target_set!r}."
                if self.sets
                else f"The service has no target sets, so {target_set!r} is none.",
                f"name one of: {', '.join(self.sets)}" if self.sets else "leave the set out",
            )
        apart = target_set in target_sets.beside_another(self)
        no_sets: dict[str, Any] = {"sets": ()}
        return self.model_copy(
            update={
                "hosts": tuple(
                    host.model_copy(update=no_sets)
                    for host in self.hosts
                    if target_set in (host.sets or self.sets)
                ),
                "down_checks": tuple(
                    check.model_copy(update=no_sets) for check in self.down_checks if target_set in check.sets
                ),
                "resources": tuple(entry.on(target_set, apart=apart) for entry in self.resources),
                "syncs": tuple(sync.on(target_set) for sync in self.syncs),
            }
        )

    def own_of(self, target_set: str) -> Service:
        """The same with only this set's own resources, as :func:`clones.config.target_sets.is_own` says.

        What is proven of it is proven of the set's own disks, while the service is up on another set: each
        file system is a :class:`clones.config.FsByDevice`.

        :raises ConfigError: when there is no such set.
        """
        return self._part_on(target_set, own=True)

    def shared_on(self, target_set: str) -> Service:
        """The same with only the resources that are no set's own: addresses, applications, what lies on none.

        :raises ConfigError: when there is no such set.
        """
        return self._part_on(target_set, own=False)

    def _part_on(self, target_set: str, *, own: bool) -> Service:
        whole = self.on(target_set)
        both = zip(whole.resources, self.resources, strict=True)
        part = [one for one, entry in both if target_sets.is_own(self, entry, target_set) is own]
        resources = tuple(one.own() if own else one for one in part)
        return whole.model_copy(update={"resources": resources})

    def host_of(self, hook: Hook) -> str:
        """The connection of the host that runs a hook."""
        return hook.connection or self.hosts[0].connection

    def sync(self, name: str) -> Sync:
        """:raises ConfigError: when there is no such sync."""
        from clones.errors import ConfigError

        for sync in self.syncs:
            if sync.name == name:
                return sync
        known = ", ".join(sync.name for sync in self.syncs)
        raise ConfigError(f"There is no sync {name!r}.", f"name one of: {known}")


class Config(Model):
    """The whole of ``services.yaml``."""

    symcli: SymcliOfHosts = Field(
        SymcliOfHosts(),
        description="How SYMCLI is called, on all control hosts and on each.",
        examples=[{"bin": "/opt/emc/SYMCLI/bin"}],
    )
    limits: Limits = Field(
        Limits(),
        description="How many commands run at the same time.",
        examples=[{"per_array": 4, "per_host": 2}],
    )
    status: StatusSweep = Field(
        StatusSweep(), description="The look at all copies.", examples=[{"every_minutes": 10}]
    )
    alerts: Alerts = Field(
        Alerts(),
        description="Who is told of runs that go wrong.",
        examples=[
            {
                "notifier": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
                "arguments": {"to": "storage@example.com"},
            }
        ],
    )
    services: dict[ServiceName, Service] = Field(
        description="The services by name; each becomes a DAG of its name.",
        examples=[
            {
                "reporting_copies": {
                    "control_host": "symcli_prod",
                    "sync_max_delay": 480,
                    "resources": [],
                    "unattended": True,
                    "syncs": [{"name": "warehouse", "symid": "000190101234", "pairs": ["1236:4323"]}],
                }
            }
        ],
    )
