"""What every provider offers. A provider knows prompts and answers, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, TypedDict

from processing.generation.offline import SiteContext, TicketContent
from sessions_app.parsing.payload import EntityPayload

__all__ = ["Completion", "EntityPayload", "Health", "Provider", "SiteContext", "TicketContent"]


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer with what it cost. ``cost`` is in US dollars, None where the price is unknown."""

    content: dict[str, Any]
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal | None = None
    latency_ms: int = 0


class Health(TypedDict, total=False):
    """``status``: healthy, degraded or unhealthy (seeds 000 and 001, D-22)."""

    status: str
    provider: str
    model: str
    connectivity: str
    authentication: str
    quota: str
    latency_ms: int
    error: str
    checked_at: str


class Provider(Protocol):
    """One kind of model server."""

    name: str
    model: str
    prompt_version: str
    concurrency: int

    async def write_ticket(self, entity: EntityPayload, site: SiteContext) -> Completion:
        """The four fields of a ticket. Raises LLMError and its kinds, nothing else."""

    async def health(self) -> Health:
        """Can it be reached and used? Costs nothing where the server offers a free call."""

    async def close(self) -> None:
        """Let go of connections."""
