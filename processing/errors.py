"""What can go wrong while machines work. See ``sessions_app.errors`` for what all errors have in common."""

from __future__ import annotations

import random
from typing import Any, Final

from django.conf import settings

from sessions_app.errors import AppError, Category

MISSHAPEN: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)
"""What reading an answer ends with that has another shape than the tracker's or provider's that was asked: anything may
listen at an address that somebody entered.
"""


class ProcessingError(AppError):
    """A run cannot start, go on or be repeated (requirement A-131)."""

    code = "processing_error"
    http_status = 409

    def __init__(
        self,
        message: str,
        category: Category | str = Category.USER_FIXABLE,
        *,
        technical_details: dict[str, Any] | None = None,
        recovery_actions: tuple[str, ...] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message, details=details, recovery_actions=recovery_actions)
        self.category = Category(category)
        self.technical_details = technical_details or {}

    @property
    def status(self) -> int:
        """HTTP status by category: the service may be back later, an administrator is needed, or the request is at
        fault.
        """
        return 503 if self.category is Category.TEMPORARY else self.http_status


class TaskMoved(ProcessingError):
    """The task is not in a state in which this can be done; somebody else was faster."""

    code = "task_moved"


class LLMError(ProcessingError):
    """A model could not be asked or did not answer usefully.

    ``cause`` groups equal failures for the breaker (empty: it does not count); ``retryable`` says whether asking again
    may help; ``retry_after`` is what the server asked for in seconds; ``stops_run`` is true where every further call
    must fail as well (authentication, quota); ``pauses_run`` where a person has to decide before the next call (a limit
    of money).
    """

    code = "llm_error"
    cause = "error"
    retryable = False
    stops_run = False
    pauses_run = False

    def __init__(
        self,
        message: str,
        category: Category | str = Category.ADMIN_REQUIRED,
        *,
        retry_after: float | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, category, **details)
        self.retry_after = retry_after


def delay_after(error: LLMError, used: int) -> float:
    """Seconds to wait after so many calls: exponential with full jitter, never less than the server asked for."""
    delay = random.uniform(0, min(60.0, settings.ENGINE["RETRY_DELAY"] * 2 ** max(0, used - 1)))  # noqa: S311 - jitter
    return max(delay, min(error.retry_after or 0.0, 300.0))


class LLMRateLimitError(LLMError):
    code = "llm_rate_limit"
    cause = "rate_limit"
    retryable = True

    def __init__(self, message: str = "The model server asks to slow down.", **details: Any) -> None:
        super().__init__(message, Category.TEMPORARY, **details)


class LLMTimeoutError(LLMError):
    code = "llm_timeout"
    cause = "timeout"
    retryable = True

    def __init__(self, message: str = "The model did not answer in time (timeout).", **details: Any) -> None:
        super().__init__(message, Category.TEMPORARY, **details)


class LLMInvalidAnswer(LLMError):
    """The answer does not have the four fields in their limits, even after it was asked to repair it."""

    code = "llm_invalid_answer"
    cause = "invalid_answer"


class BudgetReached(LLMError):
    """The next call may cost more than is left of a limit that people set. Nothing was asked."""

    code = "budget_reached"
    cause = "budget"
    retryable = True
    pauses_run = True

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, Category.USER_FIXABLE, **details)
