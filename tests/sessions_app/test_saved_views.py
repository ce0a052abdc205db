"""Filters of the list of tickets kept by a name: one's own, above the table, removable."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from sessions_app.models import SavedView
from sessions_app.models.saved_views import MOST_VIEWS
from tests.factories import make_session, make_ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(people):
    made = make_session(people.workspace)
    make_ticket(made, 1)
    make_ticket(made, 2, status="approved")
    return made


@pytest.fixture
def alice(people):
    return people.browser("alice")


def address(session):
    return f"/sessions/{session.pk}/tickets/"


def keep(browser, session, name="To approve", **filters):
    sent = {f"filter-{key}": value for key, value in (filters or {"status": "draft"}).items()}
    return browser.post(f"{address(session)}views/", {"name": name, **sent}, follow=True)


def shown(browser, session, query="", **headers):
    return browser.get(f"{address(session)}{query}", **headers).content.decode()


def links(text):
    """{name: (address, is it the one shown)} of what stands above the table."""
    place = re.search(r'<nav aria-label="Your views".*?</nav>', text, re.S)
    found = re.findall(r'<a href="([^"]*)"\s*(aria-current="page")?\s*>([^<]*)</a>', place[0]) if place else []
    return {name: (href.replace("&amp;", "&"), bool(current)) for href, current, name in found}


def test_filters_are_kept_by_a_name_and_found_again_above_the_table(alice, session):
    answer = keep(alice, session, "To approve", status="draft", q="Kind 1")

    assert answer.redirect_chain[-1][0] == f"{address(session)}?q=Kind+1&status=draft"
    assert "Kept as “To approve”" in answer.content.decode()
    above = links(shown(alice, session))
    assert above["All"] == (address(session), True)
    href, is_shown = above["To approve"]
    assert not is_shown
    opened = alice.get(href)
    assert [ticket.number for ticket in opened.context["page"]] == [1]
    assert links(opened.content.decode())["To approve"] == (href, True)


def test_whether_a_view_is_shown_does_not_depend_on_order_page_or_empty_filters(alice, session):
    keep(alice, session, "Mine", q="kind", status="draft")

    for query in ("?q=kind&status=draft", "?status=draft&q=kind&group=&page=1&size=100"):
        assert links(shown(alice, session, query))["Mine"][1], query
    for query in ("?q=kind", "?q=kind&status=draft&marked=1", ""):
        assert not links(shown(alice, session, query))["Mine"][1], query


def test_the_form_is_there_only_where_something_new_could_be_kept(alice, session):
    form = f'action="{address(session)}views/"'
    assert form not in shown(alice, session)
    assert form in shown(alice, session, "?status=draft")

    keep(alice, session)

    text = shown(alice, session, "?status=draft")
    assert form not in text
    assert "Remove this view" in text


def test_the_part_for_htmx_has_the_form_with_its_own_filters(alice, session):
    text = shown(alice, session, "?status=approved&q=Kind", headers={"HX-Request": "true", "HX-Target": "tickets"})

    assert "<html" not in text
    assert '<input type="hidden" name="filter-status" value="approved">' in text
    assert '<input type="hidden" name="filter-q" value="Kind">' in text


def test_a_name_that_is_there_already_is_given_to_the_new_filters(alice, session):
    keep(alice, session, "Mine", status="draft")
    keep(alice, session, "Mine", status="approved")

    assert [view.filters for view in SavedView.objects.all()] == [{"status": "approved"}]


def test_a_view_is_taken_away_and_its_tickets_stay(alice, session):
    keep(alice, session)
    view = SavedView.objects.get()

    answer = alice.post(f"{address(session)}views/{view.pk}/remove/", follow=True)

    assert "The view “To approve” is gone." in answer.content.decode()
    assert not SavedView.objects.exists()
    assert session.tickets.count() == 2


def test_a_view_is_ones_own_and_of_one_session(people, alice, session):
    keep(alice, session)
    other = make_session(people.workspace)
    make_ticket(other, 1)

    assert links(shown(people.browser("vera"), session)) == {}
    assert links(shown(alice, other)) == {}
    view = SavedView.objects.get()
    assert people.browser("bob").post(f"{address(session)}views/{view.pk}/remove/").status_code == 404
    assert alice.post(f"{address(other)}views/{view.pk}/remove/").status_code == 404
    keep(people.browser("vera"), session)
    assert SavedView.objects.filter(name="To approve").count() == 2


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\0b"])
def test_a_name_that_cannot_be_is_refused_and_the_filters_stay(alice, session, name):
    answer = keep(alice, session, name)

    assert "A view needs a name of at most 60 characters" in answer.content.decode()
    assert answer.redirect_chain[-1][0] == f"{address(session)}?status=draft"
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("filters", [{"nonsense": "1"}, {"status": ""}, {"q": "  "}])
def test_nothing_filtered_is_nothing_to_keep(alice, session, filters):
    answer = keep(alice, session, **filters)

    assert "Nothing is filtered" in answer.content.decode()
    assert not SavedView.objects.exists()


def test_what_strangers_send_is_bounded_and_shown_as_text(alice, session):
    keep(alice, session, "<script>alert(1)</script>", q="\0<b>" + "x" * 500, status="no such status")

    view = SavedView.objects.get()
    assert view.filters == {"q": "<b>" + "x" * 197, "status": "no such status"}
    text = shown(alice, session, f"?{view.query}")
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert links(text)["&lt;script&gt;alert(1)&lt;/script&gt;"][1]


def test_twenty_are_enough(alice, session):
    for number in range(MOST_VIEWS):
        keep(alice, session, f"View {number}")

    answer = keep(alice, session, "One more")

    assert "You have 20 views in this session already. Remove one of them first." in answer.content.decode()
    assert SavedView.objects.count() == MOST_VIEWS
    keep(alice, session, "View 3", status="approved")
    assert SavedView.objects.get(name="View 3").filters == {"status": "approved"}


def test_the_database_knows_one_view_per_name(people, session):
    SavedView.objects.create(session=session, user=people.alice, name="Mine")

    with pytest.raises(IntegrityError):
        SavedView.objects.create(session=session, user=people.alice, name="Mine")


def test_many_views_take_no_more_queries_than_one(alice, session):
    keep(alice, session)
    shown(alice, session)
    with CaptureQueriesContext(connection) as few:
        shown(alice, session)
    for number in range(10):
        keep(alice, session, f"View {number}")
    shown(alice, session)  # the messages are read
    with CaptureQueriesContext(connection) as many:
        shown(alice, session)

    assert len(many) == len(few)
    assert len(many) <= 12
