"""``/metrics`` for Prometheus: with a token, or from this machine where none is set."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from processing import status
from processing.engine import heartbeat, presence
from processing.metrics import Everything, Gauge

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def _of_queues(read: Callable[[status.QueueState], float]) -> Callable[[], Iterable[tuple[list[str], float]]]:
    """One number per queue; none at all while Redis does not answer."""
    return lambda: [([queue.name], read(queue)) for queue in status.queues() or ()]


def _sockets() -> Iterable[tuple[list[str], float]]:
    return [([process], number) for process, number in presence.sockets().items()]


Gauge("ticketgen_queue_jobs", "Jobs that wait for a worker.", ("queue",), _of_queues(lambda queue: queue.waiting))
Gauge(
    "ticketgen_queue_oldest_seconds",
    "For how long the job at the head has waited.",
    ("queue",),
    _of_queues(lambda queue: queue.oldest_seconds or 0),
)
Gauge(
    "ticketgen_queue_failed_jobs",
    "Jobs that ended with an error of ours and are kept for a look.",
    ("queue",),
    _of_queues(lambda queue: queue.failed),
)
Gauge(
    "ticketgen_unfinished_tasks",
    "Runs that are not finished.",
    ("task_type", "status"),
    lambda: [([each.task_type, each.status], each.count) for each in status.unfinished_tasks()],
)
Gauge(
    "ticketgen_unsent_messages",
    "Messages of the outbox that Redis has not taken yet.",
    (),
    lambda: [([], status.unsent_messages())],
)
Gauge(
    "ticketgen_workers",
    "Workers that have given a sign of life in the last 90 s.",
    (),
    lambda: [([], len(status.workers()))],
)
Gauge(
    "ticketgen_worker_alive",
    "1 if a worker has given a sign of life in the last 90 s.",
    (),
    lambda: [([], float(heartbeat.last_seen() is not None))],
)
Gauge("ticketgen_sockets", "Open sockets, by web process; those that have any.", ("process",), _sockets)


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
