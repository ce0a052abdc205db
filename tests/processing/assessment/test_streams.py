"""Requests and results by Redis streams: each taken once, however it is delivered, and none lost."""

import json
import uuid

import pytest
from django.core.management import call_command

from processing.assessment.models import AssessmentBatch
from processing.assessment.streams import GROUP, REFUSED, REQUESTS, RESULTS, StreamReader
from tests.assessments import make_batch, pairs, result_event, texts

pytestmark = pytest.mark.django_db(transaction=True)


def request_event(**data):
    return {
        "event_type": "cj_assessment.requested.v1",
        "event_id": str(uuid.uuid4()),
        "correlation_id": str(uuid.uuid4()),
        "data": {"bos_batch_id": "bos-9", "essays": texts(4), **data},
    }


def put(redis, stream, body, workspace="northfield"):
    text = body if isinstance(body, str) else json.dumps(body)
    return redis.xadd(stream, {"workspace": workspace, "body": text})


def take(capsys):
    call_command("take_assessment_events", "--once")
    return json.loads(capsys.readouterr().out)


def test_a_request_and_its_results_make_a_ranking(people, redis, run_jobs, capsys):
    event = request_event()
    put(redis, REQUESTS, event)
    put(redis, REQUESTS, event)
    put(redis, REQUESTS, request_event())  # another event, the same outside id

    assert take(capsys) == {"taken": 2, "duplicates": 1, "refused": 0}
    batch = AssessmentBatch.objects.get()
    assert (batch.source, str(batch.event_correlation_id)) == ("event", event["correlation_id"])
    run_jobs()
    for pair in pairs(batch):
        result = result_event(pair)
        put(redis, RESULTS, result)
        put(redis, RESULTS, result)
    put(redis, RESULTS, result_event(uuid.uuid4()))
    assert take(capsys) == {"taken": 7, "duplicates": 6, "refused": 0}
    run_jobs()

    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons) == ("COMPLETED", 6)
    assert redis.xpending(REQUESTS, GROUP)["pending"] == redis.xpending(RESULTS, GROUP)["pending"] == 0


def test_what_a_dead_reader_held_is_taken_by_the_next(people, redis, run_jobs):
    batch = make_batch(people.workspace, 4)
    run_jobs()
    dead, alive = StreamReader(redis, dead_after=0), StreamReader(redis, dead_after=0)
    dead.make_groups()
    put(redis, RESULTS, result_event(pairs(batch)[0]))
    redis.xreadgroup(GROUP, "dead", {RESULTS: ">"})  # read, and never acknowledged
    alive.make_groups()

    assert alive.take() == 1

    batch.refresh_from_db()
    assert batch.completed_comparisons == 1
    assert redis.xpending(RESULTS, GROUP)["pending"] == 0
    assert alive.take() == 0


@pytest.mark.parametrize(
    ("body", "workspace", "said"),
    [
        ("no json", "northfield", "not JSON"),
        ("[]", "northfield", "JSON object"),
        (request_event(), "nowhere", "no such workspace"),
        (request_event(essays=[]), "northfield", "not as it should be"),
        ('{"event_type": "cj_assessment.requested.v1"}', "northfield", "not as it should be"),
    ],
)
def test_what_cannot_be_taken_is_set_aside_with_its_reason(people, redis, capsys, body, workspace, said):
    entry = put(redis, REQUESTS, body, workspace)
    put(redis, REQUESTS, request_event())

    assert take(capsys) == {"taken": 1, "duplicates": 0, "refused": 1}

    [kept] = redis.lrange(REFUSED, 0, -1)
    assert said in json.loads(kept)["reason"]
    assert redis.xrange(REQUESTS, json.loads(kept)["id"], count=1)[0][0] == entry  # where it still is whole
    assert AssessmentBatch.objects.count() == 1
