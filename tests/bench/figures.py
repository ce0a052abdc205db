"""What is measured. Every function returns figures; units stand in their names."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken

from processing.engine.jobs import drain_job
from processing.generation.jobs import generate_tickets_job
from processing.generation.service import ProcessingService, latest_task
from sessions_app.actions.workspaces import create_workspace
from sessions_app.models import Session, Workspace
from tests.factories import bundles, fields, import_files, make_session

Figure = dict[str, Any]
TICKETS = 10_000


def figure(name: str, ours: float, bar: float, *, at_most: bool = True, **more: Any) -> Figure:
    holds = ours <= bar if at_most else ours >= bar
    sign = "<=" if at_most else ">="
    return {
        "name": name,
        "ours": round(ours, 3),
        "peers": {},
        "ideal": None,
        "ratio": round(ours / bar, 3),
        "bar": f"{sign} {bar}",
        "holds": holds,
    } | more


def workspace() -> Workspace:
    found = Workspace.objects.filter(slug="bench").first()
    if found:
        return found
    user = get_user_model().objects.create_user("bench", "bench@example.org", "bench")
    return create_workspace("Bench", owner=user)


def imports() -> Iterator[Figure]:
    """Read, preview and keep a file of 10,000 rows, in a process of its own so that its memory can be told."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.import_10k"], capture_output=True, text=True, check=True, timeout=120
    )
    seconds, kept_seconds, megabytes = map(float, done.stdout.split())
    yield figure("import + preview of 10,000 rows, s", seconds, 2.0)
    yield figure("keeping 10,000 rows, s", kept_seconds, 4.0)
    yield figure("memory of import + preview of 10,000 rows, MB", megabytes, 150.0)


def lists() -> Iterator[Figure]:
    """List page and API at 10,000 tickets: queries and 95th percentile."""
    session = make_session(workspace())
    import_files(session, Bundles=bundles(200), Fields=fields(TICKETS - 200, 200))
    started = time.perf_counter()
    run(session)
    yield figure(
        "offline generation of 10,000 tickets, one worker, tickets/s",
        TICKETS / (time.perf_counter() - started),
        1,
        at_most=False,
        bar="told",
    )
    user = get_user_model().objects.get(username="bench")
    browser = Client()
    browser.force_login(user)
    _, token = AuthToken.objects.create(user)
    bearer = {"headers": {"Authorization": f"Bearer {token}"}}
    for name, address, client, more in (
        ("list page", f"/sessions/{session.pk}/tickets/", browser, {}),
        ("list page, page 150", f"/sessions/{session.pk}/tickets/?page=150", browser, {}),
        ("list page, search", f"/sessions/{session.pk}/tickets/?q=field_77", browser, {}),
        ("list API", f"/api/sessions/{session.pk}/tickets?page=50", Client(), bearer),
        ("status API", f"/api/sessions/{session.pk}/process/status", Client(), bearer),
    ):
        queries, p95 = _visits(lambda: client.get(address, **more))  # noqa: B023 - used at once
        yield figure(f"{name} at 10,000 tickets, queries", queries, 12)
        yield figure(f"{name} at 10,000 tickets, p95 ms", p95, 300)


def run(session: Session) -> None:
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
    return count, 1000 * statistics.quantiles(seconds, n=20)[-1]


def resident_megabytes(kind: str = "VmRSS") -> float:
    """This process's resident memory now, or (``VmHWM``) its peak since :func:`forget_peak`."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


ALL = (imports, lists)
