"""The scenarios of seed 004 §3, with real rows, a real Redis and a real worker."""

import uuid
from datetime import timedelta
from functools import partial
from itertools import chain

import pytest
from django.utils import timezone
from redis import Redis

from processing.assessment.delivery.relay import relay
from processing.assessment.models import AssessmentBatch, AssessmentEvent, ComparisonPair, ScoringRun
from processing.assessment.monitor import BatchMonitor
from processing.models import WebhookSecret
from tests.assessments import error_event, make_batch, pairs, result_event, send, texts
from tests.processes import wait_for
from tests.threads import at_once
from ticketgen.embedded_redis import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def secret(people):
    return WebhookSecret.make(people.workspace, "assessment")[1]


def waiting_batch(people, run_jobs, count=10, **values):
    batch = make_batch(people.workspace, count, **values)
    run_jobs()
    batch.refresh_from_db()
    assert batch.state == "WAITING_CALLBACKS"
    return batch


def of_100(people, run_jobs, **values):
    """25 texts, 100 comparisons."""
    batch = waiting_batch(people, run_jobs, 25, total_budget=100, **values)
    assert batch.total_comparisons == batch.total_budget == batch.comparison_pairs.count() == 100
    return batch


def events(batch, kind="cj_assessment.completed.v1"):
    return AssessmentEvent.objects.filter(batch=batch, event_type=kind)


def test_full_batch_lifecycle(people, run_jobs, redis, secret):
    correlation_id = uuid.uuid4()
    request = {
        "event_type": "cj_assessment.requested.v1",
        "correlation_id": str(correlation_id),
        "data": {"bos_batch_id": "bos-7", "essays": texts(10), "criterion": "Which argues better?"},
    }

    answer = send(secret, request)

    assert answer.status_code == 202
    batch = AssessmentBatch.objects.get(outside_id="bos-7")
    assert (batch.state, answer.json()["cj_assessment_job_id"]) == ("GENERATING_PAIRS", str(batch.pk))
    run_jobs()
    batch.refresh_from_db()
    assert (batch.state, batch.comparison_pairs.count(), batch.total_comparisons) == ("WAITING_CALLBACKS", 45, 45)

    for pair in pairs(batch):
        better = "essay_a" if pair.essay_a.number > pair.essay_b.number else "essay_b"
        assert send(secret, result_event(pair, winner=better)).json()["outcome"] == "counted"
    run_jobs()

    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons, batch.failed_comparisons) == ("COMPLETED", 45, 0)
    assert batch.completion_mode == "full"
    assert batch.progress_percentage == 100.0
    event = events(batch).get()
    assert (event.is_terminal, event.payload["correlation_id"]) == (True, str(correlation_id))
    data = event.payload["data"]
    assert (data["entity_ref"], data["cj_assessment_job_id"]) == ("bos-7", str(batch.pk))
    assert (data["event_name"], data["status"]) == ("cj_assessment.completed", "COMPLETED_SUCCESSFULLY")
    assert data["system_metadata"]["resource_usage"]["completed_comparisons"] == 45
    assert data["system_metadata"]["processing_duration_seconds"] >= 0
    assert [row["essay_id"] for row in data["rankings"]] == [f"essay-{n}" for n in range(9, -1, -1)]
    assert [row["rank"] for row in data["rankings"]] == list(range(1, 11))
    relayed = redis.xrange("huleedu.cj_assessment.completed.v1")
    assert [fields[b"event_id"].decode() for _, fields in relayed] == [str(event.pk)]


def test_the_same_request_twice_makes_one_batch(people, run_jobs, secret):
    request = {"event_type": "cj_assessment.requested.v1", "data": {"bos_batch_id": "b", "essays": texts(3)}}

    first = send(secret, request).json()
    second = send(secret, {**request, "correlation_id": str(uuid.uuid4())}).json()

    assert AssessmentBatch.objects.count() == 1
    assert (first["created"], second["created"]) == (True, False)


@pytest.mark.parametrize("minutes", [300, 301])
def test_batch_monitoring_recovery(people, run_jobs, secret, minutes):
    batch = of_100(people, run_jobs, completion_threshold_pct=95)
    for pair in pairs(batch)[:85]:
        send(secret, result_event(pair))
    past = timezone.now() - timedelta(minutes=minutes)
    AssessmentBatch.objects.filter(pk=batch.pk).update(deadline_at=past)
    batch.refresh_from_db()
    assert (batch.state, batch.progress_percentage) == ("WAITING_CALLBACKS", 85.0)

    counts = BatchMonitor().check_stuck_batches()
    run_jobs()

    batch.refresh_from_db()
    assert counts["recovered"] == 1
    assert (batch.state, batch.completion_mode) == ("COMPLETED", "forced_recovery")
    assert events(batch).count() == 1
    assert batch.scoring_runs.get(kind="final").comparisons == 85


def test_a_stuck_batch_with_too_few_results_fails_once(people, run_jobs, secret):
    batch = of_100(people, run_jobs)
    for pair in pairs(batch)[:70]:
        send(secret, result_event(pair))
    AssessmentBatch.objects.filter(pk=batch.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))

    assert BatchMonitor().check_stuck_batches()["failed"] == 1
    assert BatchMonitor().check_stuck_batches()["failed"] == 0

    batch.refresh_from_db()
    assert (batch.state, batch.error_detail["error_code"]) == ("FAILED", "RESULTS_STOPPED")
    assert events(batch, "cj_assessment.failed.v1").count() == 1
    assert events(batch).count() == 0


def test_many_stuck_batches_fail_in_portions(people, run_jobs, monkeypatch):
    monkeypatch.setattr("processing.assessment.monitor.AT_ONCE", 1)
    stuck = [waiting_batch(people, run_jobs, 3) for _ in range(3)]
    AssessmentBatch.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))

    assert BatchMonitor().check_stuck_batches()["failed"] == 3
    assert [events(batch, "cj_assessment.failed.v1").count() for batch in stuck] == [1, 1, 1]


def test_jobs_that_redis_lost_are_enqueued_again(people, run_jobs, redis, secret):
    """The one that chooses the pairs, and the one that makes the scores."""
    batch = make_batch(people.workspace, 3)
    redis.flushall()
    AssessmentBatch.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert BatchMonitor().check_stuck_batches()["woken"] == 1
    assert BatchMonitor().check_stuck_batches()["woken"] == 0
    run_jobs()

    for pair in pairs(batch):
        send(secret, result_event(pair))
    redis.flushall()
    assert BatchMonitor().check_stuck_batches()["woken"] == 1
    run_jobs()

    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons) == ("COMPLETED", 3)
    assert events(batch).count() == 1


def test_a_batch_that_still_gets_results_is_left_alone(people, run_jobs, secret):
    batch = of_100(people, run_jobs)
    AssessmentBatch.objects.filter(pk=batch.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    send(secret, result_event(pairs(batch)[0]))

    assert BatchMonitor().check_stuck_batches() == {"recovered": 0, "failed": 0, "grace_over": 0, "woken": 0}


def test_concurrent_callback_processing(people, run_jobs, secret):
    batch = of_100(people, run_jobs)
    keys = [pair.request_correlation_id for pair in pairs(batch)]

    def deliver(mine):  # everything twice
        return [send(secret, result_event(key)).json()["outcome"] for key in mine for _ in range(2)]

    outcomes = list(chain(*at_once(*(partial(deliver, keys[place::20]) for place in range(20)))))
    run_jobs()

    assert (outcomes.count("counted"), outcomes.count("duplicate")) == (100, 100)
    batch.refresh_from_db()
    assert (batch.completed_comparisons, batch.failed_comparisons, batch.state) == (100, 0, "COMPLETED")
    assert events(batch).count() == 1


def test_partial_batch_completion(people, run_jobs, secret):
    batch = of_100(people, run_jobs, completion_threshold_pct=80)

    for pair in pairs(batch)[:79]:
        send(secret, result_event(pair))
    batch.refresh_from_db()
    assert (batch.state, batch.partial_scoring_triggered) == ("WAITING_CALLBACKS", False)
    send(secret, result_event(pairs(batch)[79]))

    batch.refresh_from_db()
    assert batch.partial_scoring_triggered is True
    assert batch.state == "SCORING"
    run_jobs()
    assert ScoringRun.objects.get(batch=batch).kind == "provisional"
    assert events(batch, "cj_assessment.scores_provisional.v1").count() == 1
    assert events(batch).count() == 0


def test_late_results_are_taken_until_the_grace_is_over(people, run_jobs, secret):
    batch = of_100(people, run_jobs)
    every = pairs(batch)
    for pair in every[:80]:
        send(secret, result_event(pair))
    run_jobs()
    for pair in every[80:90]:
        assert send(secret, result_event(pair)).json()["outcome"] == "counted"
    assert BatchMonitor().check_stuck_batches()["grace_over"] == 0
    AssessmentBatch.objects.filter(pk=batch.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))

    assert BatchMonitor().check_stuck_batches()["grace_over"] == 1
    run_jobs()

    batch.refresh_from_db()
    assert (batch.state, batch.completion_mode, batch.completed_comparisons) == ("COMPLETED", "partial", 90)
    assert batch.scoring_runs.get(kind="final").comparisons == 90
    assert send(secret, result_event(every[95])).json()["outcome"] == "counted"
    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons) == ("COMPLETED", 91)
    assert events(batch).count() == 1


def test_callback_for_unknown_correlation_id(people, run_jobs, secret):
    batch = waiting_batch(people, run_jobs)
    before = list(ComparisonPair.objects.order_by("pk").values())

    answer = send(secret, result_event(uuid.uuid4()))

    assert (answer.status_code, answer.json()) == (200, {"acknowledged": True, "outcome": "unknown"})
    assert list(ComparisonPair.objects.order_by("pk").values()) == before
    batch.refresh_from_db()
    assert batch.processed == 0


def test_duplicate_callback_idempotency(people, run_jobs, secret):
    batch = waiting_batch(people, run_jobs, 2)
    pair = pairs(batch)[0]

    send(secret, result_event(pair))
    send(secret, result_event(pair, winner="essay_b"))

    pair.refresh_from_db()
    batch.refresh_from_db()
    assert (pair.winner, pair.completed_at is not None, batch.completed_comparisons) == ("essay_a", True, 1)


def test_high_failure_rate_batch_termination(people, run_jobs, secret):
    batch = waiting_batch(people, run_jobs, 10, total_budget=20, min_success_rate=0.8)
    for place, pair in enumerate(pairs(batch)[:10]):
        batch.refresh_from_db()
        assert batch.state == "WAITING_CALLBACKS"
        send(secret, result_event(pair) if place < 5 else error_event(pair))

    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons, batch.failed_comparisons) == ("FAILED", 5, 5)
    assert batch.error_detail["error_code"] == "SUCCESS_RATE_TOO_LOW"
    failed = events(batch, "cj_assessment.failed.v1").get()
    assert failed.payload["data"]["status"] == "FAILED_CRITICALLY"
    assert ComparisonPair.objects.filter(error_code="PROVIDER_ERROR", winner="error").count() == 5
    send(secret, result_event(pairs(batch)[15]))
    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons) == ("FAILED", 6)


def test_results_of_another_workspace_are_unknown(people, run_jobs):
    batch = waiting_batch(people, run_jobs)
    theirs = WebhookSecret.make(people.charlies, "assessment")[1]

    answer = send(theirs, result_event(pairs(batch)[0]), workspace=people.charlies.slug)

    assert answer.json()["outcome"] == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        {"event_type": "llm_comparison.result.v1", "data": {"correlation_id": "no id", "winner": "essay_a"}},
        {"event_type": "llm_comparison.result.v1", "data": {"correlation_id": str(uuid.uuid4()), "winner": "me"}},
        {"event_type": "llm_comparison.result.v1", "data": {"correlation_id": str(uuid.uuid4())}},
        {"event_type": "llm_comparison.result.v1", "data": {"winner": "essay_a"}},
        {"event_type": "llm_comparison.result.v1", "data": []},
        {"event_type": "cj_assessment.requested.v1", "data": {"essays": [{"essay_id": "1", "text_content": "x"}]}},
        {"event_type": "cj_assessment.requested.v1", "data": {"essays": "x", "bos_batch_id": {"a": 1}}},
        {
            "event_type": "cj_assessment.requested.v1",
            "data": {"essays": [{"essay_id": "a\x00", "text_content": "b"}] * 2},
        },
        {"data": {}},
        [],
    ],
)
def test_what_is_not_an_event_is_refused_in_words(people, secret, body):
    answer = send(secret, body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "webhook_invalid"


def test_an_event_of_another_kind_is_acknowledged(people, secret):
    assert send(secret, {"event_type": "weather.v1", "data": {}}).json()["outcome"] == "ignored"


def test_unsigned_results_change_nothing(people, run_jobs, client):
    batch = waiting_batch(people, run_jobs)

    answer = client.post("/callbacks/assessment", result_event(pairs(batch)[0]), content_type="application/json")

    assert answer.status_code == 401
    batch.refresh_from_db()
    assert batch.processed == 0


def test_the_event_waits_in_the_outbox_while_redis_is_away(people, run_jobs, redis, secret, monkeypatch):
    batch = waiting_batch(people, run_jobs, 2)
    send(secret, result_event(pairs(batch)[0]))
    monkeypatch.setattr("processing.engine.relay.SILENCE", 0.05)
    with monkeypatch.context() as away:
        nobody = Redis(port=free_port())
        away.setattr("processing.assessment.delivery.relay.connection", lambda: nobody)
        run_jobs()
    assert not AssessmentEvent.objects.filter(relayed_at__isnull=False, is_terminal=True).exists()

    wait_for(lambda: relay() > 0, "a Redis that is asked again")
    relay()

    assert redis.xlen("huleedu.cj_assessment.completed.v1") == 1
    assert AssessmentEvent.objects.filter(relayed_at__isnull=True).count() == 0
