"""CHECKLIST 9 and 31: how much one person, one workspace and one guesser may do in an hour, and hold."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from processing.models import SessionTask
from sessions_app.limits import COUNTED
from sessions_app.models import UploadedFile
from tests.factories import bundles, import_files, make_session, make_specified_session
from tests.test_access import ALL, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(people, redis):
    return make_session(people.workspace)


@pytest.fixture
def two_uploads(settings):
    settings.LIMITS = {**settings.LIMITS, "uploads": (2, 3)}


def upload(api, session):
    return api.post(f"/api/sessions/{session.pk}/files", {"pasted": bundles(1).decode(), "name": "Bundles.csv"})


def test_what_is_counted_are_addresses_that_there_are():
    assert set(COUNTED) <= {address.name for address in ALL}


def test_one_upload_too_many_is_refused_and_says_when_to_come_back(people, session, two_uploads):
    alice = people.api("alice")
    assert [upload(alice, session).status_code for _ in range(2)] == [201, 201]

    answer = upload(alice, session)

    assert answer.status_code == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert answer.json()["code"] == "too_many_requests"
    assert answer.json()["category"] == "temporary"


def test_pages_and_the_api_share_one_count_and_a_page_says_it_in_words(people, session, two_uploads):
    alice, browser = people.api("alice"), people.browser("alice")
    for _ in range(2):
        upload(alice, session)

    answer = browser.post(f"/sessions/{session.pk}/upload/", {"files": SimpleUploadedFile("Bundles.csv", bundles(1))})

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "limit of 2 uploads an hour" in answer.content.decode()


def test_a_workspace_has_a_limit_for_all_of_its_people_together(people, session, two_uploads):
    codes = [upload(people.api(name), session).status_code for name in ("alice", "alice", "bob", "bob")]

    assert codes == [201, 201, 201, 429]


def test_one_persons_limit_is_nobody_elses(people, session, settings, two_uploads):
    settings.LIMITS = {**settings.LIMITS, "uploads": (1, 0)}
    assert upload(people.api("alice"), session).status_code == 201
    assert upload(people.api("alice"), session).status_code == 429
    assert upload(people.api("bob"), session).status_code == 201


def test_who_may_not_upload_uses_nothing_up(people, session, settings):
    settings.LIMITS = {**settings.LIMITS, "uploads": (0, 1)}
    assert upload(people.api("vera"), session).status_code == 403
    assert upload(people.api("charlie"), session).status_code == 404
    assert upload(people.api("alice"), session).status_code == 201


def test_runs_are_limited_and_can_always_be_stopped(people, redis, settings):
    settings.LIMITS = {**settings.LIMITS, "runs": (1, 0)}
    session = make_specified_session(people.workspace)
    alice, browser = people.api("alice"), people.browser("alice")
    assert alice.post(f"/api/sessions/{session.pk}/process").status_code == 202
    assert alice.post(f"/api/sessions/{session.pk}/process").status_code == 429

    answer = browser.post(f"/sessions/{session.pk}/run/cancel/")

    assert answer.status_code == 302
    assert SessionTask.objects.get(session=session).status == "cancelled"
    assert browser.post(f"/sessions/{session.pk}/run/start/").status_code == 429


def test_context_from_models_is_limited_and_deciding_is_not(people, redis, settings):
    settings.LIMITS = {**settings.LIMITS, "questions": (1, 0), "uploads": (1, 0)}
    world = World(people.workspace, people.alice)
    browser, api = people.browser("alice"), people.api("alice")
    own = f"/sessions/{world.session.pk}/tickets/{world.ticket.pk}/proposals/{world.proposal.pk}"

    assert browser.post(f"{own}/discard/").status_code == 302
    assert browser.post(f"/help-desk/{world.failed.pk}/retry/").status_code == 302
    codes = [
        browser.post(f"{own}/retry/").status_code,
        api.post(f"/api/enhancements/{world.failed.pk}/retry").status_code,
    ]
    job = {"ticket_id": "1", "tenant_id": people.workspace.slug, "description": "x", "priority": "x"}
    codes.append(api.post("/api/enhancements", {**job, "timestamp": "2026-01-01T00:00:00Z"}).status_code)
    assert codes == [429] * 3

    rows = [{"external_id": "1", "title": "x"}]
    assert [api.post("/api/knowledge", rows).status_code for _ in range(2)] == [200, 429]


def test_without_the_cache_work_goes_on(people, session, settings):
    settings.LIMITS = {**settings.LIMITS, "uploads": (1, 1)}
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert [upload(people.api("alice"), session).status_code for _ in range(2)] == [201, 201]


def test_a_workspace_holds_only_so_many_bytes(people, session, settings):
    import_files(session, Bundles=bundles(20))
    settings.WORKSPACE_MAX_BYTES = UploadedFile.objects.get().size + 50

    answer = people.api("alice").post(
        f"/api/sessions/{make_session(people.workspace).pk}/files", {"pasted": bundles(20).decode(), "name": "B.csv"}
    )

    assert answer.status_code == 413
    assert "uploads" in answer.json()["detail"]
    assert UploadedFile.objects.count() == 1


def test_what_is_replaced_makes_room(people, session, settings):
    import_files(session, Bundles=bundles(20))
    settings.WORKSPACE_MAX_BYTES = UploadedFile.objects.get().size + 50

    import_files(session, Bundles=bundles(20, start=1))

    assert UploadedFile.objects.count() == 1


def test_a_guesser_of_passwords_is_stopped_whatever_address_it_gives(people, settings, redis):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/m/ip,3/5m/key"}
    browser = people.browser("nobody")
    for number in range(4):
        browser.post("/accounts/login/", {"login": "alice", "password": f"wrong {number}"})

    answer = browser.post("/accounts/login/", {"login": "alice", "password": "secret-alice"})

    assert "sessionid" not in answer.cookies
    assert "Too many" in answer.content.decode()
