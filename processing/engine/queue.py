"""Telling workers that there is something to do. The database already says so; a lost message is found by the sweep."""

from __future__ import annotations

import logging
from typing import Any

import django_rq
import redis
from django.conf import settings
from django.db import transaction
from rq import Queue, Worker

from sessions_app import tracing

from .relay import be_silent, connection, is_silent

logger = logging.getLogger(__name__)


def enqueue(job: str, *args: Any, queue: str, timeout: int | None = None, description: str | None = None) -> None:
    """Enqueue the job at the dotted path once the transaction commits; never raises for a Redis that is away. It
    belongs to the trace of whoever asks.

    ``description`` is what operators read instead of the path and the arguments.
    """

    meta = tracing.carrier()

    def tell() -> None:
        seconds = timeout or settings.JOB_TIMEOUT
        try:
            _queue(queue).enqueue_call(
                job,
                args=args,
                timeout=seconds,
                failure_ttl=settings.KEEP_FAILED,
                description=description,
                meta=meta,
            )
        except redis.RedisError as error:
            logger.warning("%s not enqueued, the sweep will do it: %s", job, error)

    transaction.on_commit(tell)


def waiting(queue: str) -> int:
    """Jobs that wait in a queue; 0 if Redis is away."""
    if is_silent():
        return 0
    try:
        return _queue(queue).count
    except redis.RedisError:
        be_silent()
        return 0


def workers_on(queue: str) -> int:
    """Workers that take jobs from a queue; at least 1, for one will come."""
    try:
        return max(1, Worker.count(queue=_queue(queue)))
    except redis.RedisError:
        return 1


def _queue(name: str) -> Queue:
    """By the connection that never waits long: drainers ask, and must not lose their leases to a Redis that hangs."""
    return django_rq.get_queue(name, commit_mode="auto", connection=connection())
