"""What Sentry is told of a view, a job and a model call that fail: where, and under which id; no secret and no text."""

from __future__ import annotations

import json
import logging
import time

import pytest
import sentry_sdk
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from knox.models import AuthToken

from processing.engine import queue
from processing.generation.service import ProcessingService
from processing.llm.openai import Compatible
from sessions_app.models import Session
from tests.factories import as_csv, import_files, make_session
from tests.fakes.collector import collector
from tests.fakes.model_server import model_server
from ticketgen import sentry

CANARY = "canary4e1d"
KEY, CELL = f"sk-{CANARY}-model-key", f"{CANARY} cell text"
logger = logging.getLogger("processing.tests")


@csrf_exempt
@login_not_required
def broken_view(request: HttpRequest, secret: str) -> None:
    held = request.headers["Authorization"]
    logger.error("cannot read %s", held)
    raise ValueError(f"cannot parse {request.body!r} of {secret}, {held}")


def broken_job(cell: str) -> None:
    try:
        raise KeyError(cell)
    except KeyError as error:
        raise LookupError(f"no such cell: {cell}") from error


urlpatterns = [path("broken/<str:secret>/", broken_view)]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@pytest.fixture
def sink(settings):
    with collector() as running:
        settings.SENTRY_DSN = f"http://public@{running.address}/1"
        sentry.start()
        yield running
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)


def events(sink):
    """What has come, by the kinds of its errors, the last of which is the one that was raised."""
    sentry_sdk.flush(5)
    items = [json.loads(line) for body in sink.bodies for line in body.splitlines() if line.startswith(b"{")]
    return [item for item in items if "event_id" in item and "level" in item]


def kinds(event):
    return [error["type"] for error in event["exception"]["values"]]


def test_a_view_a_job_and_a_model_call_that_fail_tell_no_secret(people, redis, run_jobs, sink, settings, monkeypatch):
    _, token = AuthToken.objects.create(people.alice)
    browser = Client(raise_request_exception=False)
    browser.cookies["theme"] = f"{CANARY}-cookie"
    sent_along = {"Authorization": f"Bearer {token}", "X-Request-Id": "click-that-failed-1"}
    answer = browser.post(f"/broken/{CANARY}-reset-token/?q={CANARY}", {"cell": CELL}, headers=sent_along)
    assert answer.status_code == 500

    queue.enqueue("tests.test_sentry.broken_job", CELL, queue="default", description=CELL)
    run_jobs()

    async def leak(provider, messages, form):
        raise RuntimeError(f"{provider.credentials.key} {messages}")

    monkeypatch.setattr(Compatible, "_send", leak)
    session = make_session(people.workspace, llm_provider_choice="compatible", site_description=CELL)
    import_files(session, Bundles=as_csv(["Name", "Machine name", "Type"], [[CELL, "kind", "Content type"]]))
    with model_server() as server:
        settings.LLM_PROVIDERS = {"compatible": {"KEY": KEY, "BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
        ProcessingService().generate_tickets(Session.objects.get(pk=session.pk))
        run_jobs()

    heard = events(sink)
    of_view = next(event for event in heard if "ValueError" in kinds(event))
    assert of_view["tags"]["request_id"] == "click-that-failed-1"
    assert of_view["transaction"] == "/broken/{secret}/"
    frames = of_view["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "broken_view"
    of_job = next(event for event in heard if "LookupError" in kinds(event))
    assert kinds(of_job) == ["KeyError", "LookupError"]
    assert of_job["transaction"] == "tests.test_sentry.broken_job"
    of_model = next(event for event in heard if "RuntimeError" in kinds(event))
    assert of_model["logentry"]["message"] == "item %s failed unexpectedly"
    assert of_model["tags"]["request_id"]
    assert any(event.get("logentry") == {"message": "cannot read %s"} for event in heard)

    arrived = b"\n".join(sink.bodies) + "\n".join(sink.heads).encode()
    for secret in (CANARY, token, people.alice.username, "Northfield", "The site"):
        assert secret.encode() not in arrived, secret


def test_a_sentry_that_hangs_keeps_no_request_waiting(people, sink):
    sink.open.clear()
    browser = Client(raise_request_exception=False)
    began = time.monotonic()
    for _ in range(3):
        browser.post("/broken/x/", headers={"Authorization": "x"})

    assert time.monotonic() - began < 10
    assert len(sink.bodies) <= 1
