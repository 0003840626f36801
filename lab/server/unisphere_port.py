"""What every port of a Unisphere does: it closes and opens as faults say, and shows another certificate."""

from __future__ import annotations

from typing import Any

from lab.faults import Fault
from lab.server.outage import Outage
from lab.unisphere.unisphere import Unisphere
from lab.world import World


class UnispherePort:
    port = 0

    def __init__(self, unisphere: Unisphere) -> None:
        self.unisphere = unisphere
        self.world: World = unisphere.world
        self.outage = Outage(self)

    @property
    def host(self) -> Unisphere:
        return self.unisphere

    def event(self, event: str, number: int, **words: Any) -> None:
        self.world.journal.event(
            event, host=self.unisphere.name, family=self.unisphere.family, connection=number, **words
        )

    async def start(self) -> None:
        """Listen; the port is chosen at the first start and kept."""
        self.show(other=bool(self.world.faults.standing("other_ca", self.unisphere.names)))
        await self.open_port()
        self.world.faults.watchers += [self.outage.told, self._told]
        self.outage.standing()

    def _told(self, fault: Fault, there: bool) -> None:
        if fault.config.kind == "other_ca" and fault.config.host in self.unisphere.names:
            self.show(other=there)

    async def refuse(self, refusing: bool) -> None:
        """Close the port or open it again; connections that are there stay."""
        self.unisphere.refusing = refusing
        if refusing:
            self.close_port()
        elif not self.outage.lasting:
            await self.open_port()

    async def stop(self) -> None:
        await self.outage.stop()
        self.drop()
        await self.unisphere.stop()

    async def open_port(self) -> None:
        """Listen, unless it does."""
        raise NotImplementedError

    def close_port(self) -> None:
        """Listen no more; connections that are there stay."""
        raise NotImplementedError

    def drop(self) -> None:
        """Close the port, and end every connection."""
        raise NotImplementedError

    def show(self, *, other: bool) -> None:
        """Show a certificate of the authority that clients know, or of another one, from now on."""
        raise NotImplementedError
