"""The status page tells an operator what is wrong, and works while things are."""

import pytest

from processing.engine import heartbeat
from processing.errors import ProcessingError
from processing.models import SessionError, SessionTask
from sessions_app.errors import Category
from tests.factories import make_session
from ticketgen.embedded_redis import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(people):
    people.alice.is_staff = True
    people.alice.save(update_fields=["is_staff"])
    return people.browser("alice")


def test_it_shows_workers_queues_runs_errors_and_versions(operator, people, redis):
    heartbeat.beat("machine-7.42")
    session = make_session(people.workspace)
    task = SessionTask.objects.create(session=session)
    error = ProcessingError("The key was <refused>.", Category.ADMIN_REQUIRED)
    SessionError.drawn_from(error, task).save()

    page = operator.get("/operation/")

    text = page.content.decode()
    assert page.status_code == 200
    assert "machine-7.42" in text
    assert "The key was &lt;refused&gt;." in text
    assert "processing" in text
    assert "Django" in text or "django" in text
    assert "1 worker<" in text


def test_without_workers_it_says_how_to_start_one(operator, redis):
    assert "manage.py rqworker" in operator.get("/operation/").content.decode()


def test_it_is_shown_while_redis_is_away(operator, settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    heartbeat.connection.cache_clear()
    try:
        page = operator.get("/operation/")
    finally:
        heartbeat.connection.cache_clear()

    assert page.status_code == 200
    assert "Redis does not answer" in page.content.decode()
