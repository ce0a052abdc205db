"""Runs on a model server whose workers are killed at random: nothing is lost, nothing is done or paid twice.

``KILL_SEED`` repeats a failed test; the seed is in what the test printed.
"""

import os
import random
import time
from functools import partial

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from processing.engine.sweep import sweep
from processing.generation.service import GENERATE_JOB, ProcessingService, latest_task
from processing.models import SessionTask
from sessions_app.models import Session
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import horses_of, kill, kill_pid, wait_for, worker
from tests.runs import finished, held, let_leases_run_out, model_at, require_a_whole_run, require_each_answer_once
from tests.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

ENTITIES = 60
LATENCY = 0.3
KILLS = 3
"""One less than an item's attempts: the same item may be in flight each time."""


@pytest.fixture
def server():
    with model_server() as running:
        running.behave(latency=LATENCY)
        yield running


@pytest.fixture
def session(people, redis, server, settings):
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
    return make_specified_session(people.workspace, 10, ENTITIES - 10, llm_provider_choice="compatible")


@pytest.fixture
def chance():
    seed = int(os.environ.get("KILL_SEED") or random.randrange(1_000_000))
    print(f"KILL_SEED={seed}")
    return random.Random(seed)


def wait_for_a_moment_of_chance(chance, server, calls):
    """Some calls into the run, or its end where fewer were lost than held, and anywhere between two batches."""
    wait_for(lambda: server.calls >= calls or not SessionTask.objects.unfinished().exists(), f"{calls} calls", 90)
    time.sleep(chance.uniform(0, LATENCY))


def test_machines_that_end_at_random_cost_at_most_what_they_held(session, server, chance):
    ProcessingService().generate_tickets(session)
    lost = 0
    for calls in sorted(chance.sample(range(1, ENTITIES), KILLS - 1)):
        with worker(**model_at(server)) as machine:
            wait_for_a_moment_of_chance(chance, server, calls + lost)
            kill(machine)
        lost += held(session)
        let_leases_run_out()
        sweep()
    with worker(**model_at(server)):
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls <= ENTITIES + lost


def test_work_horses_that_are_killed_at_random_cost_at_most_what_they_held(session, server, chance):
    ProcessingService().generate_tickets(session)
    lost = 0
    with worker(**model_at(server)) as machine:
        for calls in sorted(chance.sample(range(1, ENTITIES), KILLS)):
            wait_for_a_moment_of_chance(chance, server, calls + lost)
            horses = horses_of(machine)
            for pid in horses:
                kill_pid(pid)
            wait_for(lambda gone=horses: not set(gone) & set(horses_of(machine)), "the worker to notice")
            lost += held(session)
            let_leases_run_out()
            sweep()
        wait_for(finished(session), "the end of the run")
        assert machine.poll() is None

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls <= ENTITIES + lost


def test_the_living_take_up_the_work_of_the_dead_without_any_schedule(session, server, chance):
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server)) as doomed:
        wait_for_a_moment_of_chance(chance, server, chance.randrange(ENTITIES // 2, ENTITIES - 10))
        kill(doomed)
    lost = held(session)
    other = make_specified_session(session.workspace, 1, 54, llm_provider_choice="compatible")
    ProcessingService().generate_tickets(other)
    with worker(**{**model_at(server), "ENGINE_CONCURRENCY": "4"}):
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)
    assert server.calls <= ENTITIES + lost + latest_task(other).total


def test_a_work_horse_that_loses_its_worker_finishes_what_it_began(session, server, chance):
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server)) as machine:
        wait_for_a_moment_of_chance(chance, server, chance.randrange(1, ENTITIES // 2))
        horses = horses_of(machine)
        kill_pid(machine.pid)
        try:
            wait_for(finished(session), "the end of the run")
        finally:
            for pid in horses:
                kill_pid(pid)

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES


def test_a_job_that_is_delivered_several_times_at_once_is_done_once(session, server, redis):
    started = ProcessingService().generate_tickets(session)
    for _ in range(3):
        Queue("default", connection=redis, serializer=JSONSerializer).enqueue(
            GENERATE_JOB, str(session.pk), started["task_id"]
        )
    with worker(**model_at(server)), worker(**model_at(server)):
        wait_for(finished(session), "the end of the run")
        wait_for(lambda: not held(session), "the other drainers")

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES


def test_people_who_press_start_at_once_start_one_run_with_one_job(session, people, redis):
    def start(person):
        return ProcessingService(by=person).generate_tickets(Session.objects.get(pk=session.pk))

    answers = at_once(*(partial(start, person) for person in (people.alice, people.bob) * 3))

    assert len({answer["task_id"] for answer in answers}) == 1
    assert [answer["already_running"] for answer in answers].count(False) == 1
    assert SessionTask.objects.count() == 1
    assert Queue("default", connection=redis, serializer=JSONSerializer).count == 1
