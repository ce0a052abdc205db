"""The web process as it is deployed: requests a second over HTTP, and how long it takes until somebody answers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from knox.models import AuthToken

from sessions_app.models import Session, Ticket
from tests.factories import make_session, make_specified_session, make_ticket
from tests.processes import ROOT, wait_for
from ticketgen.embedded_redis import free_port

from .figures import Figure, figure, percentile, size, workspace
from .stage import started, web_server, workers

TICKETS = 10_000
SESSIONS = 100
CLIENTS = 4
SECONDS = 10
STARTS = 3


def requests() -> Iterator[Figure]:
    """Pages and API of a workspace with a hundred sessions, one of which has 10,000 tickets."""
    session = _many_tickets()
    signed_in, bearer = _headers()
    ticket = session.tickets.in_order().only("pk")[session.tickets.count() // 2]
    mine, api = f"/sessions/{session.pk}", f"/api/sessions/{session.pk}"
    with web_server() as (port, _):
        for name, path, headers in (
            ("session list page", "/", signed_in),
            ("session list API", "/api/sessions", bearer),
            ("ticket list page", f"{mine}/tickets/", signed_in),
            ("ticket list API", f"{api}/tickets", bearer),
            ("ticket page", f"{mine}/tickets/{ticket.pk}/", signed_in),
            ("ticket API", f"{api}/tickets/{ticket.pk}", bearer),
            ("status page", f"{mine}/run/", signed_in),
            ("status API", f"{api}/process/status", bearer),
        ):
            _visited(port, path, headers, 1)  # what is made once: connections, templates
            came = _visited(port, path, headers, size(SECONDS, at_least=2))
            took, good = came["took"], came["statuses"].get("200", 0)
            yield figure(
                f"{name} over HTTP, {CLIENTS} clients at once, {SESSIONS} sessions, p95 ms",
                1000 * percentile(took, 95),
                300,
                holds=good == len(took),
                note=f"{good / came['seconds']:.0f} requests/s; p50 {1000 * median(took):.0f} ms; {len(took)} answers, "
                f"{len(took) - good} of them not 200; {came['opened']} connections opened",
            )


def _many_tickets() -> Session:
    session = make_specified_session(workspace(), site_name="The large one")
    tickets = [_unsaved(session, number) for number in range(1, size(TICKETS) + 1)]
    Ticket.objects.bulk_create(tickets, batch_size=500)
    for number in range(size(SESSIONS) - 1):
        small = make_session(workspace(), site_name=f"Site {number}")
        make_ticket(small)
    return session


def _unsaved(session: Session, number: int) -> Ticket:
    return Ticket(
        session=session,
        number=number,
        position=number,
        key=f"bundles:node.kind_{number}",
        csv_type="bundles",
        entity_group="Content",
        title=f"Create content type Kind {number}",
        user_story="As an editor, I want it, so that the site has it.",
        analysis="### What to build\n\nIt, with all its fields.\n\n" + "A sentence of the analysis. " * 20,
        verification="1. Look.\n2. Look again.",
        provider="offline",
    )


def _headers() -> tuple[dict[str, str], dict[str, str]]:
    """(of a browser that is signed in, of a program with a token)."""
    user = get_user_model().objects.get(username="bench")
    browser = Client()
    browser.force_login(user)
    _, token = AuthToken.objects.create(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    return {"Cookie": cookie}, {"Authorization": f"Bearer {token}"}


def _visited(port: int, path: str, headers: dict[str, str], seconds: float) -> dict[str, Any]:
    plan = {"port": port, "clients": CLIENTS, "seconds": seconds, "path": path, "headers": headers}
    file = Path(settings.VAR_DIR) / "visits.json"
    file.write_text(json.dumps(plan))
    script = str(Path(__file__).with_name("http_clients.py"))
    done = subprocess.run(
        [sys.executable, script, str(file)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def starts() -> Iterator[Figure]:
    """From the command to the first answer; the environment is there, as after the first ``make run``."""
    rounds = range(size(STARTS))
    yield _start("web process, started to first answer", [_web_start() for _ in rounds])
    yield _start("worker, started to ready for jobs", [_worker_start() for _ in rounds])
    stacks = [_stack_starts() for _ in rounds]
    yield _start("make run, empty var/, started to the sign-in page", [first for first, _ in stacks])
    yield _start("make run, once more, started to the sign-in page", [again for _, again in stacks])


def _start(name: str, seconds: list[float]) -> Figure:
    note = "Rounds: " + ", ".join(f"{each:.2f}" for each in seconds)
    return figure(f"{name}, s", median(seconds), note=note)


def _web_start() -> float:
    began = time.monotonic()
    with web_server():
        return time.monotonic() - began


def _worker_start() -> float:
    began = time.monotonic()
    with workers(1):
        return time.monotonic() - began


def _stack_starts() -> tuple[float, float]:
    """(first start, second start) of all that ``make run`` starts, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="ticketgen-start-", ignore_cleanup_errors=True) as folder:
        return _stack_start(folder), _stack_start(folder)


def _stack_start(folder: str) -> float:
    port = free_port()
    environment = {
        "PORT": str(port),
        "REDIS_URL": "",
        "TICKETGEN_VAR_DIR": folder,
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
    }

    def shows_the_sign_in_page() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/login/", timeout=5) as answer:
                return b'name="password"' in answer.read()
        except OSError:
            return False

    began = time.monotonic()
    with started(sys.executable, "-m", "ticketgen.dev", **environment) as process:
        wait_for(shows_the_sign_in_page, "the sign-in page", 120)
        took = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.wait(40)
    return took
