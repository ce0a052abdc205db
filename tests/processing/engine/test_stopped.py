"""Stopping a worker in mid-run (``docker stop``, a deploy, Ctrl-C): it is gone soon, nothing is paid for twice, and
another goes on at once.
"""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from processing.engine.drainer import ABREAST
from processing.engine.sweep import sweep
from processing.generation.service import ProcessingService
from processing.models import LLMCall, WorkItem
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import horses_of, wait_for, worker
from tests.runs import (
    CONCURRENCY,
    finished,
    held,
    let_leases_run_out,
    model_at,
    require_a_whole_run,
    require_each_answer_once,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

ENTITIES = 100
A_CALL = 1.0
FEW_SECONDS = 5


@pytest.fixture
def server():
    with model_server() as running:
        running.behave(latency=A_CALL)
        yield running


@pytest.fixture
def session(people, redis, server, settings):
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
    return make_specified_session(people.workspace, 10, ENTITIES - 10, llm_provider_choice="compatible")


def stop(process, number=signal.SIGTERM):
    """Seconds from the signal to the worker's end."""
    started = time.monotonic()
    process.send_signal(number)
    process.wait(60)
    return time.monotonic() - started


def test_as_many_calls_are_in_flight_as_may_be_though_they_begin_a_few_at_a_time(session, server):
    server.behave(latency=60)
    ProcessingService().generate_tickets(session)

    with worker(**{**model_at(server), "ENGINE_CONCURRENCY": str(3 * ABREAST + 1)}):
        wait_for(lambda: server.calls == 3 * ABREAST + 1, "all calls that may be in flight")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_lets_its_calls_end_and_gives_the_rest_back(session, server, number):
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server)) as stopped:
        wait_for(lambda: server.calls > CONCURRENCY, "calls in flight")
        horses = horses_of(stopped)

        assert stop(stopped, number) < A_CALL + FEW_SECONDS
        assert not any(lives(pid) for pid in horses)

    written = session.tickets.count()
    assert server.calls == written == LLMCall.objects.count() < ENTITIES
    assert not held(session)
    assert set(WorkItem.objects.filter(status="pending").values_list("attempts_left", flat=True)) == {4}

    server.behave(latency=0.02)
    with worker(**model_at(server)):
        wait_for(finished(session), "another worker to go on, without a sweep")

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES


def lives(pid):
    return Path(f"/proc/{pid}").exists()


def test_another_worker_goes_on_before_the_stopped_one_is_gone(session, server):
    server.behave(latency=3600)
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server), ENGINE_GRACE="3600") as stopped:
        wait_for(lambda: server.calls == CONCURRENCY, "calls in flight")
        stopped.send_signal(signal.SIGTERM)
        wait_for(lambda: held(session) == CONCURRENCY, "what has not begun to be given back")
        server.behave(latency=0.02)
        with worker(**model_at(server)):
            wait_for(lambda: session.tickets.count() == ENTITIES - CONCURRENCY, "another worker's tickets")
            assert stopped.poll() is None


def test_calls_that_outlast_the_grace_are_given_back_and_the_worker_ends(session, server):
    server.behave(latency=3600)
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server), ENGINE_GRACE="1") as stopped:
        wait_for(lambda: server.calls == CONCURRENCY, "calls in flight")
        assert stop(stopped) < 1 + FEW_SECONDS

    assert not held(session)
    server.behave(latency=0.02)
    with worker(**model_at(server)):
        wait_for(finished(session), "another worker to go on, without a sweep")

    require_a_whole_run(session, ENTITIES)
    assert server.calls == ENTITIES + CONCURRENCY


def test_a_second_signal_ends_it_like_a_kill(session, server):
    server.behave(latency=3600)
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server), ENGINE_GRACE="3600", ENGINE_LEASE="3600") as stopped:
        wait_for(lambda: server.calls == CONCURRENCY, "calls in flight")
        stopped.send_signal(signal.SIGTERM)
        wait_for(lambda: held(session) == CONCURRENCY, "what has not begun to be given back")

        def stop_again():
            """RQ takes signals within a second of the first for the same."""
            stopped.send_signal(signal.SIGTERM)
            try:
                return stopped.wait(0.3) is not None
            except subprocess.TimeoutExpired:
                return False

        wait_for(stop_again, "the end of the worker")
    assert held(session) == CONCURRENCY

    server.behave(latency=0.02)
    let_leases_run_out()
    sweep()
    with worker(**model_at(server)):
        wait_for(finished(session), "another worker to go on")

    require_a_whole_run(session, ENTITIES)
    assert server.calls == ENTITIES + CONCURRENCY
