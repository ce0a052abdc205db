"""``/api/sessions``: made, listed, read, changed, deleted; and what every error of the API looks like."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from knox.models import AuthToken

from processing.models import SessionTask
from sessions_app.actions.workspaces import add_member, create_workspace
from sessions_app.models import AuditEvent, Session
from tests.factories import make_session, make_specified_session, make_ticket

FIELDS = {
    "id",
    "key",
    "workspace",
    "site_name",
    "site_description",
    "stage",
    "llm_provider_choice",
    "llm_model",
    "granularity",
    "budget",
    "temperature",
    "language",
    "prompt_version",
    "fallbacks",
    "economy",
    "file_count",
    "ticket_count",
    "created_at",
    "last_activity_at",
}


@pytest.fixture
def api(people):
    return people.api("alice")


@pytest.fixture
def session(people):
    return make_session(people.workspace)


def is_problem(answer, status, code=None):
    """The one shape of all errors (RFC 9457), with the request id that stands in the header too."""
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["detail"]
    if code:
        assert body["code"] == code
    return body


# Making


def test_a_session_needs_only_the_name_of_its_site(api, people):
    answer = api.post("/api/sessions", {"site_name": "Northfield"})

    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == FIELDS
    assert (body["key"], body["workspace"], body["stage"]) == ("S-1", "northfield", "setup")
    assert (body["granularity"], body["llm_provider_choice"], body["budget"]) == ("row", "offline", None)
    assert Session.objects.get(pk=body["id"]).created_by == people.alice


def test_everything_that_can_be_chosen_is_kept(api):
    chosen = {
        "workspace": "northfield",
        "site_name": "Wéb ✓ site",
        "site_description": "For students.\nAnd staff.",
        "llm_provider_choice": "offline",
        "llm_model": "none",
        "temperature": "0.30",
        "language": "de",
        "prompt_version": "ticket-1",
        "fallbacks": [{"provider": "offline", "model": ""}],
        "economy": True,
        "granularity": "parent",
        "budget": "12.50",
    }

    body = api.post("/api/sessions", chosen).json()

    assert {name: body[name] for name in chosen} == chosen


def test_making_a_session_is_audited_with_the_request_id(api, people):
    answer = api.post("/api/sessions", {"site_name": "Northfield"})

    event = AuditEvent.objects.get(action="session.created")
    assert (event.user_name, event.object_id) == ("alice", answer.json()["id"])
    assert event.request_id == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "site_name"),
        ({"site_name": ""}, "site_name"),
        ({"site_name": "   "}, "site_name"),
        ({"site_name": None}, "site_name"),
        ({"site_name": ["x"]}, "site_name"),
        ({"site_name": {"x": 1}}, "site_name"),
        ({"site_name": "x" * 201}, "site_name"),
        ({"site_name": "nul \0 nul"}, "site_name"),
        ({"site_name": "x", "site_description": "y" * 5001}, "site_description"),
        ({"site_name": "x", "granularity": "cell"}, "granularity"),
        ({"site_name": "x", "llm_provider_choice": "nobody"}, "llm_provider_choice"),
        ({"site_name": "x", "llm_provider_choice": ""}, "llm_provider_choice"),
        ({"site_name": "x", "budget": "much"}, "budget"),
        ({"site_name": "x", "budget": "1e300"}, "budget"),
        ({"site_name": "x", "budget": "NaN"}, "budget"),
        ({"site_name": "x", "workspace": "no-such"}, "workspace"),
        ({"site_name": "x", "workspace": "nul\0"}, "workspace"),
        ({"site_name": "x", "workspace": ["northfield"]}, "workspace"),
        ({"site_name": "x", "workspace": {"slug": "northfield"}}, "workspace"),
        ({"site_name": "x", "workspace": 7}, "workspace"),
    ],
)
def test_a_field_that_is_not_valid_is_named_and_nothing_is_made(api, sent, field):
    body = is_problem(api.post("/api/sessions", sent), 400, "invalid")

    assert set(body["errors"]) == {field}
    assert not Session.objects.exists()


def test_what_only_the_database_knows_is_an_answer_too(api):
    body = is_problem(api.post("/api/sessions", {"site_name": "x", "budget": "-1"}), 400, "invalid")

    assert "budget" in str(body["errors"])


@pytest.mark.parametrize(
    "unreadable", [b"{", b"", b"[]", b"null", b'"x"', b"7", b"[" * 100_000, b"\xff\xfe", b"{'a': 1}"]
)
def test_a_body_that_is_no_json_object_is_refused(api, unreadable):
    is_problem(api.generic("POST", "/api/sessions", unreadable, content_type="application/json"), 400)
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "number", ["9" * 5000, "1e999999", "-0", "NaN", "Infinity", "\\ud800"], ids=lambda text: text[:8]
)
def test_strange_json_values_are_never_our_fault(api, number):
    raw = f'{{"site_name": "x", "budget": {number}, "site_description": "\\ud800"}}'

    is_problem(api.generic("POST", "/api/sessions", raw, content_type="application/json"), 400)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "garbage"]
)
def test_another_content_type_is_refused(api, content_type):
    is_problem(api.generic("POST", "/api/sessions", b"x", content_type=content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["zlib", "rot13", "base64", "hex", "punycode", "undefined", "nonsense"])
def test_a_strange_charset_is_never_our_fault(api, charset):
    answer = api.generic("POST", "/api/sessions", b"\x78\x9c", content_type=f"application/json; charset={charset}")

    is_problem(answer, 400)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(api, settings):
    settings.REQUEST_MAX_BYTES = 1000
    raw = b'{"site_name": "x", "site_description": "' + b"y" * 2000 + b'"}'

    is_problem(api.generic("POST", "/api/sessions", raw, content_type="application/json"), 413, "too_large")


def test_without_a_workspace_there_is_none_to_make_it_in(people):
    is_problem(people.api("vera").post("/api/sessions", {"site_name": "x"}), 400, "no_workspace")


def test_who_edits_in_several_workspaces_names_one(people):
    create_workspace("Second", owner=people.alice)

    is_problem(people.api("alice").post("/api/sessions", {"site_name": "x"}), 400, "no_workspace")
    assert people.api("alice").post("/api/sessions", {"site_name": "x", "workspace": "second"}).status_code == 201


def test_a_workspace_of_others_looks_like_none(people):
    theirs = people.api("charlie").post("/api/sessions", {"site_name": "x", "workspace": "northfield"})
    none = people.api("charlie").post("/api/sessions", {"site_name": "x", "workspace": "no-such"})

    assert is_problem(theirs, 400)["errors"] == {
        "workspace": [each.replace("no-such", "northfield") for each in is_problem(none, 400)["errors"]["workspace"]]
    }


def test_a_viewer_makes_nothing(people):
    is_problem(people.api("vera").post("/api/sessions", {"site_name": "x", "workspace": "northfield"}), 403)
    assert not Session.objects.exists()


# Reading


def test_the_list_is_newest_first(api, people):
    made = [str(make_session(people.workspace).pk) for _ in range(6)]

    body = api.get("/api/sessions").json()

    assert [each["id"] for each in body["results"]] == made[::-1]
    assert (body["count"], body["next"], body["previous"]) == (6, None, None)


def test_the_list_counts_files_and_tickets(api, people):
    session = make_specified_session(people.workspace, 1, 1)
    for number in (1, 2, 3):
        make_ticket(session, number)

    only = api.get("/api/sessions").json()["results"][0]

    assert (only["file_count"], only["ticket_count"]) == (2, 3)


def test_a_session_is_listed_once_whoever_else_is_a_member(api, people):
    make_session(people.workspace)
    add_member(create_workspace("Other", owner=people.bob), people.alice, "viewer", by=people.bob)

    assert api.get("/api/sessions").json()["count"] == 1


def test_archived_sessions_are_listed_only_when_asked_for(api, people, session):
    gone = make_session(people.workspace, stage="archived")

    assert [each["id"] for each in api.get("/api/sessions").json()["results"]] == [str(session.pk)]
    assert [each["id"] for each in api.get("/api/sessions?stage=archived").json()["results"]] == [str(gone.pk)]
    assert api.get("/api/sessions?stage=nonsense").json()["count"] == 0


def test_pages_have_a_size_and_an_end(api, people):
    for number in range(5):
        make_session(people.workspace, site_name=f"Site {number}")

    first = api.get("/api/sessions?page_size=2").json()

    assert (first["count"], len(first["results"])) == (5, 2)
    assert first["next"].endswith("page=2&page_size=2")
    assert len(api.get("/api/sessions?page_size=2&page=3").json()["results"]) == 1
    is_problem(api.get("/api/sessions?page_size=2&page=4"), 404, "not_found")


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "9" * 5000, "1.5", "%00"], ids=lambda text: text[:6])
def test_a_page_that_is_none_is_not_there(api, session, page):
    assert is_problem(api.get(f"/api/sessions?page={page}"), 400 if page == "%00" else 404)


@pytest.mark.parametrize("size", ["0", "-1", "x", "9" * 30, "9" * 5000], ids=lambda text: text[:6])
def test_a_strange_page_size_never_gives_more_than_is_allowed(api, session, size):
    assert api.get(f"/api/sessions?page_size={size}").json()["count"] == 1


def test_one_session_is_read_whole(api, people):
    session = make_specified_session(people.workspace, 2, 3)

    body = api.get(f"/api/sessions/{session.pk}").json()

    assert set(body) == FIELDS
    assert (body["file_count"], body["ticket_count"], body["stage"]) == (2, 0, "upload")


def test_a_session_that_is_not_there_is_a_problem(api):
    is_problem(api.get(f"/api/sessions/{uuid.uuid4()}"), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/nothing", "/api/sessions/", "/api/sessions/7", "/api/sessions/" + "9" * 5000])
def test_an_address_that_is_not_there_is_a_problem(api, path):
    is_problem(api.get(path), 404, "not_found")


# Who asks


def test_without_credentials_the_answer_says_how_to_sign_in():
    answer = Client().get("/api/sessions")

    is_problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer tg_" + "a" * 200, "Bearer a b", "Bearer \xff\xfe", "Basic YTpi"]
)
def test_wrong_credentials_are_refused(db, header):
    is_problem(Client().get("/api/sessions", headers={"Authorization": header}), 401)


def test_nul_in_a_header_is_refused_before_the_database_sees_it(db):
    is_problem(Client().get("/api/sessions", headers={"Authorization": "Bearer tg_\0"}), 400)


def test_a_token_that_has_ended_is_refused(people):
    from datetime import timedelta

    _, token = AuthToken.objects.create(people.alice, expiry=timedelta(seconds=-1))

    is_problem(Client().get("/api/sessions", headers={"Authorization": f"Bearer {token}"}), 401)


def test_the_token_of_somebody_who_was_locked_out_is_refused(people):
    api = people.api("alice")
    people.alice.is_active = False
    people.alice.save(update_fields=["is_active"])

    is_problem(api.get("/api/sessions"), 401)


def test_the_browsers_session_is_enough_to_read(people):
    assert people.browser("alice").get("/api/sessions").status_code == 200


# Changing


def test_what_was_chosen_can_be_changed(api, session):
    answer = api.patch(f"/api/sessions/{session.pk}", {"site_name": "Renamed", "granularity": "parent", "budget": "3"})

    assert answer.status_code == 200
    session.refresh_from_db()
    assert (session.site_name, session.granularity, session.budget) == ("Renamed", "parent", 3)
    assert answer.json()["site_name"] == "Renamed"


def test_a_change_names_its_fields_in_the_audit_log(api, session):
    api.patch(f"/api/sessions/{session.pk}", {"site_name": "Renamed", "granularity": "parent"})

    assert AuditEvent.objects.get(action="session.changed").details == {"fields": ["granularity", "site_name"]}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "00000000-0000-4000-8000-000000000000"),
        ("key", "S-99"),
        ("number", 99),
        ("stage", "completed"),
        ("ticket_counter", 99),
        ("created_at", "2001-01-01T00:00:00Z"),
        ("created_by", 1),
        ("last_activity_at", "2001-01-01T00:00:00Z"),
        ("file_count", 99),
        ("ticket_count", 99),
    ],
)
def test_a_read_only_field_cannot_be_written(api, session, field, value):
    before = Session.objects.values().get(pk=session.pk)

    assert api.patch(f"/api/sessions/{session.pk}", {field: value}).status_code == 200
    assert Session.objects.values().get(pk=session.pk) == before

    made = api.post("/api/sessions", {"site_name": "New", field: value})
    assert made.status_code == 201
    assert str(made.json().get(field)) != str(value)
    assert Session.objects.get(pk=made.json()["id"]).stage == "setup"


def test_a_session_stays_in_its_workspace(api, people, session):
    second = create_workspace("Second", owner=people.alice)

    body = is_problem(api.patch(f"/api/sessions/{session.pk}", {"workspace": "second", "site_name": "Moved"}), 400)

    assert "workspace" in body["errors"]
    session.refresh_from_db()
    assert (session.workspace_id, session.site_name) == (people.workspace.pk, "Northfield University")
    assert not second.sessions.exists()


def test_a_wrong_change_changes_nothing(api, session):
    is_problem(api.patch(f"/api/sessions/{session.pk}", {"site_name": "Renamed", "budget": "-5"}), 400)

    session.refresh_from_db()
    assert session.site_name == "Northfield University"


@pytest.mark.parametrize("verb", ["patch", "delete"])
def test_a_session_is_left_alone_while_a_run_reads_it(api, session, verb):
    SessionTask.objects.create(session=session, status="running")

    body = is_problem(getattr(api, verb)(f"/api/sessions/{session.pk}", {"site_name": "Renamed"}), 409, "wrong_state")

    assert body["recovery_actions"]
    assert Session.objects.get(pk=session.pk).site_name == "Northfield University"


def test_deleting_takes_everything_but_the_audit_log(api, people):
    session = make_specified_session(people.workspace, 2, 3)
    make_ticket(session)

    assert api.delete(f"/api/sessions/{session.pk}").status_code == 204
    assert not Session.objects.exists()
    assert AuditEvent.objects.get(action="session.deleted").object_id == str(session.pk)
    is_problem(api.get(f"/api/sessions/{session.pk}"), 404)


@pytest.mark.parametrize(
    ("query", "found"),
    [("?q=north", 1), ("?q=LONG", 1), ("?q=nowhere", 0), ("?workspace={slug}", 2), ("?workspace=others", 0)],
)
def test_sessions_are_found_by_words_and_by_workspace(people, query, found):
    make_session(people.workspace, site_name="Northfield")
    make_session(people.workspace, site_name="Site", site_description="A long one.")

    answer = people.api("alice").get("/api/sessions" + query.format(slug=people.workspace.slug))

    assert answer.json()["count"] == found
