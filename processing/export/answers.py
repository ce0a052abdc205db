"""What a tracker's answer means. Both trackers say the same things in the same places, more or less."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from processing.errors import MISSHAPEN
from sessions_app.errors import Category

from .errors import Gone, Lost, Refused, SlowDown
from .wire import Answer

P = ParamSpec("P")
Read = TypeVar("Read")

LONGEST_HOLD: Final = 3600.0
DEFAULT_HOLD: Final = 5.0
TEMPORARY_REFUSALS: Final = (429, 503)
LONGEST_NAME: Final = 100
"""What a record has room for."""
MOST_PAGES: Final = 1_000
"""Of one list: ten times what the largest session has."""
NO_END: Final = "The tracker's list does not come to an end."


def as_told_by(tracker: str) -> Callable[[Callable[P, Read]], Callable[P, Read]]:
    """For what reads answers: one of another shape than the tracker's own is as good as lost."""

    def decorate(read: Callable[P, Read]) -> Callable[P, Read]:
        @wraps(read)
        def reading(*args: P.args, **kwargs: P.kwargs) -> Read:
            try:
                return read(*args, **kwargs)
            except MISSHAPEN as error:
                raise Lost(f"This does not answer as {tracker} does.") from error

        return reading

    return decorate


def require_done(answer: Answer) -> Any:
    """The body of an answer that says that it was done. Raises SlowDown, Refused or Lost."""
    if answer.status in range(200, 300):
        return answer.json()
    hold = seconds_to_hold(answer)
    if hold is not None:
        raise SlowDown(hold)
    if answer.status in range(300, 400):
        raise Refused(
            "The tracker sends us to another address, where we do not go with a token. Has the project moved?",
            stops_run=True,
        )
    said = said_in(answer)
    if answer.status == 401:
        raise Refused("The tracker does not accept the account or its token.", Category.ADMIN_REQUIRED, stops_run=True)
    if answer.status == 403:
        message = f"The account may not do this in the tracker. {said}".strip()
        raise Refused(message, Category.ADMIN_REQUIRED, stops_run=True)
    if answer.status in (404, 410):
        raise Gone(f"The tracker does not have this, or not for this account. {said}".strip())
    if answer.status in range(400, 500) and answer.status != 408:
        raise Refused(f"The tracker refuses it: {said or answer.status}")
    raise Lost(f"The tracker failed ({answer.status}); it may have acted or not.")


def name_in(told: Any, name: str) -> str:
    """What a tracker calls something that it made or found. Raises Lost if that is nothing to call it by."""
    value = told.get(name) if isinstance(told, dict) else None
    text = str(value) if isinstance(value, str | int) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise Lost("The tracker's answer does not name the issue.")
    return text


def seconds_to_hold(answer: Answer) -> float | None:
    """How long to wait, if the tracker did nothing because we are too fast or it is too busy.

    A 503 without Retry-After may come from anything on the way, also after the deed; so it does not count.
    """
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0"
    asked = _retry_after(answer.headers.get("retry-after", ""))
    if answer.status == 503 and asked is not None:
        return asked
    if answer.status == 429 or (answer.status == 403 and (exhausted or asked is not None)):
        if asked is not None:
            return asked
        return (until_reset(answer) if exhausted else None) or DEFAULT_HOLD
    return None


def hold_after(answer: Answer) -> float:
    """Seconds to hold after an answer that was fine: 0, unless it says that this was the last for now."""
    return until_reset(answer) if answer.headers.get("x-ratelimit-remaining") == "0" else 0.0


def until_reset(answer: Answer) -> float:
    """Seconds until the time in X-RateLimit-Reset, which is in seconds since 1970 or in ISO format."""
    text = answer.headers.get("x-ratelimit-reset", "")
    try:
        at = float(text) if text.replace(".", "", 1).isdecimal() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(LONGEST_HOLD, max(0.0, at - time.time()))


def _retry_after(text: str) -> float | None:
    try:
        if text.replace(".", "", 1).isdecimal():
            return min(LONGEST_HOLD, float(text))
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(LONGEST_HOLD, max(0.0, aware.timestamp() - time.time()))


def said_in(answer: Answer) -> str:
    """The tracker's own words about an error, as one short line. They are data: to be shown, escaped."""
    try:
        body = answer.json()
    except Lost:
        return ""
    if not isinstance(body, dict):
        return ""
    words = [str(each) for each in body.get("errorMessages") or [] if each]
    if isinstance(body.get("errors"), dict):
        words += [f"{name}: {text}" for name, text in body["errors"].items()]
    if isinstance(body.get("message"), str):
        words.append(body["message"])
    if isinstance(body.get("errors"), list):
        words += [_github_error(each) for each in body["errors"] if isinstance(each, dict)]
    line = " ".join(" ".join(words).split())
    return "".join(char for char in line if char.isprintable())[:300]


def _github_error(error: dict[str, Any]) -> str:
    return str(error.get("message") or f"{error.get('field', '')} {error.get('code', '')}".strip())
