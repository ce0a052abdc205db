"""Idempotency-Key and ETags: sent twice is done once; two who change one ticket do not overwrite each other."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from processing.models import SessionTask
from sessions_app.models import IdempotencyKey, Session
from sessions_app.retention import cleanup_idempotency_keys
from tests.factories import bundles, make_session, make_specified_session, make_ticket
from tests.people import make_people
from tests.test_access import CONNECTION
from tests.threads import at_once

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "3f1c6a52-one"}


def make(api, name="A site", **headers):
    return api.post("/api/sessions", {"site_name": name}, headers={**KEY, **headers})


def test_a_request_sent_again_is_answered_again_and_done_once(people):
    alice = people.api("alice")
    first, second = make(alice), make(alice)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Session.objects.count() == 1


def test_without_the_header_everything_is_as_ever(people):
    alice = people.api("alice")
    for _ in range(2):
        alice.post("/api/sessions", {"site_name": "A site"})

    assert Session.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_another_request_under_the_key_is_refused(people):
    alice = people.api("alice")
    make(alice)

    answer = make(alice, "Another site")

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert Session.objects.count() == 1


def test_a_key_is_of_one_person(people):
    make(people.api("alice"))
    make(people.api("bob"))

    assert Session.objects.count() == 2


def test_what_was_refused_may_be_tried_again(people):
    alice = people.api("alice")
    assert make(alice, "").status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert make(alice).status_code == 201


def test_what_is_being_worked_on_is_not_begun_again_until_it_is_given_up(people):
    IdempotencyKey.objects.create(user=people.alice, key=KEY["Idempotency-Key"], request_hash="x")
    refused = make(people.api("alice"))
    assert (refused.status_code, refused.json()["code"]) == (409, "request_in_progress")
    assert refused.headers["Retry-After"] == "1"

    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert make(people.api("alice")).status_code == 201


def test_a_key_whose_request_met_a_bug_may_be_used_again(people, monkeypatch):
    alice = people.api("alice")
    alice.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("sessions_app.actions.sessions.create_session", _stumble)
        assert make(alice).status_code == 500
    assert not IdempotencyKey.objects.exists()
    assert make(alice).status_code == 201


def _stumble(*_, **__):
    raise ZeroDivisionError


@pytest.mark.parametrize("key", ["x" * 201, "tab\there", "\x7f"])
def test_a_key_that_is_none_is_refused(key, people):
    assert (
        people.api("alice").post("/api/sessions", {"site_name": "A"}, headers={"Idempotency-Key": key}).status_code
        == 400
    )


def test_files_are_part_of_the_request(people):
    session = make_session(people.workspace)

    def upload(data):
        files = {"files": SimpleUploadedFile("Bundles.csv", data)}
        return people.api("alice").post(f"/api/sessions/{session.pk}/files", files, format="multipart", headers=KEY)

    first, again, other = upload(bundles(2)), upload(bundles(2)), upload(bundles(3))

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert session.files.get().entity_count == 2


def test_a_run_is_started_once(people, redis):
    session = make_specified_session(people.workspace)
    alice = people.api("alice")
    first = alice.post(f"/api/sessions/{session.pk}/process", headers=KEY)
    SessionTask.objects.update(status="failed")

    second = alice.post(f"/api/sessions/{session.pk}/process", headers=KEY)

    assert first.json()["task_id"] == second.json()["task_id"]
    assert SessionTask.objects.count() == 1


def test_connections_enhancements_and_assessments_are_made_once_too(people, redis):
    alice, slug = people.api("alice"), people.workspace.slug
    asked = {
        f"/api/workspaces/{slug}/connections": {**CONNECTION, "token": "secret-of-a-tracker"},
        "/api/enhancements": {
            "ticket_id": "HD-1",
            "description": "The printer is on fire.",
            "priority": "high",
            "tenant_id": slug,
            "timestamp": "2026-01-01T00:00:00Z",
        },
        "/api/assessments": {
            "workspace": slug,
            "title": "Essays",
            "question": "Which is better?",
            "items": [{"essay_id": name, "text_content": f"Text {name}"} for name in "ab"],
        },
    }
    for number, (path, body) in enumerate(asked.items()):
        key = {"Idempotency-Key": f"once-{number}"}
        first, second = (alice.post(path, body, headers=key) for _ in range(2))

        assert first.status_code < 300, first.json()
        assert (second.status_code, second.json()) == (first.status_code, first.json())
        assert second.headers["Idempotent-Replayed"] == "true"
        assert alice.get(path).json()["count"] == 1


def test_who_lost_the_role_is_not_told_again(people):
    session = make_session(people.workspace)
    bob = people.api("bob")
    sent = {"pasted": bundles(1).decode(), "name": "Bundles.csv"}
    assert bob.post(f"/api/sessions/{session.pk}/files", sent, headers=KEY).status_code == 201
    people.workspace.memberships.filter(user=people.bob).delete()

    assert bob.post(f"/api/sessions/{session.pk}/files", sent, headers=KEY).status_code == 404


def test_keys_are_forgotten_after_a_day(people):
    make(people.api("alice"))
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))

    assert cleanup_idempotency_keys() == {"deleted_idempotency_keys": 1}


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_done():
    people = make_people()
    codes = [answer.status_code for answer in at_once(*(partial(make, people.api("alice")) for _ in range(8)))]

    assert Session.objects.count() == 1
    assert set(codes) <= {201, 409}
    assert 201 in codes


# ETags


@pytest.fixture
def ticket(people):
    return make_ticket(make_session(people.workspace))


@pytest.fixture
def url(ticket):
    return f"/api/sessions/{ticket.session_id}/tickets/{ticket.pk}"


def test_a_ticket_that_one_has_already_is_not_sent_again(people, url):
    alice = people.api("alice")
    tag = alice.get(url).headers["ETag"]

    answer = alice.get(url, headers={"If-None-Match": f'"other", W/{tag}'})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag


def test_the_tag_follows_text_and_judgement(people, ticket, url):
    alice = people.api("alice")
    tags = [alice.get(url).headers["ETag"]]
    tags.append(alice.patch(url, {"title": "Other", "version": 1}).headers["ETag"])
    tags.append(alice.patch(url, {"status": "approved", "version": 2}).headers["ETag"])

    assert len(set(tags)) == 3
    assert alice.get(url).headers["ETag"] == tags[-1]


def test_a_change_may_name_the_tag_instead_of_the_version(people, url):
    alice = people.api("alice")
    tag = alice.get(url).headers["ETag"]

    assert alice.patch(url, {"title": "Other"}, headers={"If-Match": tag}).json()["version"] == 2
    refused = alice.patch(url, {"title": "Mine"}, headers={"If-Match": tag})

    assert refused.status_code == 412
    assert refused.json()["code"] == "precondition_failed"
    assert alice.get(url).json()["title"] == "Other"


@pytest.mark.parametrize("tag", ['"nothing"', "W/{}", "nonsense", ",,", '"a", "b"'])
def test_a_tag_that_is_not_of_now_changes_nothing(people, url, tag):
    alice = people.api("alice")
    present = alice.get(url).headers["ETag"]

    assert alice.patch(url, {"title": "Other"}, headers={"If-Match": tag.format(present)}).status_code in (400, 412)
    assert alice.get(url).headers["ETag"] == present
