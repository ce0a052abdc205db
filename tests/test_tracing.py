"""One trace from the click to the model and the tracker, by real processes; a collector that hangs costs nothing."""

from __future__ import annotations

import struct
import sys
import time

import pytest
from django.core.checks import run_checks
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processing.export.fakes.jira import FakeJira
from sessions_app import tracing
from sessions_app.models import Ticket
from tests.factories import make_specified_session
from tests.fakes.collector import collector
from tests.fakes.model_server import model_server
from tests.processes import wait_for, worker
from tests.processing.export.trackers import ACCOUNT, TOKEN, make_approved, make_connection, running
from tests.runs import model_at
from tests.test_correlation import Site, click, finished

KEY = "sk-canary-77-of-the-model"
OF_A_CLICK = "ab" * 16
SERVER, CLIENT, CONSUMER = 2, 3, 5


@pytest.fixture
def sink():
    with collector() as running_collector:
        yield running_collector


def spans(sink):
    return [
        span
        for body in list(sink.bodies)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def trace(sink, trace_id):
    return [span for span in spans(sink) if span.trace_id.hex() == trace_id]


def fact(span, name):
    return next((each.value for each in span.attributes if each.key == name), None)


def is_below(span, other, found):
    by_id = {each.span_id: each for each in found}
    while span is not None and span.span_id != other.span_id:
        span = by_id.get(span.parent_span_id)
    return span is not None


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_from_the_click_to_the_model_and_to_the_tracker(people, redis, sink, monkeypatch):
    on = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{sink.address}",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "COMPATIBLE_API_KEY": KEY,
    }
    with model_server() as model, running(FakeJira(account=ACCOUNT, token=TOKEN)) as jira:
        for name, value in {**on, **model_at(model)}.items():
            monkeypatch.setenv(name, value)
        session = make_specified_session(people.workspace, 1, 2, llm_provider_choice="compatible")
        approved = make_approved(people.workspace, 2)
        connection = make_connection(people.workspace, jira)
        site = Site()
        with worker():
            site.start()
            try:
                traced = {"traceparent": f"00-{OF_A_CLICK}-{'12' * 8}-01", "tracestate": "evil=1"}
                token = click(
                    site, people.alice, f"/api/sessions/{session.pk}/process", "click-to-generate-1", {}, traced
                )
                wait_for(finished(session), "the end of the run")
                body = {"connection": str(connection.pk)}
                click(site, people.alice, f"/api/sessions/{approved.pk}/export", "click-to-export-1", body)
                wait_for(finished(approved), "the end of the export")
                named = lambda name: [span for span in spans(sink) if span.name == name]  # noqa: E731
                wait_for(lambda: len(named("export issue")) == 2, "the spans of the export")
                wait_for(lambda: [each for each in trace(sink, OF_A_CLICK) if each.kind == CONSUMER], "the job's span")
            finally:
                site.stop()

    found = trace(sink, OF_A_CLICK)
    [request] = [span for span in found if span.kind == SERVER]
    assert request.name == "POST /api/sessions/<uuid:session_id>/process"
    assert request.parent_span_id.hex() == "12" * 8
    assert fact(request, "request_id").string_value == "click-to-generate-1"
    [job, *_] = [span for span in found if span.kind == CONSUMER]
    assert job.name.endswith("generate_tickets_job")
    assert is_below(job, request, found)
    calls = [span for span in found if span.name == "model call"]
    assert len(calls) == 3
    assert all(span.kind == CLIENT and is_below(span, job, found) for span in calls)
    assert {fact(span, "gen_ai.usage.output_tokens").int_value for span in calls} == {600}

    issue = named("export issue")[0]
    whole = trace(sink, issue.trace_id.hex())
    posts = [span for span in whole if span.name == "POST" and is_below(span, issue, whole)]
    assert [fact(span, "http.response.status_code").int_value for span in posts] == [201]
    assert [span.name for span in whole if span.kind == SERVER] == ["POST /api/sessions/<uuid:session_id>/export"]

    sent = b"\n".join(sink.bodies) + "\n".join(sink.heads).encode()
    texts = [text for pair in Ticket.objects.values_list("title", "analysis") for text in pair]
    for secret in (
        KEY,
        token,
        TOKEN,
        ACCOUNT,
        "Northfield",
        "kind_0",
        "field_0",
        "evil",
        people.alice.username,
        *texts,
    ):
        assert secret.encode() not in sent, secret


def test_a_collector_that_hangs_is_left_alone_for_a_while(sink, settings, monkeypatch):
    sink.open.clear()
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://{sink.address}"
    monkeypatch.setattr(tracing, "_providers", {})
    monkeypatch.setattr(tracing, "FLUSH", 0.2)

    try:
        with tracing.span("something"):
            pass
        tracing.flush()
        assert len(sink.bodies) == 1
        with tracing.span("something else"):
            pass
        before = time.monotonic()
        tracing.flush()
        assert time.monotonic() - before < 0.15
    finally:
        tracing._silent_until[:] = struct.pack("d", 0.0)


@pytest.mark.parametrize("sent", ["", "00-zz", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{OF_A_CLICK}-{'12' * 8}-01\n"])
def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(sink, settings, monkeypatch, sent):
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://{sink.address}"
    monkeypatch.setattr(tracing, "_providers", {})

    with tracing.span("something", continues={"traceparent": sent}):
        carried = tracing.carrier()
    tracing.flush()

    [span] = spans(sink)
    assert not span.parent_span_id
    assert list(carried) == ["traceparent"]
    assert carried["traceparent"].startswith(f"00-{span.trace_id.hex()}-{span.span_id.hex()}-")


def test_without_an_address_there_is_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with tracing.span("something") as span:
        span.set(any="thing")
        assert tracing.carrier() == {}
    assert span is tracing.NOTHING


def test_the_check_says_what_to_install(settings, monkeypatch):
    monkeypatch.setattr("ticketgen.checks.find_spec", lambda name: None)
    settings.SENTRY_DSN = "http://key@127.0.0.1:9/1"
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9"

    found = {message.id: message.hint for message in run_checks()}

    assert set(found) >= {"ticketgen.E001", "ticketgen.E002"}
    assert "requirements-observability.txt" in found["ticketgen.E001"]
