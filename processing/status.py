"""What an operator asks first: who works, what waits and for how long, what went wrong, what is installed."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any, Final

import django_rq
import redis
from django.conf import settings
from django.db import connection as database
from django.db.models import Count, Min
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry

from processing.engine import heartbeat
from processing.engine.relay import connection
from processing.models import OutboxEvent, SessionError, SessionTask

PACKAGES: Final = ("django", "channels", "daphne", "rq", "redis", "openai", "anthropic")


@dataclass(frozen=True, slots=True)
class QueueState:
    """``oldest_seconds``: for how long the job at the head has waited; None if none waits. ``failed``: jobs that
    ended with an error of ours and are kept for a look.
    """

    name: str
    waiting: int
    oldest_seconds: int | None
    failed: int


@dataclass(frozen=True, slots=True)
class WorkerState:
    name: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class TaskState:
    """Unfinished runs of one kind in one state, and when the oldest of them was asked for."""

    task_type: str
    status: str
    count: int
    oldest: datetime


def queues() -> list[QueueState] | None:
    """One per queue; None if Redis does not answer."""
    try:
        return [_queue_state(name) for name in settings.RQ_QUEUES]
    except redis.RedisError:
        return None


def _queue_state(name: str) -> QueueState:
    queue = django_rq.get_queue(name, connection=connection())
    failed = FailedJobRegistry(queue=queue).get_job_count(cleanup=False)
    return QueueState(name, queue.count, _wait_of(queue.get_job_ids(0, 1), queue.serializer), failed)


def _wait_of(head: Iterable[str], serializer: Any) -> int | None:
    for job_id in head:
        try:
            job = Job.fetch(job_id, connection=connection(), serializer=serializer)
        except NoSuchJobError:  # taken or expired since
            continue
        asked = job.enqueued_at or job.created_at
        asked = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
        return max(0, round((timezone.now() - asked).total_seconds()))
    return None


def workers() -> list[WorkerState]:
    """The living, by name; [] if Redis does not answer."""
    try:
        return [WorkerState(name, parse_datetime(seen)) for name, seen in heartbeat.workers().items()]
    except redis.RedisError:
        return []


def unfinished_tasks() -> list[TaskState]:
    found = SessionTask.objects.unfinished().order_by("task_type", "status").values_list("task_type", "status")
    return [TaskState(*row) for row in found.annotate(count=Count("pk"), oldest=Min("created_at"))]


def unsent_messages() -> int:
    return OutboxEvent.objects.unsent().count()


def last_errors(count: int = 20) -> list[SessionError]:
    """The newest that stopped a run or need an administrator."""
    return list(
        SessionError.objects.exclude(severity=SessionError.Severity.ITEM, error_category="temporary")
        .select_related("session__workspace")
        .order_by("-created_at")[:count]
    )


def versions() -> dict[str, str]:
    """What is installed, by its name."""
    server = ".".join(map(str, database.get_database_version()))
    return {
        "ticketgen": str(settings.SPECTACULAR_SETTINGS["VERSION"]),
        "Python": platform.python_version(),
        database.display_name: server,
        "Redis": _redis_version(),
        **_packages(),
    }


@cache
def _packages() -> dict[str, str]:
    """Read once: what a process runs with stays the same, whatever is installed meanwhile."""
    return {name: metadata.version(name) for name in PACKAGES}


def _redis_version() -> str:
    try:
        return str(connection().info("server")["redis_version"])
    except redis.RedisError:
        return "does not answer"
