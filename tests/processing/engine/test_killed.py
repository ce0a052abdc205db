"""What is promised when things die: one ticket per entity, one last word, nobody waits for ever."""

import pytest

from processing.engine.sweep import sweep
from processing.generation.service import ProcessingService, latest_task
from processing.models import LLMCall, OutboxEvent
from tests.factories import make_specified_session
from tests.processes import horses_of, kill, kill_pid, wait_for, worker
from tests.runs import finished, held, let_leases_run_out, require_a_whole_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

ENTITIES = 1_500


@pytest.fixture
def session(people, redis):
    return make_specified_session(people.workspace, bundle_count=100, field_count=ENTITIES - 100)


@pytest.mark.parametrize("written", [1, 400, 1_100])
def test_a_killed_machine_loses_nothing(session, written):
    ProcessingService().generate_tickets(session)
    with worker() as first:
        wait_for(lambda: session.tickets.count() >= written, "tickets before the kill")
        kill(first)
    assert not latest_task(session).is_finished

    let_leases_run_out()
    sweep()
    with worker():
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)


def test_a_killed_work_horse_loses_nothing(session):
    ProcessingService().generate_tickets(session)
    with worker() as alive:
        wait_for(lambda: session.tickets.count() >= 300, "tickets before the kill")
        for pid in horses_of(alive):
            kill_pid(pid)
        let_leases_run_out()
        sweep()
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)


def test_two_workers_share_a_run_and_finish_it_once(session):
    ProcessingService().generate_tickets(session)
    with worker(), worker():
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)
    assert LLMCall.objects.count() == ENTITIES


def test_an_emptied_redis_loses_nothing_but_live_progress(session, redis):
    ProcessingService().generate_tickets(session)
    with worker(ENGINE_SLICE="1"):
        wait_for(lambda: session.tickets.count() >= 300, "tickets before the flush")
        redis.flushall()
        wait_for(lambda: not held(session), "the drainer's end or the run's")
    let_leases_run_out()
    sweep()
    with worker():
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)


def test_cancelling_in_mid_run_stops_within_a_moment_and_keeps_what_is_there(session):
    service = ProcessingService()
    service.generate_tickets(session)
    with worker():
        wait_for(lambda: session.tickets.count() >= 200, "tickets before the cancel")
        task = service.cancel_processing(session)
        kept = session.tickets.count()
        wait_for(lambda: not held(session), "the drainer to let go")

    assert latest_task(session).status == "cancelled"
    assert session.tickets.count() == kept < ENTITIES
    assert OutboxEvent.objects.get(task_id=task.pk, is_terminal=True).payload["type"] == "cancelled"


def test_a_run_that_was_paused_goes_on_where_it_stopped(session):
    service = ProcessingService()
    service.generate_tickets(session)
    with worker():
        wait_for(lambda: session.tickets.count() >= 200, "tickets before the pause")
        service.pause_processing(session)
        wait_for(lambda: not held(session), "the drainer to let go")
        kept = session.tickets.count()
        assert kept < ENTITIES
        service.resume_processing(session)
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)
    assert LLMCall.objects.count() <= ENTITIES + 64
