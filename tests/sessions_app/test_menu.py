"""What other rooms add to menus is shown where it belongs."""

import pytest

from sessions_app import menu
from tests.factories import make_session, make_ticket


@pytest.fixture(autouse=True)
def own_entries(monkeypatch):
    monkeypatch.setattr(menu, "_entries", dict(menu._entries))


def test_entries_come_in_order_with_their_addresses(people):
    menu.add("workspace", "Later", "models:page", 90)
    menu.add("workspace", "Sooner", "connections:page", 5)

    found = list(menu.entries("workspace", people.workspace.pk))

    labels = [entry.label for entry, _ in found]
    assert (labels[0], labels[-1]) == ("Sooner", "Later")
    assert "Webhooks" in labels
    assert found[0][1] == f"/workspaces/{people.workspace.pk}/connections/"


def test_saying_it_twice_changes_nothing():
    before = len(menu._entries)
    for _ in range(2):
        menu.add("main", "Everything", "sessions:list")

    assert len(menu._entries) == before + 1


@pytest.mark.django_db
def test_the_main_menu_shows_an_entry_and_where_one_is(people):
    menu.add("main", "Sample", "workspaces:list")

    page = people.browser("alice").get("/workspaces/").content.decode()

    assert '<a href="/workspaces/" aria-current="page">Sample</a>' in page


@pytest.mark.django_db
@pytest.mark.parametrize(("who", "shown"), [("bob", True), ("vera", False)])
def test_a_ticket_offers_what_can_be_done_to_those_who_may(people, who, shown):
    menu.add("ticket", "Do something", "sessions:ticket-comment")
    session = make_session(people.workspace)
    ticket = make_ticket(session)

    page = people.browser(who).get(ticket.get_absolute_url()).content.decode()

    assert ("Do something" in page) is shown
