"""One id from the click to the model and the tracker, by a real web server and worker that log as in production."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
from knox.models import AuthToken

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.models import OutboxEvent, SessionTask
from sessions_app.models import AuditEvent
from tests.e2e.conftest import Site
from tests.factories import make_specified_session
from tests.fakes.model_server import model_server
from tests.processes import wait_for, worker
from tests.processing.export.trackers import ACCOUNT, TOKEN, make_approved, make_connection, running
from tests.runs import model_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]

JSON_LOGS = {"LOG_JSON": "1", "LOG_LEVEL": "INFO"}


@pytest.fixture
def model():
    with model_server() as running_server:
        yield running_server


@pytest.fixture
def web(monkeypatch, model):
    for name, value in {**JSON_LOGS, **model_at(model)}.items():
        monkeypatch.setenv(name, value)
    site = Site()
    site.start()
    yield site
    site.stop()


def click(web, person, path, click_id, body, more=None):
    _, token = AuthToken.objects.create(person)
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "X-Request-Id": click_id}
    headers |= more or {}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.headers["X-Request-Id"] == click_id
    assert answer.status == 202
    return token


def finished(session):
    return lambda: session.tasks.exists() and session.tasks.latest("created_at").is_finished


def lines(settings, log):
    """What a process has logged, each line as the JSON object that it has to be."""
    found = (Path(settings.VAR_DIR) / log).read_text().splitlines()
    return [json.loads(line) for line in found if line.startswith("{")]


def said(settings, log, click_id):
    return "\n".join(line["message"] for line in lines(settings, log) if line["correlation_id"] == click_id)


def test_from_the_click_to_the_model(web, model, people, redis, settings):
    session = make_specified_session(people.workspace, 1, 3, llm_provider_choice="compatible")
    with worker(**model_at(model), **JSON_LOGS):
        token = click(web, people.alice, f"/api/sessions/{session.pk}/process", "click-to-generate-1", {})
        wait_for(finished(session), "the end of the run")
        task = SessionTask.objects.get(session=session)
        ended = f"task {task.pk} is completed"
        wait_for(lambda: ended in said(settings, "worker.log", "click-to-generate-1"), "the worker to tell of the end")

    assert model.server.request_ids == {"click-to-generate-1"}
    assert task.request_id == "click-to-generate-1"
    assert AuditEvent.objects.filter(request_id="click-to-generate-1", object_id=str(session.pk)).exists()
    assert f"by user {people.alice.pk}: 202" in said(settings, "web.log", "click-to-generate-1")
    worked = said(settings, "worker.log", "click-to-generate-1")
    assert f"task {task.pk} (processing) is worked on" in worked
    assert all(
        line["correlation_id"] for line in lines(settings, "worker.log") if "processing.engine" in line["logger"]
    )
    written = (Path(settings.VAR_DIR) / "web.log").read_text() + (Path(settings.VAR_DIR) / "worker.log").read_text()
    assert token not in written


def test_from_the_click_to_the_tracker(web, people, redis, settings):
    heard = set()

    def listen(number, request):
        heard.add(request.headers.get("x-request-id"))
        return ""

    with running(FakeJira(Behaviour(script=listen), account=ACCOUNT, token=TOKEN)) as jira:
        connection = make_connection(people.workspace, jira)
        session = make_approved(people.workspace, 2)
        with worker(**JSON_LOGS):
            body = {"connection": str(connection.pk)}
            click(web, people.alice, f"/api/sessions/{session.pk}/export", "click-to-export-1", body)
            wait_for(finished(session), "the end of the export")
        assert len(jira.issues) == 2

    assert heard == {"click-to-export-1"}
    worked = said(settings, "worker.log", "click-to-export-1")
    assert worked.count("is in the tracker as") == 2
    assert TOKEN not in (Path(settings.VAR_DIR) / "worker.log").read_text()
    task = SessionTask.objects.get(session=session)
    assert task.status == "completed"
    assert OutboxEvent.objects.filter(task_id=task.pk, is_terminal=True).count() == 1


@pytest.mark.parametrize("given", [b"socket-from-a-proxy", b"bad id\n", b"", None])
async def test_a_socket_has_the_id_that_a_proxy_sent_or_one_of_its_own(given):
    from sessions_app.correlation import correlation_id
    from ticketgen.sockets import CorrelationMiddleware

    seen = []

    async def application(scope, receive, send):
        seen.append(correlation_id.get())

    headers = [] if given is None else [(b"x-request-id", given)]
    await CorrelationMiddleware(application)({"headers": headers}, None, None)

    assert seen == ["socket-from-a-proxy"] if given == b"socket-from-a-proxy" else len(seen[0]) == 32
    assert correlation_id.get() == ""
