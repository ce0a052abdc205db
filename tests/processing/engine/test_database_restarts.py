"""PostgreSQL is restarted in mid-run, in a cluster of the test's own."""

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.utils import load_backend

from processing.generation.service import ProcessingService
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.people import make_people
from tests.postgres import own_cluster
from tests.processes import wait_for, worker
from tests.runs import finished, model_at, require_a_whole_run, require_each_answer_once

pytestmark = pytest.mark.integration

ENTITIES = 80


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as running:
        yield running


@pytest.fixture
def own_database(cluster, django_db_blocker, redis):
    """The default database is the cluster's, whatever the other tests run on."""
    before = connections["default"]
    described = {
        **before.settings_dict,
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": str(cluster.port),
        "NAME": "postgres",
        "USER": "postgres",
        "PASSWORD": "",
        "OPTIONS": {},
    }
    with django_db_blocker.unblock():
        connections["default"] = load_backend(described["ENGINE"]).DatabaseWrapper(described, "default")
        call_command("migrate", interactive=False, verbosity=0)
        yield
        call_command("flush", interactive=False, verbosity=0)
        connections["default"].close()
        connections["default"] = before


@pytest.fixture
def server():
    with model_server() as running:
        running.behave(latency=0.3)
        yield running


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_run_goes_on_after_the_database_was_restarted(cluster, own_database, server, settings, mode):
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
    session = make_specified_session(make_people().workspace, 10, ENTITIES - 10, llm_provider_choice="compatible")
    ProcessingService().generate_tickets(session)
    with worker(**model_at(server), ENGINE_LEASE="90", ENGINE_HEARTBEAT="30") as alive:
        wait_for(lambda: server.calls >= ENTITIES // 3, "calls in flight")
        connections["default"].close()
        cluster.restart(mode)
        wait_for(finished(session), "the end of the run, without a sweep")
        assert alive.poll() is None

    require_a_whole_run(session, ENTITIES)
    require_each_answer_once(ENTITIES)
    assert server.calls == ENTITIES
