"""What operators see of the enhancement: how many, how long, and one JSON line for each thing that happened."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any, Final

from django.db.models import Count

from processing.metrics import Counter, Gauge, Histogram, Tally, tenant_label
from sessions_app.correlation import correlation_id

from .models import EnhancementHistory

logger = logging.getLogger("processing.enhancement")

TASKS: Final = Counter(
    "enhancement_tasks", "Help-desk tickets by what became of their enhancement.", ("status", "tenant_id")
)
DURATION: Final = Histogram(
    "enhancement_task_duration_seconds", "From the first attempt to the end.", ("status", "tenant_id")
)
Gauge(
    "enhancement_open",
    "Enhancements that are not finished.",
    ("status",),
    lambda: [
        ([status], count)
        for status, count in EnhancementHistory.objects.open()
        .order_by()
        .values_list("status")
        .annotate(count=Count("pk"))
    ],
)


def worker_id() -> str:
    return f"{socket.gethostname()}.{os.getpid()}"


def count(status: str, tenant: Any, seconds: float) -> None:
    """One ticket has come to its end. Call it last in the transaction that ends it."""
    label = tenant_label(tenant)
    with Tally() as tally:
        tally.add(TASKS, status=status, tenant_id=label)
        tally.observe(DURATION, seconds, status=status, tenant_id=label)


def say(level: int, event: str, history: EnhancementHistory | None = None, **fields: Any) -> None:
    """One line of the log with its fields (requirements B-039 to B-044): ids and figures, never a ticket's text."""
    if not logger.isEnabledFor(level):
        return
    about: dict[str, Any] = {"worker_id": worker_id()}
    if history is not None:
        about |= {
            "task_id": str(history.pk),
            "job_id": history.job_id,
            "ticket_id": history.ticket_id,
            "tenant_id": history.tenant_id,
            "attempt_number": history.attempts,
        }
    extra = {"fields": {**about, **fields}}
    if history is not None and history.correlation_id:
        token = correlation_id.set(history.correlation_id)
        try:
            logger.log(level, event, extra=extra)
        finally:
            correlation_id.reset(token)
        return
    logger.log(level, event, extra=extra)


def told(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload as the log may show it: its texts by their length."""
    return {
        name: f"({len(str(value))} characters)" if name in ("description", "title") else value
        for name, value in payload.items()
        if isinstance(value, str | int | float | bool)
    }
