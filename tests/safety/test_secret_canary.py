"""CHECKLIST 43, 44: secrets go in by every door and come out by none."""

import io
import json
import logging
import zlib
from unittest.mock import ANY

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from knox.models import AuthToken

from processing.generation.service import ProcessingService
from processing.models import ProviderSettings
from tests.factories import make_specified_session
from tests.test_access import ALL, Bound, World, paths

pytestmark = pytest.mark.django_db

CANARY = "canary9f3e"
KEY, TRACKER, PASSWORD = f"sk-{CANARY}-model-key", f"{CANARY}-tracker-token", f"{CANARY}-Password-1"


def texts_of(answer):
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode("utf-8", "replace") + str(answer.headers)


@pytest.fixture
def world(people, caplog):
    caplog.set_level(logging.DEBUG)
    alice = people.browser("alice")
    people.alice.set_password(PASSWORD)
    people.alice.save()
    alice.force_login(people.alice)
    world = World(people.workspace, people.alice)
    alice.post(f"/workspaces/{people.workspace.pk}/models/openai/", {"openai-new_key": KEY})
    alice.post(
        f"/api/workspaces/{people.workspace.slug}/connections",
        json.dumps(
            {
                "name": "Canary",
                "target": "jira",
                "base_url": "http://127.0.0.1:9",
                "account": "a@example.org",
                "project": "ABC",
                "issue_type": "Task",
                "token": TRACKER,
            }
        ),
        content_type="application/json",
    )
    assert ProviderSettings.objects.get(workspace=people.workspace).key.reveal() == KEY
    assert people.workspace.connections.filter(name="Canary").exists()
    return world


def test_no_page_no_endpoint_and_no_log_shows_a_secret(people, world, redis, caplog):
    browser, api = people.browser("alice"), people.api("alice")
    for address in ALL:
        if isinstance(address.rule, Bound) and "GET" in address.rule.methods:
            for path in paths(address, world.values):
                assert CANARY not in texts_of((api if address.is_api else browser).get(path)), path
    Client().post("/accounts/login/", {"login": "alice", "password": PASSWORD + "x"})
    assert CANARY not in caplog.text


def test_no_page_of_the_workshop_shows_a_secret(people, world, redis):
    get_user_model().objects.create_superuser("olga", "olga@example.org", "x")
    olga = Client()
    olga.force_login(get_user_model().objects.get(username="olga"))
    for model in apps.get_models():
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        if not any(address.name == f"admin:{name.replace('/', '_')}_changelist" for address in ALL):
            continue
        assert CANARY not in texts_of(olga.get(f"/admin/{name}/"))
        for row in model.objects.all()[:20]:
            assert CANARY not in texts_of(olga.get(f"/admin/{name}/{row.pk}/change/", follow=True)), name


def enqueued(redis):
    """[(function, arguments)] of every job, as its bytes say."""
    found = [json.loads(zlib.decompress(redis.hget(key, "data"))) for key in redis.scan_iter("rq:job:*", _type="HASH")]
    return [(function, arguments) for function, _, arguments, _ in found]


def test_a_job_is_json_that_names_rows(people, redis, django_capture_on_commit_callbacks):
    """CHECKLIST 53: whoever could write into Redis could otherwise have a pickle of theirs run."""
    session = make_specified_session(people.workspace)
    with django_capture_on_commit_callbacks(execute=True):
        answer = ProcessingService(by=people.alice).generate_tickets(session)

    assert enqueued(redis) == [(ANY, [str(session.pk), answer["task_id"]])]


def test_no_row_no_dump_and_no_job_holds_a_secret(people, world, redis, django_capture_on_commit_callbacks):
    token = AuthToken.objects.create(people.alice)[1]
    with django_capture_on_commit_callbacks(execute=True):
        ProcessingService(by=people.alice).generate_tickets(make_specified_session(people.workspace))
    assert enqueued(redis)
    dumped = io.StringIO()
    call_command("dumpdata", exclude=["django_rq"], stdout=dumped)  # its table is none

    assert CANARY not in dumped.getvalue()
    assert token not in dumped.getvalue()
    for key in redis.scan_iter():
        kept = redis.dump(key) or b""
        assert CANARY.encode() not in kept
    assert CANARY not in str(enqueued(redis))
