"""From a server's answer or error to ours: one meaning for both SDKs."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from processing.errors import LLMError, LLMInvalidAnswer, LLMRateLimitError, LLMTimeoutError
from sessions_app.errors import Category
from sessions_app.parsing.text import storable

QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})
LONGEST_WAIT: Final = 300.0
NO_KEY: Final = "There is no key for {}."
NO_KEY_ACTIONS: Final = (
    "An owner can enter the key on the workspace's page of models.",
    "Or choose the offline writer.",
)


MOST_TOKENS: Final = 100_000_000


class LLMUnavailable(LLMError):
    """The server is overloaded, broken or cannot be reached."""

    code = "llm_unavailable"
    cause = "unavailable"
    retryable = True


class LLMRefused(LLMError):
    """The model would not write this one."""

    code = "llm_refused"
    cause = "refused"


class LLMTruncated(LLMError):
    """The answer was longer than was allowed and ends in the middle."""

    code = "llm_truncated"
    cause = "truncated"


class LLMNotAllowed(LLMError):
    """The key is wrong, has no right to the model, or its money is spent: every further call must fail as well."""

    code = "llm_not_allowed"
    cause = "not_allowed"
    stops_run = True


def parsed(text: str | None) -> dict[str, Any]:
    """The JSON object in an answer. Raises LLMInvalidAnswer for anything else."""
    if not text or not text.strip():
        raise LLMInvalidAnswer("The model's answer is empty.")
    try:
        content = _storable(json.loads(text))
    except (ValueError, RecursionError):
        raise LLMInvalidAnswer("The model's answer is not the JSON that was asked for.") from None
    if not isinstance(content, dict):
        raise LLMInvalidAnswer("The model's answer is not a JSON object.")
    return content


def _storable(value: Any) -> Any:
    """Without what the ledger cannot hold: a model may escape any character and write NaN."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(name): _storable(each) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_storable(each) for each in value] if isinstance(value, list) else value


def counted(value: Any) -> int:
    """What a server has counted; 0 for what is no count that could be kept."""
    return int(value) if isinstance(value, int | float) and 0 <= value <= MOST_TOKENS else 0


def error_for(status: int, headers: Any, code: Any) -> LLMError:
    """What an HTTP error of a model server means for the run; ``code`` is the server's own word, if it is one.

    The server's own words stay out of it: they may hold secrets.
    """
    code = code if isinstance(code, str) else ""
    if code in QUOTA_CODES or status in _NOT_ALLOWED:
        message, action = _NOT_ALLOWED[402 if code in QUOTA_CODES else status]
        return LLMNotAllowed(message, recovery_actions=(action,))
    if status == 429:
        return LLMRateLimitError(retry_after=retry_after(headers))
    if status == 408:
        return LLMTimeoutError()
    if status >= 500:
        return LLMUnavailable(
            f"The model server failed ({status}).", Category.TEMPORARY, retry_after=retry_after(headers)
        )
    return LLMError(f"The model server refused the request ({status}).", Category.ADMIN_REQUIRED)


_NOT_ALLOWED: Final = {
    401: ("The model provider does not accept the key.", "Check the key of this provider."),
    402: ("The quota of the model provider is used up.", "Raise the quota or choose another provider."),
    403: ("The model provider does not allow this with the key.", "Check the rights of the key."),
    404: ("The model provider does not know this model.", "Choose another model."),
}


def retry_after(headers: Any) -> float | None:
    """Seconds that the server asks to wait, at most five minutes; None if it does not say."""
    value = headers.get("retry-after", "") if headers else ""
    try:
        return min(LONGEST_WAIT, max(0.0, float(value)))
    except ValueError:
        return None
