"""Files and pages: reading 10,000 rows, and lists of 10,000 tickets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken

from processing.engine.jobs import drain_job
from processing.generation.jobs import generate_tickets_job
from processing.generation.service import ProcessingService, latest_task
from sessions_app.models import Session

from .figures import Figure, figure, percentile, size, specified_session

ROWS = 10_000


def imports() -> Iterator[Figure]:
    """Read, preview and keep a file of 10,000 rows, in a process of its own so that its memory can be told."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.import_rows", str(size(ROWS))],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    seconds, kept_seconds, megabytes = map(float, done.stdout.split())
    yield figure("import + preview of 10,000 rows, s", seconds, 2.0)
    yield figure("keeping 10,000 rows, s", kept_seconds, 4.0)
    yield figure("memory of import + preview of 10,000 rows, MB", megabytes, 150.0)


def lists() -> Iterator[Figure]:
    """List page and API at 10,000 tickets: queries and 95th percentile; offline generation on the way there."""
    tickets = size(ROWS)
    session = specified_session(tickets)
    started = time.perf_counter()
    _run_here(session)
    yield figure("offline generation, one worker, tickets/s", tickets / (time.perf_counter() - started))
    user = get_user_model().objects.get(username="bench")
    browser = Client()
    browser.force_login(user)
    _, token = AuthToken.objects.create(user)
    bearer = {"headers": {"Authorization": f"Bearer {token}"}}
    for name, address, client, more in (
        ("list page", f"/sessions/{session.pk}/tickets/", browser, {}),
        ("list page, far back", f"/sessions/{session.pk}/tickets/?page={tickets // 66}", browser, {}),
        ("list page, search", f"/sessions/{session.pk}/tickets/?q=field_77", browser, {}),
        ("list API", f"/api/sessions/{session.pk}/tickets?page={tickets // 200}", Client(), bearer),
        ("status API", f"/api/sessions/{session.pk}/process/status", Client(), bearer),
    ):
        queries, p95 = _visits(lambda: client.get(address, **more))  # noqa: B023 - used at once
        yield figure(f"{name} at 10,000 tickets, queries", queries, 12)
        yield figure(f"{name} at 10,000 tickets, p95 ms", p95, 300)


def _run_here(session: Session) -> None:
    """Generate in this process, as one worker would."""
    ProcessingService().generate_tickets(session)
    task = latest_task(session)
    assert task is not None
    generate_tickets_job(str(session.pk), str(task.pk))
    while not latest_task(session).is_finished:  # type: ignore[union-attr]
        drain_job(str(task.pk))


def _visits(visit: Callable[[], Any], times: int = 40) -> tuple[int, float]:
    with CaptureQueriesContext(connection) as queries:
        assert visit().status_code == 200
        count = len(queries)
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        visit()
        seconds.append(time.perf_counter() - started)
    return count, 1000 * percentile(seconds, 95)
