"""Is it alive, is it ready, who works? For load balancers and for seed 002's clients."""

from __future__ import annotations

from typing import Any

import redis
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

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
    """Database and Redis answer; 503 if one does not."""
    checks: dict[str, Any] = {"database": _database(), "redis": _redis()}
    fine = all(state == "healthy" for state in checks.values())
    return JsonResponse({"status": "ready" if fine else "not ready", **checks}, status=200 if fine else 503)


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


def _redis() -> str:
    try:
        heartbeat.connection().ping()
    except redis.RedisError:
        return "unhealthy"
    return "healthy"
