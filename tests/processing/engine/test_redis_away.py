"""Redis is a messenger: while it hangs, is down or has forgotten everything, runs go on or are taken up again."""

import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from processing.engine.worker import EngineWorker
from processing.generation.service import GENERATE_JOB, ProcessingService
from processing.models import SessionTask
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import ROOT, OwnRedis, product_environment, wait_for, worker
from tests.runs import (
    CONCURRENCY,
    finished,
    let_leases_run_out,
    model_at,
    require_a_whole_run,
    require_each_answer_once,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

ENTITIES = 120
AWAY = 10
"""Seconds."""


@pytest.fixture
def server():
    with model_server() as running:
        running.behave(latency=0.3)
        yield running


@pytest.fixture
def own_redis(tmp_path):
    own = OwnRedis(tmp_path)
    own.start()
    yield own
    own.kill()


@pytest.fixture
def started(people, redis, server, settings, own_redis):
    """A way to start a run whose job waits in the Redis that will be away."""
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}

    def start(entities):
        session = make_specified_session(people.workspace, 10, entities - 10, llm_provider_choice="compatible")
        task = ProcessingService().generate_tickets(session)["task_id"]
        Queue("default", connection=own_redis.client, serializer=JSONSerializer).enqueue(
            GENERATE_JOB, str(session.pk), task
        )
        return session

    return start


def workers_known_to(own_redis):
    return Worker.count(connection=own_redis.client)


def sweep_with(own_redis):
    subprocess.run(
        [sys.executable, "manage.py", "sweep"],
        cwd=ROOT,
        env=product_environment(REDIS_URL=own_redis.url),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_a_run_goes_on_while_redis_hangs(started, server, own_redis):
    session = started(ENTITIES)
    with worker(**model_at(server), REDIS_URL=own_redis.url) as alive:
        wait_for(lambda: session.tickets.count() > CONCURRENCY, "the first tickets")
        own_redis.freeze()
        frozen = time.monotonic()
        written = session.tickets.count()
        wait_for(lambda: session.tickets.count() > written + 4 * CONCURRENCY, "tickets without Redis", AWAY)
        wait_for(lambda: time.monotonic() - frozen > AWAY, "the end of the hang")
        own_redis.thaw()
        wait_for(finished(session), "the end of the run")
        assert alive.poll() is None

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES


def test_a_run_ends_while_redis_is_down_and_its_worker_takes_the_next_one(started, server, own_redis):
    session = started(ENTITIES // 2)
    with worker(**model_at(server), REDIS_URL=own_redis.url) as alive:
        wait_for(lambda: session.tickets.count() > CONCURRENCY, "the first tickets")
        own_redis.kill()
        down = time.monotonic()
        wait_for(finished(session), "the end of the run, without Redis")
        wait_for(lambda: time.monotonic() - down > AWAY, "the end of the outage")
        own_redis.start()
        wait_for(lambda: workers_known_to(own_redis) == 1, "the worker to make itself known")
        server.behave(latency=0.01)
        next_one = started(20)
        wait_for(finished(next_one), "the next run")
        assert alive.poll() is None

    require_a_whole_run(session, ENTITIES // 2)
    require_a_whole_run(next_one, 20)
    assert server.calls == ENTITIES // 2  # the next run's entities are in the ledger


def test_a_drainer_that_cannot_enqueue_its_successor_is_succeeded_all_the_same(started, server, own_redis):
    session = started(ENTITIES)
    with worker(**model_at(server), REDIS_URL=own_redis.url, ENGINE_SLICE="2"):
        wait_for(lambda: session.tickets.count() > CONCURRENCY, "the first tickets")
        own_redis.kill()
        wait_for(nobody_beats, "the end of the slice")
        own_redis.start()
        wait_for(lambda: workers_known_to(own_redis) == 1, "the worker to make itself known")
        server.behave(latency=0.01)
        let_leases_run_out()
        sweep_with(own_redis)
        wait_for(finished(session), "the end of the run")

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES


def nobody_beats():
    """The task's lease has not been renewed for longer than a heartbeat takes."""
    return SessionTask.objects.filter(lease_until__lt=timezone.now() + timedelta(seconds=1)).exists()


def test_an_emptied_redis_is_not_even_noticed(started, server, own_redis):
    session = started(ENTITIES)
    with worker(**model_at(server), REDIS_URL=own_redis.url, ENGINE_SLICE="1"):
        wait_for(lambda: session.tickets.count() > CONCURRENCY, "the first tickets")
        own_redis.client.flushall()
        wait_for(finished(session), "the end of the run, without a sweep")
        wait_for(lambda: workers_known_to(own_redis) == 1, "the worker to make itself known")

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES


def test_a_worker_outlives_an_outage_between_two_signs_of_life(own_redis):
    connection = Redis.from_url(own_redis.url, retry=Retry(NoBackoff(), 0))
    queue = Queue("llm", connection=connection, serializer=JSONSerializer)
    ours = EngineWorker([queue], connection=connection, serializer=JSONSerializer)
    ours.register_birth()
    job = queue.enqueue(GENERATE_JOB)
    execution = ours.prepare_execution(job)

    own_redis.kill()
    ours.heartbeat()
    ours.maintain_heartbeats(job, execution)
    own_redis.start()
    assert workers_known_to(own_redis) == 0

    ours.maintain_heartbeats(job, execution)
    assert workers_known_to(own_redis) == 1
