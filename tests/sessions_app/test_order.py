"""Who needs whom, by people: no circle by one or by two, cuts decided, places that respect what is needed."""

from functools import partial

import pytest

from sessions_app.actions import order
from sessions_app.errors import AppError, CyclicDependency, WrongState
from sessions_app.models import TicketDependency
from tests.factories import make_session, make_ticket
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(people):
    return make_session(people.workspace)


@pytest.fixture
def tickets(session):
    return [make_ticket(session, number) for number in range(1, 5)]


def positions(session):
    return [ticket.number for ticket in session.tickets.in_order()]


def test_what_is_needed_comes_first_and_the_rest_stays(session, tickets, people):
    order.add_dependency(tickets[0], tickets[2], by=people.rita)

    assert positions(session) == [2, 3, 1, 4]
    link = TicketDependency.objects.get()
    assert (link.source, link.state, link.kind) == ("person", "active", "blocks")


def test_a_circle_is_refused_with_its_path(session, tickets, people):
    order.add_dependency(tickets[0], tickets[1], by=people.rita)
    order.add_dependency(tickets[1], tickets[2], by=people.rita)

    with pytest.raises(CyclicDependency, match="T-3 needs T-1 needs T-2 needs T-3") as caught:
        order.add_dependency(tickets[2], tickets[0], by=people.rita)
    assert caught.value.details["path"] == ["T-3", "T-1", "T-2", "T-3"]
    with pytest.raises(CyclicDependency):
        order.add_dependency(tickets[0], tickets[0], by=people.rita)
    assert TicketDependency.objects.count() == 2


def test_what_is_removed_binds_no_longer(session, tickets, people):
    order.add_dependency(tickets[0], tickets[1], by=people.rita)
    order.remove_dependency(TicketDependency.objects.get(), by=people.rita)
    assert not TicketDependency.objects.exists()

    link = TicketDependency.objects.create(from_ticket=tickets[0], to_ticket=tickets[1])
    order.remove_dependency(link, by=people.rita)
    assert TicketDependency.objects.get().state == "cut"  # the specification's own is not brought back by a run
    order.add_dependency(tickets[1], tickets[0], by=people.rita)


def test_a_proposed_cut_is_accepted_or_rejected(session, tickets, people):
    TicketDependency.objects.create(from_ticket=tickets[0], to_ticket=tickets[1])
    cut = TicketDependency.objects.create(from_ticket=tickets[1], to_ticket=tickets[0], state="proposed_cut")

    with pytest.raises(CyclicDependency):
        order.decide_cut(cut, accept=False, by=people.rita)
    order.decide_cut(cut, accept=True, by=people.rita)
    cut.refresh_from_db()
    assert cut.state == "cut"

    order.remove_dependency(TicketDependency.objects.get(from_ticket=tickets[0]), by=people.rita)
    order.decide_cut(cut, accept=False, by=people.rita)
    assert positions(session)[:2] == [1, 2]
    with pytest.raises(WrongState):
        order.decide_cut(cut, accept=True, by=people.rita)


def test_a_ticket_moves_within_its_group_where_nothing_forbids_it(session, tickets, people):
    order.add_dependency(tickets[1], tickets[0], by=people.rita)

    order.move(tickets[3], tickets[0], by=people.rita)
    assert positions(session) == [4, 1, 2, 3]
    with pytest.raises(WrongState, match="T-2 needs T-1 first"):
        order.move(tickets[1], tickets[3], by=people.rita)
    assert positions(session) == [4, 1, 2, 3]

    stranger = make_ticket(session, 5, entity_group="Media", csv_type="image_styles", key="image_styles:x")
    with pytest.raises(WrongState, match="within its group"):
        order.move(stranger, tickets[0], by=people.rita)


def test_tickets_of_different_sessions_do_not_meet(session, tickets, people):
    other = make_ticket(make_session(people.workspace), 1)
    with pytest.raises(AppError, match="same session"):
        order.add_dependency(tickets[0], other, by=people.rita)


def test_sprints_keep_the_order(tickets):
    assert [[ticket.number for ticket in part] for part in order.sprints(tickets, 3)] == [[1, 2, 3], [4]]
    assert order.sprints([], 3) == []


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_make_no_circle(session, tickets, people):
    def add(waiting, needed):
        try:
            order.add_dependency(waiting, needed, by=people.rita)
        except CyclicDependency:
            return "refused"
        return "added"

    outcomes = at_once(partial(add, *tickets[:2]), partial(add, *tickets[1::-1]))

    assert sorted(outcomes) == ["added", "refused"]


# The pages


def test_the_page_says_the_order_as_text_and_decides_cuts(session, tickets, people):
    TicketDependency.objects.create(from_ticket=tickets[0], to_ticket=tickets[1])
    cut = TicketDependency.objects.create(from_ticket=tickets[1], to_ticket=tickets[0], state="proposed_cut")
    rita = people.browser("rita")

    text = rita.get(f"/sessions/{session.pk}/order/?capacity=3").content.decode()
    assert "1 proposed cut" in text
    assert "T-1 to T-3" in text
    rita.post(f"/sessions/{session.pk}/dependencies/{cut.pk}/accept/", {"order": "1"})
    assert "proposed cut" not in rita.get(f"/sessions/{session.pk}/order/").content.decode()


@pytest.mark.parametrize(
    "query", ["?group=Nothing", "?capacity=0", "?capacity=99999999999", f"?capacity=0001{'0' * 5000}"]
)
def test_strange_wishes_are_answered_calmly(session, tickets, people, query):
    assert people.browser("vera").get(f"/sessions/{session.pk}/order/{query}").status_code == 200


def test_a_ticket_is_named_as_people_name_it(session, tickets, people):
    rita, page = people.browser("rita"), tickets[0].get_absolute_url()

    for name in ("T-3", "t-3", "3"):
        rita.post(f"{page}dependencies/", {"needs": name})
        assert TicketDependency.objects.get().to_ticket == tickets[2]
    answer = rita.post(f"{page}dependencies/", {"needs": "T-99"}, follow=True)
    assert "There is no ticket" in answer.content.decode()
    rita.post(f"{tickets[3].get_absolute_url()}move/", {"before": "T-2"})
    assert positions(session) == [4, 2, 3, 1]


def test_an_empty_session_says_what_to_do(session, people):
    assert "Go on to generate" in people.browser("vera").get(f"/sessions/{session.pk}/order/").content.decode()
