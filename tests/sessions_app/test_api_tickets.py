"""``/api/sessions/{id}/tickets``: found, read, edited by version; their history and their graph."""

from __future__ import annotations

import uuid

import pytest

from sessions_app.models import Ticket, TicketDependency, TicketRevision
from tests.factories import make_session, make_ticket
from tests.sessions_app.test_api_sessions import is_problem

MARK = {"section": "title", "text": "news", "kind": "label", "says": "the specification has News", "start": 8}


@pytest.fixture
def api(people):
    return people.api("alice")


@pytest.fixture
def session(people):
    return make_session(people.workspace)


@pytest.fixture
def ticket(session):
    ticket = make_ticket(session)
    TicketRevision.of(ticket)
    return ticket


@pytest.fixture
def several(session):
    """Five tickets of three groups in various states; the newest stands first in working order."""
    make_ticket(session, 1, position=5, title="Create the page")
    make_ticket(session, 2, position=4, title="Create 100% of news", status="approved")
    make_ticket(session, 3, position=3, csv_type="views", entity_group="Views", title="List of news", fact_marks=[MARK])
    make_ticket(session, 4, position=2, source_state="removed", title="Old_thing")
    make_ticket(session, 5, position=1, csv_type="custom", entity_group="Custom", analysis="About\nnews.")
    return session


def listed(api, session, query=""):
    answer = api.get(f"/api/sessions/{session.pk}/tickets{query}")
    assert answer.status_code == 200
    return [int(each["short_key"][2:]) for each in answer.json()["results"]]


def path_of(ticket):
    return f"/api/sessions/{ticket.session_id}/tickets/{ticket.pk}"


# Finding


def test_tickets_are_listed_in_working_order(api, several):
    assert listed(api, several) == [5, 4, 3, 2, 1]


def test_a_ticket_of_the_list_says_what_a_row_needs_and_no_text(api, several):
    row = api.get(f"/api/sessions/{several.pk}/tickets").json()["results"][0]

    assert set(row) == {
        "id",
        "short_key",
        "key",
        "csv_type",
        "entity_group",
        "title",
        "status",
        "source_state",
        "mark_count",
        "position",
        "version",
        "provider",
        "updated_at",
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?group=Views", [3]),
        ("?type=custom", [5]),
        ("?status=approved", [2]),
        ("?source_state=removed", [4]),
        ("?group=Content&status=draft", [4, 1]),
        ("?marked=1", [3]),
        ("?marked=1&group=Content", []),
        ("?marked=", [5, 4, 3, 2, 1]),
        ("?q=news", [5, 3, 2]),
        ("?q=NEWS", [5, 3, 2]),
        ("?q=news&group=Content", [2]),
        ("?q=kind_4", [4]),
        ("?q=T-3", [3]),
        ("?q=t-3", [3]),
        ("?q=%25", [2]),
        ("?q=d_t", [4]),
        ("?q=\\", []),
        ("?q='", []),
        ("?q=%20%20", [5, 4, 3, 2, 1]),
        ("?group=Nonsense", []),
        ("?status=nonsense", []),
        ("?q=T-99999999", []),
        ("?q=T-99999999999999999999", []),
        ("?unknown=x", [5, 4, 3, 2, 1]),
    ],
)
def test_filters_narrow_the_list(api, several, query, found):
    assert listed(api, several, query) == found


def test_pages_cover_every_ticket_once(api, several):
    first = api.get(f"/api/sessions/{several.pk}/tickets?page_size=3").json()

    assert first["count"] == 5
    assert listed(api, several, "?page_size=3") + listed(api, several, "?page_size=3&page=2") == [5, 4, 3, 2, 1]
    is_problem(api.get(f"/api/sessions/{several.pk}/tickets?page_size=3&page=3"), 404)


def test_tickets_at_the_same_place_keep_an_order_over_pages(api, session):
    for number in range(1, 8):
        make_ticket(session, number, position=1)

    pages = [listed(api, session, f"?page_size=2&page={page}") for page in (1, 2, 3, 4)]

    assert [number for page in pages for number in page] == list(range(1, 8))


@pytest.mark.parametrize("name", ["q", "group", "type", "status", "source_state", "page", "page_size"])
def test_nul_in_a_query_is_the_requests_fault(api, several, name):
    is_problem(api.get(f"/api/sessions/{several.pk}/tickets?{name}=a%00b"), 400, "bad_request")


@pytest.mark.parametrize("strange", ["%ff%fe", "%ed%a0%80", "x" * 20_000, "[]", "*" * 1000, "(?i)(a+)+$"])
def test_a_strange_search_finds_nothing_and_breaks_nothing(api, several, strange):
    assert listed(api, several, f"?q={strange}") == []


# Reading


def test_a_ticket_is_read_whole(api, session, ticket):
    other = make_ticket(session, 2)
    TicketDependency.objects.create(from_ticket=ticket, to_ticket=other, rule="R1")
    Ticket.objects.filter(pk=ticket.pk).update(facts=[{"column": "Type", "value": "x"}])

    body = api.get(path_of(ticket)).json()

    assert (body["short_key"], body["version"], body["status"]) == ("T-1", 1, "draft")
    assert body["user_story"] == "As an editor, I want it."
    assert body["facts"] == [{"column": "Type", "value": "x"}]
    assert body["depends_on"] == [
        {
            "ticket": str(other.pk),
            "key": other.key,
            "kind": "blocks",
            "rule": "R1",
            "source": "reference",
            "state": "active",
        }
    ]


def test_a_ticket_that_is_not_there_is_a_problem(api, session):
    is_problem(api.get(f"/api/sessions/{session.pk}/tickets/{uuid.uuid4()}"), 404, "not_found")


# Editing


def test_an_edit_makes_the_next_version(api, ticket, people):
    answer = api.patch(path_of(ticket), {"title": "Better", "analysis": "More.", "version": 1})

    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["title"], answer.json()["analysis"]) == (2, "Better", "More.")
    assert answer.json()["edited_at"]
    revision = ticket.revisions.get(version=2)
    assert (revision.title, revision.author, revision.editor) == ("Better", "alice", people.alice)


def test_an_edit_from_an_old_version_tells_the_present_one_and_changes_nothing(api, ticket, people):
    people.api("bob").patch(path_of(ticket), {"title": "Bob's", "version": 1})

    body = is_problem(api.patch(path_of(ticket), {"title": "Alice's", "version": 1}), 409, "stale_edit")

    assert body["version"] == 2
    assert body["recovery_actions"]
    ticket.refresh_from_db()
    assert (ticket.title, ticket.revisions.count()) == ("Bob's", 2)


def test_an_edit_without_a_version_is_refused(api, ticket):
    body = is_problem(api.patch(path_of(ticket), {"title": "Blind"}), 400, "invalid")

    assert "version" in body["errors"]
    ticket.refresh_from_db()
    assert ticket.version == 1


def test_an_edit_sends_an_approved_ticket_back_to_draft(api, ticket):
    ticket.move_to("approved")

    assert api.patch(path_of(ticket), {"title": "Better", "version": 1}).json()["status"] == "draft"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "00000000-0000-4000-8000-000000000000"),
        ("key", "bundles:evil"),
        ("short_key", "T-99"),
        ("number", 99),
        ("session", "00000000-0000-4000-8000-000000000000"),
        ("csv_type", "views"),
        ("entity_group", "Views"),
        ("facts", [{"column": "x"}]),
        ("fact_marks", [MARK]),
        ("csv_source", {"x": 1}),
        ("position", 99),
        ("source_state", "removed"),
        ("provider", "me"),
        ("llm_model", "me"),
        ("prompt_version", "me"),
        ("depends_on", []),
        ("edited_at", None),
        ("created_at", "2001-01-01T00:00:00Z"),
        ("updated_at", "2001-01-01T00:00:00Z"),
        ("input_hash", "x"),
        ("generated_by_task", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_a_read_only_field_cannot_be_written(api, ticket, field, value):
    before = Ticket.objects.values().get(pk=ticket.pk)

    assert api.patch(path_of(ticket), {field: value, "version": 1}).status_code == 200
    assert Ticket.objects.values().get(pk=ticket.pk) == before


@pytest.mark.parametrize(
    "sent",
    [
        {"title": ""},
        {"title": "  "},
        {"title": None},
        {"title": "x" * 256},
        {"title": "nul\0"},
        {"title": ["x"]},
        {"user_story": ""},
        {"analysis": None},
        {"verification": {"x": 1}},
        {"analysis": "nul\0"},
        {"title": "x", "version": 0},
        {"title": "x", "version": -1},
        {"title": "x", "version": "one"},
        {"title": "x", "version": None},
        {"title": "x", "version": 1.5},
        [],
        "x",
    ],
)
def test_an_edit_that_is_not_valid_changes_nothing(api, ticket, sent):
    body = {"version": 1, **sent} if isinstance(sent, dict) else sent

    is_problem(api.patch(path_of(ticket), body, format="json"), 400)
    ticket.refresh_from_db()
    assert (ticket.version, ticket.revisions.count()) == (1, 1)


def test_a_version_from_the_future_is_stale_too(api, ticket):
    assert is_problem(api.patch(path_of(ticket), {"title": "x", "version": 10**30}), 409)["version"] == 1


def test_text_of_any_script_comes_back_as_it_was_sent(api, ticket):
    text = "Ünïcödé 漢字 🎉 \u202e \u200b <b>&amp;</b> | `x` \n\n* a\r\n* b"

    body = api.patch(path_of(ticket), {"analysis": text, "version": 1}).json()

    assert body["analysis"] == text
    assert Ticket.objects.get().analysis == text


def test_a_reviewer_edits_and_a_viewer_does_not(people, ticket):
    assert people.api("rita").patch(path_of(ticket), {"title": "Rita's", "version": 1}).status_code == 200
    is_problem(people.api("vera").patch(path_of(ticket), {"title": "Vera's", "version": 2}), 403, "permission_denied")
    assert Ticket.objects.get().title == "Rita's"


# History and graph


def test_revisions_are_newest_first_with_their_authors(api, ticket):
    api.patch(path_of(ticket), {"title": "Better", "version": 1})

    body = api.get(path_of(ticket) + "/revisions").json()["results"]

    assert [(each["version"], each["author"], each["title"]) for each in body] == [
        (2, "alice", "Better"),
        (1, "offline", "Create content type Kind 1"),
    ]


def test_revisions_cannot_be_written(api, ticket):
    for verb in ("post", "put", "patch", "delete"):
        is_problem(getattr(api, verb)(path_of(ticket) + "/revisions", {"title": "x", "version": 1}), 405)
    ticket.refresh_from_db()
    assert ticket.version == 1


def test_the_graph_has_the_tickets_of_the_backlog_and_what_needs_what(api, several):
    first, second, gone = (several.tickets.get(number=number) for number in (1, 2, 4))
    TicketDependency.objects.create(from_ticket=first, to_ticket=second, state="proposed_cut", rule="R2")
    TicketDependency.objects.create(from_ticket=first, to_ticket=gone)

    body = api.get(f"/api/sessions/{several.pk}/graph").json()

    assert [node["number"] for node in body["nodes"]] == [5, 3, 2, 1]
    assert body["edges"] == [
        {
            "from_ticket_id": str(first.pk),
            "to_ticket_id": str(second.pk),
            "kind": "blocks",
            "source": "reference",
            "state": "proposed_cut",
            "rule": "R2",
        }
    ]
