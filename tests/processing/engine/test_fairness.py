"""A large run makes room for a small one that was started later."""

from contextlib import ExitStack

import pytest

from processing.generation.service import ProcessingService, latest_task
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import wait_for, worker
from tests.runs import finished, model_at, require_a_whole_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

LARGE, SMALL = 5_000, 20


@pytest.fixture
def server():
    with model_server() as running:
        running.behave(latency=0.05)
        yield running


@pytest.mark.parametrize("workers", [1, 2])
def test_a_small_run_ends_long_before_a_large_one_that_began_earlier(people, redis, server, settings, workers):
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
    large = make_specified_session(people.workspace, 100, LARGE - 100, llm_provider_choice="compatible")
    small = make_specified_session(people.workspace, 2, SMALL - 2, llm_provider_choice="compatible")
    ProcessingService().generate_tickets(large)
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(worker(**model_at(server)))
        wait_for(large.tickets.exists, "the large run to begin")
        ProcessingService().generate_tickets(small)
        wait_for(finished(small), "the end of the small run", 60)
        done = latest_task(large).done
        wait_for(lambda: latest_task(large).done > done, "the large run to go on")
        ProcessingService().cancel_processing(large)

    require_a_whole_run(small, SMALL)
    assert done < LARGE / 2
