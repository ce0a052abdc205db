"""``/metrics`` for Prometheus: with a token, or from this machine where none is set."""

from __future__ import annotations

import hmac
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from processing.engine import heartbeat
from processing.engine.queue import waiting
from processing.metrics import Everything, Gauge
from processing.models import OutboxEvent, SessionTask

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})

Gauge(
    "ticketgen_queue_jobs",
    "Jobs that wait for a worker.",
    ("queue",),
    lambda: [([name], waiting(name)) for name in settings.RQ_QUEUES],
)
Gauge(
    "ticketgen_unfinished_tasks",
    "Runs that are not finished.",
    ("task_type", "status"),
    lambda: [
        ([kind, status], count)
        for kind, status, count in SessionTask.objects.unfinished()
        .order_by()
        .values_list("task_type", "status")
        .annotate(count=Count("pk"))
    ],
)
Gauge(
    "ticketgen_unsent_messages",
    "Messages of the outbox that Redis has not taken yet.",
    (),
    lambda: [([], OutboxEvent.objects.unsent().count())],
)


def _alive() -> list[tuple[list[str], float]]:
    return [([], float(heartbeat.last_seen() is not None))]


Gauge("ticketgen_worker_alive", "1 if a worker has given a sign of life in the last 90 s.", (), _alive)


@require_safe
@never_cache
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures in Prometheus' text format."""
    if not _may_read(request):
        answer = HttpResponse("These figures are for operators.\n", status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return answer
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    except ImportError:
        return HttpResponse("The package prometheus-client is not installed.\n", status=501, content_type="text/plain")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    """Who knows the token; without one, who asks from this machine and not through a proxy on it."""
    token: str = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    is_passed_on = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"))
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not is_passed_on
