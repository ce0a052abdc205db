"""The id that joins a click with all it caused: requests set it, jobs take it over, logs and audit rows carry it."""

from contextvars import ContextVar
from typing import Final

correlation_id: Final[ContextVar[str]] = ContextVar("correlation_id", default="")
