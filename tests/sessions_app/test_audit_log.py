"""The audit log for owners: filters, pages, CSV; kept ninety days, longer than what it tells of."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sessions_app.actions.sessions import change_session, delete_session
from sessions_app.models import AuditEvent
from sessions_app.retention import cleanup_audit_logs
from tests.factories import make_session

pytestmark = pytest.mark.django_db


def page(people, **query):
    return people.browser("alice").get(f"/workspaces/{people.workspace.pk}/audit/", query)


def rows(people, **query):
    answer = people.browser("alice").get(f"/workspaces/{people.workspace.pk}/audit.csv", query)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def shown(answer):
    return [event.action for event in answer.context["page"]]


def test_it_tells_who_did_what_and_links_the_request(people):
    session = make_session(people.workspace)
    people.browser("bob").post(
        f"/sessions/{session.pk}/edit/",
        {"site_name": "Other", "granularity": "row"},
        headers={"X-Request-Id": "abc-12345678"},
    )

    text = page(people).content.decode()
    assert "session.changed" in text
    assert "bob" in text
    assert "abc-12345678" in text


def test_what_was_deleted_is_still_told_of(people):
    session = make_session(people.workspace, site_name="Gone since")
    delete_session(session, by=people.alice)

    assert "Gone since" in page(people, action="session.deleted").content.decode()


def test_it_is_kept_for_ninety_days(people):
    make_session(people.workspace, site_name="Old")
    AuditEvent.objects.update(at=timezone.now() - timedelta(days=91))
    make_session(people.workspace, site_name="Young")

    assert cleanup_audit_logs()["deleted_audit_logs"] > 0
    assert [event.object_name.split()[0] for event in AuditEvent.objects.all()] == ["Young"]


def test_it_is_of_one_workspace(people):
    make_session(people.charlies, site_name="A secret site")

    assert "A secret site" not in page(people).content.decode()
    assert not [row for row in rows(people) if row["Name"] == "A secret site"]


def test_filters_narrow_page_and_file_alike(people):
    session = make_session(people.workspace, site_name="Needle")
    change_session(session, by=people.bob, site_name="Needle 2")
    for query, expected in (
        ({"action": "session.changed"}, ["session.changed"]),
        ({"who": "bob"}, ["session.changed"]),
        ({"q": "needle"}, ["session.changed", "session.created"]),
        ({"q": str(session.pk)}, ["session.changed", "session.created"]),
        ({"q": "nothing like it"}, []),
        ({"who": "nobody"}, []),
    ):
        assert shown(page(people, **query)) == expected, query
        assert [row["Action"] for row in rows(people, **query)] == expected, query


def test_days_are_whole_and_both_included(people):
    AuditEvent.objects.all().delete()
    for day, hour in ((1, 23), (2, 0), (2, 23), (3, 0)):
        made = AuditEvent.record(f"at.{day}.{hour}", people.workspace)
        AuditEvent.objects.filter(pk=made.pk).update(at=datetime(2026, 3, day, hour, 30, tzinfo=UTC))

    assert shown(page(people, since="2026-03-02", until="2026-03-02")) == ["at.2.23", "at.2.0"]
    assert shown(page(people, since="2026-03-03")) == ["at.3.0"]
    assert len(shown(page(people, until="2026-03-02"))) == 3


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", "0001-01-01", "9999-12-31", "99999999", "\U0001d7d9", "-1"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_day_that_is_none_is_left_out(name, day, people):
    assert shown(page(people, **{name: day}))


@pytest.mark.parametrize(
    "query", [{"page": "x"}, {"page": "-1"}, {"q": "x" * 5_000}, {"who": "y" * 5_000}, {"action": "'"}]
)
def test_strange_filters_break_nothing(query, people):
    assert page(people, **query).status_code == 200
    rows(people, **query)


def test_pages_say_how_much_of_how_much(people):
    AuditEvent.objects.all().delete()
    for number in range(105):
        AuditEvent.record(f"thing.{number}", people.workspace)

    assert "Showing 1–100 of 105 events" in page(people).content.decode()
    assert len(shown(page(people, page="2"))) == 5
    assert len(rows(people, page="2")) == 105


def test_a_name_is_text_on_the_page_and_no_formula_in_the_file(people):
    make_session(people.workspace, site_name='=HYPERLINK("http://evil")<script>alert(1)</script>')

    assert "<script>alert" not in page(people).content.decode()
    [row] = rows(people, action="session.created")
    assert row["Name"].startswith("'=")


def test_nothing_yet_says_so(people):
    AuditEvent.objects.all().delete()

    assert "Nothing has happened yet" in page(people).content.decode()
    assert "Show everything" in page(people, q="x").content.decode()
