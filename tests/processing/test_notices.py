"""Administrators hear of what only they can mend: once per cause and hour, and never less for a lost message."""

import json
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from processing.assessment import counting
from processing.errors import ProcessingError
from processing.export.fakes.server import FakeTracker, Reply
from processing.models import AdminNotice, SessionBundle, SessionError, SessionTask
from processing.notices import notify_administrators
from sessions_app.errors import Category
from tests.assessments import make_batch
from tests.factories import make_session
from tests.processing.export.trackers import running

pytestmark = pytest.mark.django_db


class Listener(FakeTracker):
    def __init__(self):
        super().__init__()
        self.heard, self.status = [], 200

    def is_write(self, request):
        return True

    def serve(self, request):
        self.heard.append(request.json)
        return Reply(self.status, {})


@pytest.fixture
def listener():
    with running(Listener()) as server:
        yield server


@pytest.fixture
def task(people, settings):
    settings.NOTIFY_EMAILS = ["ops@example.org"]
    return SessionTask.objects.create(session=make_session(people.workspace))


def fail(task, message="The key was refused.", category=Category.ADMIN_REQUIRED):
    error = ProcessingError(message, category, technical_details={"traceback": "sk-canary-1"})
    SessionError.drawn_from(error, task).save()


def test_one_mail_for_one_cause_however_often_it_happens(task):
    fail(task)
    fail(task)

    assert notify_administrators() == {"notified_causes": 1}
    fail(task)
    assert notify_administrators() == {"notified_causes": 0}

    (sent,) = mail.outbox
    assert sent.to == ["ops@example.org"]
    assert "The key was refused." in sent.subject
    assert "Times: 2" in sent.body
    assert "canary" not in sent.body


def test_the_next_hour_tells_of_what_came_since_and_only_of_that(task):
    fail(task)
    notify_administrators()
    AdminNotice.objects.update(told_at=timezone.now() - timedelta(minutes=61))
    assert notify_administrators() == {"notified_causes": 0}

    fail(task)

    assert notify_administrators() == {"notified_causes": 1}
    assert "Times: 1" in mail.outbox[1].body


def test_another_cause_is_told_at_once_and_other_categories_never(task):
    fail(task)
    notify_administrators()
    fail(task, "The disk is full.\r\nBcc: x@example.org")
    fail(task, "Mend your file.", Category.USER_FIXABLE)
    fail(task, "Try later.", Category.TEMPORARY)

    assert notify_administrators() == {"notified_causes": 1}
    assert len(mail.outbox) == 2
    assert "\n" not in mail.outbox[1].subject


def test_superusers_hear_of_it_where_nobody_is_named(task, people, settings):
    settings.NOTIFY_EMAILS = []
    fail(task)
    assert notify_administrators() == {"notified_causes": 0}
    people.alice.is_superuser = True
    people.alice.save()

    assert notify_administrators() == {"notified_causes": 1}
    assert mail.outbox[0].to == ["alice@example.org"]


def test_a_webhook_hears_of_it_and_one_that_fails_is_asked_again(task, listener, settings):
    settings.NOTIFY_EMAILS = []
    settings.NOTIFY_WEBHOOK, settings.NOTIFY_ALLOWED_HOSTS = f"{listener.url}/hook", ["127.0.0.1"]
    listener.status = 500
    fail(task)
    assert notify_administrators() == {"notified_causes": 0}
    listener.status = 200

    assert notify_administrators() == {"notified_causes": 1}

    told = listener.heard[-1]
    assert told["count"] == 1
    assert told["where"] == [f"Northfield, {task.session.short_key}"]
    assert "canary" not in json.dumps(told)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/", "https://169.254.169.254/", "https://[::1]/", "file:///etc"]
)
def test_a_webhook_in_the_own_network_is_not_called_unless_allowed(task, listener, settings, address):
    settings.NOTIFY_EMAILS, settings.NOTIFY_WEBHOOK = [], address
    settings.TRACKER_ALLOWED_HOSTS = ["127.0.0.1", "169.254.169.254", "::1"]
    fail(task)

    assert notify_administrators() == {"notified_causes": 0}
    assert AdminNotice.objects.get().told_at is None


def test_assessments_that_ended_for_the_administrator_are_told_of_without_a_word_of_them(people, settings):
    settings.NOTIFY_EMAILS = ["ops@example.org"]
    mended, told = make_batch(people.workspace), make_batch(people.workspace, title="canary title")
    counting.fail(mended, ProcessingError("Ask again later.", Category.TEMPORARY))
    assert notify_administrators() == {"notified_causes": 0}

    counting.fail(told, ProcessingError("Scoring stopped.", Category.ADMIN_REQUIRED))

    assert notify_administrators() == {"notified_causes": 1}
    (sent,) = mail.outbox
    assert "Scoring stopped." in sent.subject
    assert f"Where: Northfield, assessment {told.pk}" in sent.body
    assert "canary" not in sent.body
    assert notify_administrators() == {"notified_causes": 0}


def test_operators_find_notices_and_bundles_in_the_workshop_and_cannot_change_them(task, people, client):
    people.alice.is_staff = people.alice.is_superuser = True
    people.alice.save()
    client.force_login(people.alice)
    fail(task)
    notify_administrators()
    bundle = SessionBundle.objects.create(
        workspace=people.workspace, session_id=task.session.pk, session_key="S-1", title="Kept", name="a.zip"
    )

    notice = AdminNotice.objects.get()
    for row, word in ((notice, notice.cause), (bundle, "Kept")):
        place = f"/admin/processing/{row._meta.model_name}/"
        assert client.get(place).status_code == 200
        page = client.get(f"{place}{row.pk}/change/")
        assert page.status_code == 200
        assert word in page.content.decode()
        assert b'name="_save"' not in page.content
        assert client.get(f"{place}add/").status_code == 403
    assert client.post(f"/admin/processing/sessionbundle/{bundle.pk}/delete/", {"post": "yes"}).status_code == 403
    assert SessionBundle.objects.filter(pk=bundle.pk).exists()
