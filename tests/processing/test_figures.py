"""What /metrics tells of runs, models, exports, webhooks and sockets: exact, whoever counts, and never less."""

import asyncio
import threading
import uuid
from decimal import Decimal

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from processing import figures, metrics
from processing.engine import claims, finish, heartbeat, planning, presence
from processing.engine.kinds import Outcome, kind_of
from processing.errors import LLMTimeoutError
from processing.export.fakes.jira import FakeJira
from processing.generation.kind import Written
from processing.generation.service import ProcessingService, latest_task
from processing.llm.base import Call
from processing.models import LLMCall, MetricSample, SessionTask, WebhookSecret
from processing.routing import websocket_urlpatterns
from processing.views import metrics as page_of_metrics  # noqa: F401 - its gauges
from sessions_app.actions.sessions import delete_session
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import wait_for
from tests.processing.export.trackers import exported, make_approved, make_connection, running
from tests.webhooks import signed_post

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {name: f"A {name}." for name in ("title", "user_story", "analysis", "verification")}


def told(name, **labels):
    """The number of one figure in /metrics, as Prometheus reads it; None if it is not there."""
    text = Client().get("/metrics").content.decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def finished_calls(model, calls=1, **more):
    entries = [
        LLMCall.drawn_from(
            Call("compatible", model, "ticket-1", tokens_in=10, tokens_out=5, cost=Decimal("0.25"), latency_ms=700),
            workspace_id=uuid.uuid4(),
            **more,
        )
        for _ in range(calls)
    ]
    with transaction.atomic(), metrics.Tally() as tally:
        figures.calls_made(tally, entries)


def test_a_run_its_items_and_its_calls_are_counted_and_outlive_the_session(people, run_jobs, settings):
    with model_server() as server:
        settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
        session = make_specified_session(people.workspace, 2, 4, llm_provider_choice="compatible")
        ProcessingService().generate_tickets(session)
        run_jobs()
    assert latest_task(session).status == "completed"
    tokens = sum(LLMCall.objects.values_list("tokens_in", flat=True))

    delete_session(session, by=None)
    LLMCall.objects.all().delete()
    people.workspace.delete()

    who = {"provider": "compatible", "model": "fake"}
    assert told("ticketgen_runs_total", task_type="processing", status="completed") == 1
    assert told("ticketgen_items_total", task_type="processing", outcome="done") == 6
    assert told("ticketgen_model_calls_total", **who, outcome="ok") == 6
    assert told("ticketgen_model_tokens_total", **who, kind="in") == tokens > 0
    assert told("ticketgen_model_tokens_total", **who, kind="out") == 3600
    assert told("ticketgen_model_call_seconds_count", **who) == 6
    assert told("ticketgen_model_calls_unpriced_total", **who) == 6
    assert told("ticketgen_model_cost_total", **who, currency="USD") is None


def test_money_and_time_are_added_up_but_not_the_time_of_a_batch():
    who = {"provider": "compatible", "model": "m-1"}
    finished_calls("m-1", 3)
    finished_calls("m-1", economy=True)

    assert told("ticketgen_model_cost_total", **who, currency="USD") == 1.0
    assert told("ticketgen_model_call_seconds_sum", **who) == pytest.approx(2.1)
    assert told("ticketgen_model_call_seconds_bucket", **who, le="1") == 3


def test_a_cancelled_run_tells_of_the_items_that_were_left(people, redis):
    session = make_specified_session(people.workspace)
    started = ProcessingService().generate_tickets(session)
    task = SessionTask.objects.get(pk=started["task_id"])
    planning.plan(task)

    finish.cancel(task)

    assert told("ticketgen_runs_total", task_type="processing", status="cancelled") == 1
    assert told("ticketgen_items_total", task_type="processing", outcome="cancelled") == 6


def test_a_batch_of_tickets_is_counted_by_one_statement_and_written_twice_once(people, redis):
    session = make_specified_session(people.workspace, 4, 60)
    started = ProcessingService().generate_tickets(session)
    task = SessionTask.objects.select_related("session").get(pk=started["task_id"])
    planning.plan(task)
    owner = uuid.uuid4()
    outcomes = []
    for place, item in enumerate(claims.claim(task, owner, 64)):
        call = Call("openai", f"model-{place % 3}", "ticket-1", tokens_in=10, cost=Decimal("0.5"), latency_ms=place)
        entry = LLMCall.drawn_from(call, workspace_id=people.workspace.pk, input_hash="x")
        result, error = (None, LLMTimeoutError()) if place == 7 else (Written(TEXT, "openai", "m", "1"), None)
        item.attempts_left = 0
        outcomes.append(Outcome(item, result, error, [entry]))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        claims.write(kind_of(task), task, owner, outcomes)
    claims.write(kind_of(task), task, owner, outcomes)

    counting = [each["sql"] for each in queries if "processing_metricsample" in each["sql"]]
    assert len(counting) == 1
    assert counting[0].startswith("INSERT")
    assert told("ticketgen_items_total", task_type="processing", outcome="done") == 63
    assert told("ticketgen_items_total", task_type="processing", outcome="failed") == 1
    assert told("ticketgen_model_calls_total", provider="openai", model="model-0", outcome="ok") == 22


def test_whoever_reads_beside_counting_and_folding_never_sees_less(people):
    counter, over, seen = metrics.Counter("test_things", "Things."), threading.Event(), []

    def count():
        for _ in range(40):
            counter.inc()
        connection.close()

    def fold():
        while not over.is_set():
            MetricSample.fold()
        connection.close()

    counting = [threading.Thread(target=count) for _ in range(4)]
    folding = [threading.Thread(target=fold) for _ in range(2)]
    try:
        for thread in (*counting, *folding):
            thread.start()
        while any(thread.is_alive() for thread in counting):
            seen += [number for _, _, number in MetricSample.sums(name="test_things")]
    finally:
        over.set()
        for thread in (*counting, *folding):
            thread.join()
        del metrics._counted["test_things"]
    MetricSample.fold()

    assert seen == sorted(seen)
    assert MetricSample.objects.get(name="test_things").value == 160


def test_models_beyond_the_limit_are_other_and_odd_names_unknown(settings):
    settings.METRICS_MODELS = 2
    for model in ("one", "two", "three", "four", "one", 'x"} 1\nfake', "m" * 81, "other"):
        finished_calls(model)

    counted = {
        model: told("ticketgen_model_calls_total", provider="compatible", model=model, outcome="ok")
        for model in ("one", "two", "three", "other", "unknown")
    }
    assert sum(filter(None, counted.values())) == 8
    assert (counted["one"], counted["two"], counted["other"], counted["unknown"]) == (2, 1, 2, 3)


def test_what_became_of_an_export(people, run_jobs):
    with running(FakeJira()) as jira:
        session = make_approved(people.workspace, 3, lambda number: [number - 1] if number > 1 else [])
        task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert task.status == "completed"
    assert told("ticketgen_exports_total", target="jira", step="issue", outcome="created") == 3
    assert told("ticketgen_exports_total", target="jira", step="link", outcome="linked") == 2
    assert told("ticketgen_runs_total", task_type="export", status="completed") == 1


def test_webhooks_by_what_they_were_answered(people, redis):
    _, secret = WebhookSecret.make(people.workspace, "servicedesk")
    sender = {"secret": secret, "workspace": people.workspace.slug}
    signed_post(Client(), "/webhook/servicedesk", b"{", **sender)
    signed_post(Client(), "/webhook/servicedesk", {}, **{**sender, "secret": "wrong"})
    Client().post("/webhook/servicedesk", b"{}", content_type="application/json")

    assert told("ticketgen_webhooks_total", purpose="servicedesk", answer="401") == 2
    assert told("ticketgen_webhooks_total", purpose="servicedesk", answer="422") == 1


async def test_open_sockets_of_every_web_process(people, redis, monkeypatch):
    session = await asyncio.to_thread(make_specified_session, people.workspace)
    redis.set("web:other-machine.7:sockets", 40, ex=20)
    monkeypatch.setattr(presence, "EVERY", 0.01)

    async def signed_in(scope, receive, send):
        await URLRouter(websocket_urlpatterns)({**scope, "user": people.alice}, receive, send)

    sockets = [WebsocketCommunicator(signed_in, f"/ws/sessions/{session.pk}/") for _ in range(3)]
    for each in sockets:
        await each.connect(timeout=5)

    def both_told():
        return sorted(presence.sockets().values()) == [3, 40]

    await asyncio.to_thread(wait_for, both_told, "the number of open sockets")
    assert await asyncio.to_thread(told, "ticketgen_sockets", process="other-machine.7") == 40
    for each in sockets:
        await each.disconnect()
    [mine] = [key for key in redis.scan_iter("web:*:sockets") if b"other" not in key]
    assert 0 < redis.ttl(mine) <= presence.EXPIRES


def test_queues_and_workers(people, redis):
    ProcessingService().generate_tickets(make_specified_session(people.workspace))
    heartbeat.beat("machine-7.42")
    heartbeat.beat("machine-8.42")

    assert told("ticketgen_workers") == 2
    assert told("ticketgen_queue_jobs", queue="default") == 1
    assert 0 <= told("ticketgen_queue_oldest_seconds", queue="default") < 60
    assert told("ticketgen_queue_failed_jobs", queue="default") == 0
    assert told("ticketgen_unfinished_tasks", task_type="processing", status="pending") == 1
