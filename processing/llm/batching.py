"""What providers offer that answer many calls together, later and cheaper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, Protocol

from processing.errors import LLMError
from sessions_app.errors import Category

from .remote import Answer

NO_BATCHES: Final = "The provider “{}” has no economy mode."
LONGEST_ID: Final = 120
"""What a batch's row has room for."""
MARGIN: Final = 600.0
"""Seconds by which a provider's clock may differ from ours."""
KEPT_FOR: Final = 7 * 24 * 3600
"""Seconds after which a provider removes what we uploaded and what it wrote, where it can be told to."""


class SubmissionUnknown(LLMError):
    """Nobody can say (yet) whether the provider has taken the batch. Submitting it again might pay twice."""

    code = "llm_submission_unknown"
    cause = "submission_unknown"
    retryable = True

    def __init__(self, message: str = "It is not known whether the provider has taken the batch.") -> None:
        super().__init__(message, Category.TEMPORARY)


class LLMUnanswered(LLMError):
    """A batch ended and left this question open. No sign of trouble, so the breaker does not count it."""

    code = "llm_unanswered"
    cause = ""
    retryable = True

    def __init__(self, message: str) -> None:
        super().__init__(message, Category.TEMPORARY)


class BatchPhase(Enum):
    """``open``: wait. ``ended``, ``expired``, ``cancelled``: what was answered can be read. ``failed``: refused whole.
    ``gone``: the provider does not know it (any more).
    """

    OPEN = "open"
    ENDED = "ended"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class BatchState:
    """``answered`` is None where the provider does not say; ``error`` says why a batch was refused."""

    phase: BatchPhase
    answered: int | None = None
    error: LLMError | None = None


def id_of(batch: Any) -> str:
    """What a provider calls a batch. Raises ValueError if that is nothing to call it by."""
    if not isinstance(batch.id, str) or not 0 < len(batch.id) <= LONGEST_ID or not batch.id.isprintable():
        raise ValueError("The provider does not name the batch.")
    return batch.id


class Batches(Protocol):
    """Every method raises LLMError and its kinds only."""

    async def submit(self, batch_id: str, requests: Mapping[str, dict[str, Any]]) -> str:
        """Hand over bodies of calls under their custom ids, which begin with ``batch_id``; returns the provider's id.

        Raises SubmissionUnknown if the answer was lost; after any other error the provider has not taken it.
        """

    async def find(self, batch_id: str, size: int, since: datetime) -> str | None:
        """The provider's id of a batch of ``size`` calls, submitted after ``since``; None if there is none.

        Raises SubmissionUnknown where that cannot be said yet.
        """

    async def look(self, remote_id: str) -> BatchState:
        """How far it is."""

    def results(self, remote_id: str) -> AsyncIterator[tuple[str, Answer | LLMError]]:
        """(custom id, answer or error) of each call that was made; calls that were not made are left out."""

    async def cancel(self, remote_id: str) -> None:
        """Ask to stop. It takes effect when ``look`` says so; a batch that has ended already stays as it is."""
