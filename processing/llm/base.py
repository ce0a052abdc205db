"""What every provider offers. A provider knows prompts and answers, never rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypedDict

from processing.generation.offline import SiteContext, TicketContent
from sessions_app.parsing.payload import EntityPayload

__all__ = [
    "Allowance",
    "Call",
    "Completion",
    "EntityPayload",
    "Form",
    "Health",
    "Manner",
    "Provider",
    "Question",
    "SiteContext",
    "TicketContent",
]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a session wants its tickets written. Empty means the provider's own default; ``language`` is a code of
    ``sessions_app.models.sessions.LANGUAGES``.
    """

    prompt_version: str = ""
    language: str = "en"
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer: the prompt to follow, by its version; the JSON schema; who reads the answer.

    ``read`` returns the content to keep and raises ProcessingError saying what is wrong, which the model is told once.
    ``tokens`` is the length of an ordinary answer.
    """

    name: str
    prompt_version: str
    system: str
    schema: Mapping[str, Any]
    read: Callable[[dict[str, Any]], Mapping[str, Any]]
    tokens: int = 900


@dataclass(frozen=True, slots=True)
class Question:
    """Anything to ask a model. ``text`` has what comes from strangers fenced (``prompts.fenced``); ``by_rule`` is the
    offline writer's answer, None if it takes a model.
    """

    form: Form
    text: str
    by_rule: Callable[[], Mapping[str, Any]] | None = None


@dataclass(slots=True)
class Call:
    """One call that was made, for the ledger. ``outcome`` and ``step`` are words of ``models.LLMCall``; ``cost`` is in
    US dollars, None where the price is unknown.
    """

    provider: str
    model: str
    prompt_version: str
    step: str = "first"
    outcome: str = "ok"
    error_code: str = ""
    content: dict[str, Any] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal | None = None
    latency_ms: int = 0


def _agree() -> None:
    """Nobody has to agree."""


@dataclass(slots=True)
class Allowance:
    """How many calls an entity may cost now, who has to agree to each after the first (by not raising), and which were
    made.
    """

    most: int = 2
    agree: Callable[[], None] = _agree
    calls: list[Call] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.most - len(self.calls)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer with what it cost, all calls added up, and who gave it.

    ``fallback_reason`` is empty unless another than the chosen model answered. ``cost`` is in US dollars, None where
    the price is unknown.
    """

    content: dict[str, Any]
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal | None = None
    latency_ms: int = 0
    provider: str = ""
    model: str = ""
    prompt_version: str = ""
    fallback_reason: str = ""


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

    async def write_ticket(
        self, entity: EntityPayload, site: SiteContext, allowance: Allowance | None = None
    ) -> Completion:
        """The four fields of a ticket. Raises LLMError and its kinds, nothing else. Every call made is in the
        allowance, whatever came of it.
        """

    async def answer(self, question: Question, allowance: Allowance | None = None) -> Completion:
        """The same for a question of another form."""

    async def health(self) -> Health:
        """Can it be reached and used? Costs nothing where the server offers a free call."""

    async def close(self) -> None:
        """Let go of connections."""
