"""The id that joins a click with all it caused: requests set it, jobs take it over; logs, audit rows and calls to model
providers and trackers carry it.
"""

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from . import tracing

correlation_id: Final[ContextVar[str]] = ContextVar("correlation_id", default="")
HEADER: Final = "X-Request-Id"

_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def taken_over(given: str) -> str:
    """The id that somebody sent, if it is well-formed; else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def headers() -> dict[str, str]:
    """What to send along to other servers: ``{"X-Request-Id": …}``, or {} outside of any request and job; and the
    trace, where there is one.
    """
    current = correlation_id.get()
    return {**({HEADER: current} if _WELL_FORMED.fullmatch(current) else {}), **tracing.carrier()}


def along() -> Callable[[], None]:
    """To be called first in a thread that works for this one: it has the same id and the same trace."""
    current, trace = correlation_id.get(), tracing.along()

    def take_along() -> None:
        correlation_id.set(current)
        trace()

    return take_along
