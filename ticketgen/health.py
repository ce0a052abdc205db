"""Is it alive, is it ready, who works? For load balancers and for seed 002's clients."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from processing import status
from processing.engine import heartbeat


@require_safe
@never_cache
@login_not_required
def live(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """Database and Redis answer; 503 if one does not.

    How many jobs wait, for how long the oldest of them has waited (seconds, null if none does) and how many workers
    live is told too: a page is served without workers, so neither makes it unready. All three are null without Redis.
    """
    queues = status.queues()
    told: dict[str, Any] = {"queues": None, "oldest_job_seconds": None, "workers": None}
    if queues is not None:
        waits = [queue.oldest_seconds for queue in queues if queue.oldest_seconds is not None]
        told = {
            "queues": {queue.name: queue.waiting for queue in queues},
            "oldest_job_seconds": max(waits, default=None),
            "workers": len(status.workers()),
        }
    checks = {"database": _database(), "redis": "unhealthy" if queues is None else "healthy"}
    fine = all(state == "healthy" for state in checks.values())
    return JsonResponse({"status": "ready" if fine else "not ready", **checks, **told}, status=200 if fine else 503)


@require_safe
@never_cache
@login_not_required
def health(request: HttpRequest) -> JsonResponse:
    """Seed 002's shape: {api, worker, worker_last_seen}."""
    seen = heartbeat.last_seen()
    return JsonResponse({"api": "healthy", "worker": "healthy" if seen else "unhealthy", "worker_last_seen": seen})


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unhealthy"
    return "healthy"
