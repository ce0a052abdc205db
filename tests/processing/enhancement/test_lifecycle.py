"""enhance_ticket from its payload to its result, on the real database (requirements B-001…B-031, B-057…B-065)."""

import json
import logging
import random
import re
import uuid

import pytest
from django.db import connection
from django.utils import timezone

from processing.enhancement import backoff
from processing.enhancement.backoff import wait_after
from processing.enhancement.jobs import enhance_ticket, sweep_enhancements
from processing.enhancement.models import EnhancementAttempt, EnhancementHistory
from processing.enhancement.service import EnhancementService, JobRefused
from processing.models import LLMCall, MetricSample, ProviderSettings
from sessions_app.errors import WrongState
from tests.fakes.model_server import model_server
from tests.processing.enhancement.desks import accepted, job, make_desk, make_library

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings, redis):
    settings.ENHANCEMENT = {**settings.ENHANCEMENT, "RETRY_DELAY": 0.01, "SLICE": 5.0}


@pytest.fixture
def server(settings):
    settings.ENGINE = {**settings.ENGINE, "RETRY_DELAY": 0.001}
    with model_server() as running:
        settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{running.url}/v1", "MODEL": "fake"}}
        yield running


def labels(status, tenant):
    return json.dumps({"status": status, "tenant_id": tenant})


def counted(status, tenant="northfield"):
    return sum(number for *_, number in MetricSample.sums(name="enhancement_tasks", labels=labels(status, tenant)))


@pytest.mark.parametrize("form", [dict, json.dumps])
def test_a_valid_job_is_completed(people, form):
    """B-001, B-003, B-026, B-027, B-030, B-057."""
    make_library(people.workspace)
    make_desk(people.workspace)

    result = enhance_ticket(form(job()))

    run = EnhancementHistory.objects.get()
    assert result == {
        "status": "completed",
        "ticket_id": "4711",
        "enhancement_id": str(run.pk),
        "processing_time_ms": run.processing_time_ms,
    }
    assert isinstance(result["processing_time_ms"], int)
    assert (run.status, run.attempts, run.tenant_id, run.job_id) == ("completed", 1, "northfield", "job-1")
    assert run.result_summary == "2 similar tickets, 1 article, 2 hosts and networks found."
    assert [attempt.outcome for attempt in run.attempt_rows.all()] == ["completed"]
    assert run.finished_at >= run.started_at
    assert counted("completed") == 1


def test_a_job_whose_ticket_is_done_works_on_what_came_since(people):
    """Nobody was woken for that, as this job was waiting: with enough of them in the queue no more are put there."""
    make_desk(people.workspace)
    enhance_ticket(job())
    later = EnhancementService().accept(
        people.workspace, job(job_id="job-2", ticket_id="4712"), "webhook", wakes=False
    )[0]

    assert enhance_ticket(job())["ticket_id"] == "4711"

    later.refresh_from_db()
    assert later.status == "completed"


def test_the_context_is_what_helps(people):
    """B-051 to B-055: solved tickets, articles, hosts, put together."""
    make_library(people.workspace)
    make_desk(people.workspace)

    enhance_ticket(job())

    run = EnhancementHistory.objects.get()
    assert [(item.label, item.kind, item.external_id) for item in run.items.all()] == [
        ("C1", "ticket", "101"),
        ("C2", "ticket", "102"),
        ("C3", "article", "KB-1"),
        ("C4", "asset", "A-1"),
        ("C5", "asset", "A-2"),
    ]
    asset = run.items.get(label="C4")
    assert set(asset.matched) == {"10.1.3.7", "prn-03"}
    assert {name: each["status"] for name, each in run.sources.items()} == {
        "tickets": "ok",
        "articles": "ok",
        "assets": "ok",
    }
    claims = run.synthesis.claims
    assert run.synthesis.provider == "offline"
    assert all(claim["supported"] for claim in claims), claims
    assert "Cleaned the rollers" in claims[0]["text"]
    assert claims[0]["cites"] == ["C1"]
    assert {(each.field, each.value) for each in run.suggestions.all()} == {
        ("category", "Printing"),
        ("priority", "Low"),
        ("assignee", "Ana"),
    }


def test_until_there_is_a_result_the_row_says_that_it_began(people):
    """B-025, B-026, B-031."""
    run = accepted(people.workspace)

    assert run.status == "pending"
    assert run.result_summary == "Enhancement processing initiated for ticket 4711"


@pytest.mark.parametrize("missing", ["ticket_id", "description", "priority", "tenant_id", "timestamp"])
def test_a_missing_field_is_named_recorded_and_never_tried_again(people, missing):
    """B-004, B-006, B-059, B-070, D-37; B-050: without a tenant it counts as unknown."""
    data = job()
    del data[missing]

    with pytest.raises(JobRefused, match=missing if missing != "tenant_id" else "tenant_id"):
        enhance_ticket(data)

    sweep_enhancements()
    if missing == "tenant_id":
        assert not EnhancementHistory.objects.exists()
        assert counted("failed", "unknown") == 1
        return
    run = EnhancementHistory.objects.get()
    assert (run.status, run.attempts, run.error_code) == ("failed", 0, "invalid_job")
    assert missing in run.error_message
    assert not run.attempt_rows.exists()
    assert counted("failed") == 1


@pytest.mark.parametrize("data", ["", "{", "[]", "7", None, [], "null", b"\xff", '"x"'])
def test_what_is_no_job_at_all_is_refused(people, data):
    with pytest.raises(JobRefused):
        enhance_ticket(data)


def test_a_corrected_job_runs_under_the_same_id(people):
    """D-40: one row per job."""
    with pytest.raises(JobRefused):
        enhance_ticket(job(description=""))

    assert enhance_ticket(job())["status"] == "completed"
    assert EnhancementHistory.objects.count() == 1


def test_an_invalid_copy_does_not_touch_the_good_run(people):
    enhance_ticket(job())

    with pytest.raises(JobRefused):
        enhance_ticket(job(description=""))

    assert EnhancementHistory.objects.get().status == "completed"


def test_a_job_that_comes_again_is_the_same_job(people):
    """B-012, D-40."""
    results = [enhance_ticket(job()) for _ in range(3)]

    assert results[0] == results[1] == results[2]
    assert EnhancementHistory.objects.get().attempts == 1
    assert counted("completed") == 1


def test_without_a_job_id_the_same_text_is_one_job(people):
    """B-005."""
    first = {**job(), "job_id": ""}
    enhance_ticket(first)
    enhance_ticket({**first, "timestamp": "2026-11-24T10:00:00Z"})
    enhance_ticket({**first, "description": "Something else."})

    assert EnhancementHistory.objects.count() == 2


# Failures and retries


def test_the_waits_are_two_four_and_eight_seconds_with_a_little_jitter():
    """B-016 to B-018, with a fixed random source."""
    source = random.Random(7)
    jitter = random.Random(7)
    expected = [base * (1 + 0.25 * jitter.random()) for base in (2, 4, 8)]

    assert [wait_after(attempt, source=source) for attempt in (1, 2, 3)] == expected
    assert all(base <= wait <= base * 1.25 for base, wait in zip((2, 4, 8), expected, strict=True))
    assert wait_after(1, asked_for=30.0) == 30.0
    assert wait_after(40) == wait_after(1, asked_for=1e9) == 600.0


def test_a_model_that_fails_once_is_asked_again(people, server):
    """B-019, B-062, B-072: two executions, the wait between them is written down."""
    make_library(people.workspace)
    make_desk(people.workspace, provider="compatible", llm_model="fake")
    backoff.chance.seed(3)
    expected = 0.01 * (1 + 0.25 * random.Random(3).random())
    server.behave(fault="500", retry_after=0.0)
    run = accepted(people.workspace)
    original = server.server.behaviour

    class Once:
        """Healthy after two calls: the first attempt's only one and its repetition."""

        def told_by(self, model):
            return original.told_by(model) if server.calls <= 2 else type(original)(latency=0.0)

    server.server.behaviour = Once()
    enhance_ticket(job())

    run.refresh_from_db()
    assert run.status == "completed"
    attempts = list(run.attempt_rows.all())
    assert [(each.number, each.outcome) for each in attempts] == [(1, "failed"), (2, "completed")]
    assert attempts[0].error_code == "llm_unavailable"
    assert attempts[0].wait_seconds == pytest.approx(expected)
    assert attempts[1].started_at >= attempts[0].ended_at
    assert counted("completed") == 1
    assert counted("failed") == 0


def test_a_model_that_stays_away_leaves_the_raw_context(people, server):
    """Seed 003's next steps: without a synthesis the context is delivered, and said to be so."""
    make_library(people.workspace)
    make_desk(people.workspace, provider="compatible", llm_model="fake:fault=500,retry_after=0")

    result = enhance_ticket(job())

    run = EnhancementHistory.objects.get()
    assert result["status"] == run.status == "completed"
    assert run.attempts == 4
    assert run.items.count() == 5
    assert run.synthesis.claims == []
    assert "failed (500)" in run.synthesis.failure
    assert "No synthesis" in run.result_summary
    assert not run.suggestions.exists()


@pytest.mark.parametrize(("fault", "calls"), [("401", 1), ("quota", 1), ("broken", 2), ("missing", 2), ("refuse", 1)])
def test_what_time_does_not_mend_is_not_tried_again(people, server, fault, calls):
    make_desk(people.workspace, provider="compatible", llm_model=f"fake:fault={fault}")

    enhance_ticket(job())

    run = EnhancementHistory.objects.get()
    assert (run.status, run.attempts, server.calls) == ("completed", 1, calls)
    assert run.synthesis.failure


def test_a_hanging_model_is_not_waited_for_twice(people, server, settings):
    settings.ENHANCEMENT = {**settings.ENHANCEMENT, "SYNTHESIS_LIMIT": 0.3}
    make_library(people.workspace)
    make_desk(people.workspace, provider="compatible", llm_model="fake:fault=hang")

    enhance_ticket(job())

    run = EnhancementHistory.objects.get()
    assert (run.status, run.attempts) == ("completed", 1)
    assert run.items.count() == 5
    assert "in time" in run.synthesis.failure


def test_the_soft_limit_ends_an_attempt_and_the_last_one_the_run(people, server, settings):
    """B-015, B-020, B-022, B-061, B-069."""
    settings.ENHANCEMENT = {**settings.ENHANCEMENT, "SOFT_LIMIT": 2.3}
    make_desk(people.workspace, provider="compatible", llm_model="fake:fault=hang")
    from processing.enhancement import runner

    assert runner.ROOM == 2.0
    settings.ENHANCEMENT["SOFT_LIMIT"] = 1.9  # less than is kept for writing down: no time for the model

    result = enhance_ticket(job())

    run = EnhancementHistory.objects.get()
    assert result["status"] == run.status == "failed"
    assert run.error_code == "soft_limit"
    assert run.error_message == "The attempt took too long and was ended."
    assert [each.error_code for each in run.attempt_rows.all()] == ["soft_limit"] * 4
    assert [each.wait_seconds is None for each in run.attempt_rows.all()] == [False, False, False, True]
    assert counted("failed") == 1


def test_a_database_error_is_rolled_back_and_tried_again(people):
    """B-029, B-060: here a table that is gone for a moment, in the middle of an attempt."""
    make_desk(people.workspace)
    run = accepted(people.workspace)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE enhancement_synthesis RENAME TO enhancement_away")
    try:
        result = enhance_ticket(job())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE enhancement_away RENAME TO enhancement_synthesis")

    run.refresh_from_db()
    assert result["status"] == run.status == "failed"
    assert run.attempts == 4
    assert run.error_code == "database"
    assert "enhancement_" not in run.error_message, "no internals (B-036)"
    assert [each.outcome for each in run.attempt_rows.all()] == ["failed"] * 4

    EnhancementService().retry(run)
    assert enhance_ticket(job())["status"] == "completed"
    run.refresh_from_db()
    assert (run.status, run.attempts, run.attempt_rows.count()) == ("completed", 1, 5)


def test_a_place_that_cannot_be_searched_is_left_out_and_said_to_be(people):
    """B-054: partial results."""
    make_library(people.workspace)
    make_desk(people.workspace)
    gone = "enhancement_knowledgearticle"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {gone} RENAME TO away")
    try:
        enhance_ticket(job())
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {gone}")

    run = EnhancementHistory.objects.get()
    assert run.status == "completed"
    assert run.sources["articles"]["status"] == "failed"
    assert run.sources["tickets"]["count"] == 2
    assert "Not searched in time: articles." in run.result_summary


def test_a_deadline_ends_what_is_still_waiting(people):
    """D-41."""
    run = accepted(people.workspace)
    past = timezone.now() - timezone.timedelta(seconds=1)
    EnhancementHistory.objects.filter(pk=run.pk).update(
        deadline_at=past, not_before=timezone.now() + timezone.timedelta(hours=1), error_message="The model was busy."
    )

    assert sweep_enhancements()["enhancements_ended"] == 1

    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "deadline")
    assert "The model was busy." in run.error_message


def test_an_abandoned_run_is_taken_back_and_after_four_attempts_it_has_failed(people):
    """B-013, D-38."""
    run = accepted(people.workspace)
    for number in range(1, 5):
        run.refresh_from_db()
        EnhancementHistory.objects.filter(pk=run.pk).update(not_before=timezone.now())
        EnhancementHistory.start_all([run], run.pk)
        assert sweep_enhancements()["enhancements_taken_back"] == 0
        EnhancementHistory.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
        assert sweep_enhancements()["enhancements_taken_back"] == 1
        run.refresh_from_db()
        assert run.status == ("pending" if number < 4 else "failed")

    assert run.error_code == "worker_lost"
    assert {each.outcome for each in run.attempt_rows.all()} == {EnhancementAttempt.Outcome.LOST}
    assert counted("failed") == 1


def test_whoever_lost_a_run_neither_begins_nor_ends_it(people):
    run = accepted(people.workspace)
    late = EnhancementHistory.objects.get()
    owner, other = uuid.uuid4(), uuid.uuid4()
    EnhancementHistory.start_all([run], owner)

    with pytest.raises(WrongState, match="no longer waiting"):
        EnhancementHistory.start_all([late], other)
    with pytest.raises(WrongState, match="running by now"):
        late.complete(other, summary="Late.", milliseconds=1)

    late.refresh_from_db()
    assert (late.status, late.lease_owner, late.attempts) == ("running", owner, 1)


# What is told


def test_the_log_tells_start_steps_and_completion(people, caplog):
    """B-039 to B-044, B-058."""
    with caplog.at_level(logging.DEBUG, "processing.enhancement"):
        enhance_ticket(job(trace_id="trace-from-outside"))

    lines = [record for record in caplog.records if record.name == "processing.enhancement"]
    told = {record.getMessage(): record.fields for record in lines}
    assert [record.levelname for record in lines if record.getMessage() == "enhancement started"] == ["INFO"]
    for name in ("task_id", "ticket_id", "tenant_id", "attempt_number", "worker_id", "payload"):
        assert told["enhancement started"][name]
    assert told["enhancement completed"]["status"] == "success"
    assert told["enhancement completed"]["duration_ms"] >= 0
    assert {"context started", "context done", "synthesis started", "synthesis done"} <= told.keys()
    assert "jams" not in str(told), "no text of a ticket in the log"


def test_the_log_tells_what_went_wrong_with_its_number(people, server, caplog):
    """B-021, B-042, B-065."""
    make_desk(people.workspace, provider="compatible", llm_model="fake:fault=500,retry_after=0")
    with caplog.at_level(logging.INFO, "processing.enhancement"):
        enhance_ticket(job())

    errors = [record.fields for record in caplog.records if record.getMessage() == "enhancement attempt failed"]
    assert [each["attempt_number"] for each in errors] == [1, 2, 3]
    assert {each["error_type"] for each in errors} == {"TryLater"}
    assert all(each["ticket_id"] == "4711" and each["error_message"] and each["duration_ms"] >= 0 for each in errors)
    assert [record.getMessage() for record in caplog.records].count("Retrying enhancement") == 3


def test_a_line_of_the_log_is_json(people):
    """B-043."""
    from ticketgen.logging import JsonFormatter

    record = logging.makeLogRecord({"msg": "x", "fields": {"ticket_id": "47\n11", "attempt_number": 2}})
    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line)["attempt_number"] == 2


def test_the_figures_are_on_their_page(people):
    """B-046, B-047, B-049, B-070: values, after a success and two failures."""
    enhance_ticket(job())
    for data in (job(job_id="j-2", description=""), {"tenant_id": 7}):
        with pytest.raises(JobRefused):
            enhance_ticket(data)

    text = people.browser("nobody").get("/metrics").content.decode()

    assert 'enhancement_tasks_total{status="completed",tenant_id="northfield"} 1.0' in text
    assert 'enhancement_tasks_total{status="failed",tenant_id="northfield"} 1.0' in text
    assert 'enhancement_tasks_total{status="failed",tenant_id="unknown"} 1.0' in text
    assert re.search(r'enhancement_task_duration_seconds_count\{status="completed",tenant_id="northfield"\} 1.0', text)
    assert 'enhancement_task_duration_seconds_bucket{le="+Inf",status="completed",tenant_id="northfield"} 1.0' in text


# Tenants


def test_two_workspaces_never_meet(people, server):
    """B-032, B-033, B-064, B-070, and nothing of another workspace is in a prompt."""
    for workspace, mark in ((people.workspace, "ours"), (people.charlies, "theirsecret")):
        make_library(workspace, mark)
        make_desk(workspace, provider="compatible", llm_model="fake")

    enhance_ticket(job())
    enhance_ticket(job(tenant_id=people.charlies.slug))

    ours = EnhancementHistory.objects.get(workspace=people.workspace)
    theirs = EnhancementHistory.objects.get(workspace=people.charlies)
    assert ours.items.count() == theirs.items.count() == 5
    seen = [str(list(run.items.values())) + str(run.synthesis.__dict__) for run in (ours, theirs)]
    assert "theirsecret" not in seen[0]
    assert "ours" in seen[0]
    assert "ours" not in seen[1].replace("hours", "")
    prompts = server.server.prompts
    assert len(prompts) == 2
    assert "theirsecret" not in prompts[0]
    assert set(LLMCall.objects.values_list("workspace__slug", flat=True)) == {"northfield", people.charlies.slug}
    assert not ProviderSettings.objects.exists()
