"""Who uses hosts and devices: each service, on each of its target sets, and its production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clones.config import Config, Production, Service


class User(NamedTuple):
    """A service on one of its target sets, or production.

    :param at: where in the file.
    :param target_set: empty for a service without any, and for production.
    :param written: the service as it stands in the file, with all its sets.
    """

    at: tuple[str | int, ...]
    service: str
    target_set: str
    what: Service | Production
    written: Service

    def at_resource(self, index: int) -> tuple[str | int, ...]:
        """Where one of its resources is written, or what of it differs on this set."""
        place = (*self.at, "resources", index)
        if isinstance(self.what, Production):
            return (*place, *self.what.resources[index].model_fields_set)
        entry = self.written.resources[index]
        own = ("by_set", self.target_set) if self.target_set in entry.by_set else ()
        return (*place, *entry.model_fields_set, *own)


def services(config: Config) -> Iterator[User]:
    """Each service, once for each of its target sets."""
    for name, service in config.services.items():
        for target_set in service.sets or ("",):
            on = service.on(target_set) if target_set else service
            yield User(("services", name), name, target_set, on, service)


def users(config: Config) -> Iterator[User]:
    """Each service, once for each of its target sets, and behind it its production."""
    for user in services(config):
        yield user
        production = user.written.production
        if production and user.target_set == (user.written.sets or ("",))[-1]:
            at = ("services", user.service, "production")
            yield User(at, user.service, "", production, user.written)
