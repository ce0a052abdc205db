"""What expires is announced, kept as a bundle, and only then removed."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from processing.models import SessionBundle, SessionTask
from processing.retention import cleanup_bundles, cleanup_expired_sessions
from sessions_app.actions.review import comment
from sessions_app.models import AuditEvent, Session, TicketRevision
from tests.factories import make_session, make_specified_session, make_ticket

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def age(session, **since):
    Session.objects.filter(pk=session.pk).update(last_activity_at=timezone.now() - timedelta(**since))


@pytest.fixture
def session(people):
    made = make_specified_session(people.workspace, 1, 2)
    ticket = make_ticket(made, title="Create <b>it</b>", facts=[])
    TicketRevision.of(ticket)
    comment(ticket, "Please =look again.", by=people.rita)
    return made


def unpacked(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_idle_session_is_kept_as_a_bundle_and_removed(session, people):
    age(session, days=8)

    assert cleanup_expired_sessions() == {"deleted_sessions": 1}

    assert not Session.objects.filter(pk=session.pk).exists()
    kept = SessionBundle.objects.get(session_id=session.pk)
    answer = people.browser("vera").get(f"/removed-sessions/{kept.pk}/")
    body = b"".join(answer.streaming_content)
    assert (len(body), hashlib.sha256(body).hexdigest()) == (kept.size, kept.sha256)
    found = unpacked(body)
    assert json.loads(found["tickets.json"])["tickets"][0]["title"] == "Create <b>it</b>"
    assert b"T-1" in found["tickets.md"]
    assert {"specification/Bundles.csv", "specification/Fields.csv"} <= set(found)
    assert b"field_1" in found["specification/Fields.csv"]
    history = json.loads(found["history.json"])
    assert history["comments"][0]["text"] == "Please =look again."
    assert history["versions"][0]["version"] == 1
    assert {event["action"] for event in history["audit"]} >= {"session.created"}
    assert AuditEvent.objects.filter(action="session.deleted", object_id=str(session.pk)).exists()


def test_what_is_active_running_or_completed_stays(people):
    sessions = [make_session(people.workspace) for _ in range(4)]
    young, running, completed, idle = sessions
    age(young, days=6)
    for session in (running, completed, idle):
        age(session, days=8)
    SessionTask.objects.create(session=running)
    Session.objects.filter(pk=completed.pk).update(stage="completed")

    assert cleanup_expired_sessions() == {"deleted_sessions": 1}

    assert set(Session.objects.values_list("pk", flat=True)) == {young.pk, running.pk, completed.pk}


def test_what_cannot_be_kept_is_not_removed(session, settings, tmp_path):
    age(session, days=8)
    (tmp_path / "bundles").write_text("no folder")

    assert cleanup_expired_sessions() == {"deleted_sessions": 0}

    assert Session.objects.filter(pk=session.pk).exists()


def test_bundles_are_forgotten_with_their_files(session):
    age(session, days=8)
    cleanup_expired_sessions()
    kept = SessionBundle.objects.get()
    assert cleanup_bundles() == {"deleted_bundles": 0}
    SessionBundle.objects.update(created_at=timezone.now() - timedelta(days=91))

    assert cleanup_bundles() == {"deleted_bundles": 1}

    assert not default_storage.exists(kept.name)
    assert not SessionBundle.objects.exists()


def test_the_page_announces_it_and_one_click_puts_it_off(session, people):
    browser = people.browser("rita")
    assert "is removed after" not in browser.get(session.get_absolute_url()).content.decode()
    age(session, days=5, minutes=1)

    page = browser.get(session.get_absolute_url()).content.decode()
    assert "is removed after" in page
    assert "Removed soon" in browser.get("/").content.decode()
    browser.post(f"/sessions/{session.pk}/keep/")

    assert "is removed after" not in browser.get(session.get_absolute_url()).content.decode()


def test_the_bundle_of_a_session_that_is_there(session, people):
    answer = people.browser("vera").get(f"/sessions/{session.pk}/bundle/")

    assert answer.headers["Content-Disposition"].startswith("attachment")
    found = unpacked(b"".join(answer.streaming_content))
    assert json.loads(found["session.json"])["key"] == session.short_key
