"""An assessment's socket: a snapshot, what was missed, then live until the last word; no gap, no duplicate."""

from datetime import timedelta
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from processing.assessment import progress, service
from processing.assessment.counting import Result, record
from processing.assessment.judges.room import hold
from processing.assessment.models import AssessmentBatch
from processing.assessment.monitor import BatchMonitor
from processing.assessment.scoring import provisional_job, score_due_job
from processing.models import OutboxEvent
from tests.assessments import make_batch, pairs
from tests.sockets import Browser, seqs
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/ws/assessments/{}/"


@pytest.fixture
def batch(people, run_jobs):
    """Five texts, ten comparisons that wait for outside judges."""
    batch = make_batch(people.workspace, 5)
    run_jobs()
    batch.refresh_from_db()
    return batch


def judge(batch, count, winner="essay_a"):
    waiting = [pair for pair in pairs(batch) if not pair.completed_at]
    for pair in waiting[:count]:
        record(Result(winner), pk=pair.pk)


def is_over(message):
    return message["type"] == "closed"


def told(batch):
    return list(OutboxEvent.objects.filter(task_id=batch.pk).order_by("seq").values_list("payload", flat=True))


async def test_it_is_told_from_the_first_judgement_to_the_last_word(batch, people):
    async with Browser(ADDRESS.format(batch.pk), people.rita) as browser:
        [snapshot] = await browser.messages(until=lambda message: message["type"] == "snapshot")
        await sync_to_async(judge)(batch, 8)
        heard = await browser.messages(until=lambda message: message["status"] == "SCORING")
        await sync_to_async(provisional_job)(str(batch.pk))
        heard += await browser.messages(until=lambda message: message["details"]["scores"] == "provisional")
        await sync_to_async(judge)(batch, 2)
        await sync_to_async(score_due_job)()
        heard += await browser.messages(until=is_over)

    assert (snapshot["status"], snapshot["details"]["total"]) == ("WAITING_CALLBACKS", 10)
    numbers = seqs(heard)
    assert numbers == list(range(snapshot["seq"] + 1, snapshot["seq"] + 1 + len(numbers)))
    assert [message["type"] for message in heard[-2:]] == ["completed", "closed"]
    assert heard[-1]["code"] == 1000
    last = heard[-2]
    assert (last["progress_percentage"], last["details"]["done"], last["details"]["scores"]) == (100.0, 10, "final")
    assert last["result_summary"]["completion_mode"] == "full"


async def test_what_came_after_a_number_is_replayed_once(batch, people):
    await sync_to_async(judge)(batch, 1)
    seq = (await AssessmentBatch.objects.aget(pk=batch.pk)).seq
    await sync_to_async(service.cancel)(batch)

    async with Browser(f"{ADDRESS.format(batch.pk)}?after={seq - 1}", people.alice) as browser:
        heard = await browser.messages()

    assert [message["type"] for message in heard] == ["snapshot", "progress", "cancelled", "closed"]
    assert seqs(heard) == [seq, seq + 1]


async def test_an_assessment_that_has_ended_says_so_and_closes(batch, people):
    await sync_to_async(service.cancel)(batch)

    async with Browser(ADDRESS.format(batch.pk), people.alice) as browser:
        heard = await browser.messages()

    assert [message["type"] for message in heard] == ["snapshot", "cancelled", "closed"]


def test_a_burst_is_four_messages_a_second_and_the_rest_is_told_soon(batch):
    before = len(told(batch))

    judge(batch, 7)

    assert len(told(batch)) - before <= 3
    progress.announce_rest()
    assert told(batch)[-1]["details"]["done"] == 7
    assert progress.announce_rest() == {"announced_assessments": 0}


def test_judgements_at_once_number_their_messages_without_a_gap(batch):
    at_once(*(partial(record, Result("essay_a"), pk=pair.pk) for pair in pairs(batch)[:7]))
    progress.announce_rest()

    messages = told(batch)
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    done = [message["details"]["done"] for message in messages]
    assert done == sorted(done)
    assert done[-1] == 7


def test_a_failure_says_why_and_late_results_say_nothing(batch):
    AssessmentBatch.objects.filter(pk=batch.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    BatchMonitor().check_stuck_batches()
    messages = told(batch)

    judge(batch, 1)
    progress.announce_rest()

    assert (messages[-1]["type"], messages[-1]["status"]) == ("error", "FAILED")
    assert "No results came any more" in messages[-1]["user_message"]
    assert messages[-1]["recovery_actions"]
    assert told(batch) == messages


def test_what_the_monitor_moves_is_told(batch):
    judge(batch, 8)
    AssessmentBatch.objects.filter(pk=batch.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    progress.announce_rest()
    before = len(told(batch))

    assert BatchMonitor().check_stuck_batches()["grace_over"] == 1
    progress.announce_rest()

    assert len(told(batch)) == before + 1


def test_a_pause_is_told_with_its_reason_and_so_is_its_end(batch):
    hold(batch, "Paused: the key is wrong.")
    hold(batch, "Paused: again.")
    paused = told(batch)[-1]
    batch.refresh_from_db()
    service.go_on(batch)

    assert (paused["status"], paused["user_message"]) == ("paused", "Paused: the key is wrong.")
    assert [message["status"] for message in told(batch)[-2:]] == ["paused", "WAITING_CALLBACKS"]


def test_an_assessment_that_has_ended_cannot_be_held(batch):
    service.cancel(batch)
    before = told(batch)

    hold(batch, "Paused: too late.")

    batch.refresh_from_db()
    assert batch.hold_reason == ""
    assert told(batch) == before
