"""The provider that needs no model: tickets written by rule from the cells."""

from __future__ import annotations

from decimal import Decimal

from processing.generation.offline import write_ticket

from .base import Completion, EntityPayload, Health, SiteContext
from .keys import Credentials


class Offline:
    """Always there, costs nothing, says on every ticket that no model wrote it."""

    def __init__(self, credentials: Credentials | None = None, model: str = "") -> None:
        """Takes what every provider takes, and needs none of it."""

    name = "offline"
    model = ""
    prompt_version = "offline-1"
    concurrency = 64

    async def write_ticket(self, entity: EntityPayload, site: SiteContext) -> Completion:
        return Completion(dict(write_ticket(entity, site)), cost=Decimal(0))

    async def health(self) -> Health:
        return Health(
            status="healthy", provider=self.name, connectivity="ok", authentication="not needed", quota="unlimited"
        )

    async def close(self) -> None:
        """Nothing is held."""
