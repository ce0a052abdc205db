"""Tickets that may be about the same thing: which are found, and what a decision does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.actions import duplicates as actions
from sessions_app.actions.order import add_dependency, dependencies_of
from sessions_app.duplicates import Named, duplicates
from sessions_app.errors import StaleEdit, WrongState
from sessions_app.models import AuditEvent, Ticket
from tests.factories import make_session, make_ticket


def found(*named):
    tickets = [Named(number, key, label) for number, (key, label) in enumerate(named, start=1)]
    return [(pair.first, pair.second, pair.kind) for pair in duplicates(tickets)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("bundles:node.article", "Article"), ("bundles:node.articles", "Articles")),
        (
            ("fields:node.page.field_teaser_image", "Teaser image"),
            ("fields:node.page.field_teaser_images", "Teaser images"),
        ),
        (("fields:node.page.field_body_text", "Body text"), ("fields:node.page.field_text_body", "Text body")),
        (("fields:node.page.field_tags", "Tags"), ("fields:node.page.field_event_tag", "Tags")),
        (("user_roles:content_editor", "Content editor"), ("user_roles:content_editors", "Content editors")),
    ],
)
def test_nearly_the_same_name_in_the_same_place_is_found(one, other):
    assert found(one, other) == [(1, 2, "similar")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("fields:node.article.field_image", "Image"), ("fields:node.page.field_image", "Image")),
        (("bundles:node.event", "Event"), ("fields:node.event", "Event")),
        (("fields:node.page.field_address_1", "Address 1"), ("fields:node.page.field_address_2", "Address 2")),
        (("bundles:node.news", "News"), ("bundles:node.event", "Event")),
        (("views:albums", "Albums"), ("views:group_albums", "Group albums")),
        (("image_styles:small_2x", "Small 2x"), ("image_styles:small_3x", "Small 3x")),
        (("fields:node.event.field_start_date", "Start date"), ("fields:node.event.field_end_date", "End date")),
    ],
)
def test_what_is_merely_related_is_left_alone(one, other):
    assert found(one, other) == []


def test_the_same_key_is_exact_and_comes_first():
    named = [("bundles:node.page", "Page"), ("bundles:node.article", "Article"), ("bundles:node.articles", "Articles")]
    assert found(*named, ("bundles:node.page~2", "Leaf")) == [(1, 4, "exact"), (2, 3, "similar")]


def test_no_ticket_is_its_own_duplicate():
    assert found(("fields:paragraph.items.field_items_items", "Items items")) == []


def test_a_place_with_thousands_of_names_takes_no_quadratic_time():
    """Each of 20,000 names has trigrams that nearly all have; they must not be paired."""
    named = [(f"fields:node.page.field_common_words_{n:x}_q{n * 7919:x}", f"Common words {n:x}") for n in range(20_000)]
    assert isinstance(found(*named), list)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=12))
def test_any_names_give_pairs_in_order_each_once(named):
    pairs = found(*named)
    assert all(first < second for first, second, _ in pairs)
    assert len({pair[:2] for pair in pairs}) == len(pairs)


@pytest.fixture
def pair(people):
    session = make_session(people.workspace)
    cells = [{"column": "Name", "value": "Article", "file": "Bundles.csv", "row": 1, "line": 2, "part": ""}]
    first = make_ticket(session, 1, key="bundles:node.article", title="Create Article", facts=cells)
    more = [{**cells[0], "value": "Articles", "row": 2, "line": 3}]
    second = make_ticket(session, 2, key="bundles:node.articles", title="Create Articles", facts=more)
    return first, second


def fresh(ticket):
    return Ticket.objects.get(pk=ticket.pk)


@pytest.mark.django_db
def test_a_merge_keeps_one_with_the_cells_of_both_and_says_so_on_the_other(people, pair):
    first, second = pair

    actions.merge(first, second, by=people.rita, seen_version=1)

    kept, gone = fresh(first), fresh(second)
    assert (kept.version, kept.status) == (2, "draft")
    assert "T-2 (Create Articles) was merged" in kept.analysis
    assert [(fact["value"], fact["part"]) for fact in kept.facts] == [("Article", ""), ("Articles", "Create Articles")]
    assert (gone.status, gone.rejection_reason) == ("rejected", "The same as T-1.")
    assert AuditEvent.objects.filter(action="ticket.merged").count() == 1
    assert actions.suspicions(first.session) == []


@pytest.mark.django_db
def test_dependencies_move_to_the_one_that_is_kept_without_circles(people, pair):
    first, second = pair
    session = first.session
    waiting, needed = make_ticket(session, 3, key="fields:node.articles.a"), make_ticket(session, 4, key="bundles:x.y")
    add_dependency(waiting, second, by=people.rita)
    add_dependency(second, needed, by=people.rita)
    add_dependency(second, first, by=people.rita)
    add_dependency(needed, first, by=people.rita)

    actions.merge(first, second, by=people.rita, seen_version=1)

    links = dependencies_of(session).values_list("from_ticket__number", "to_ticket__number")
    assert set(links) == {(3, 1), (4, 1)}, "T-1 needs T-4 would be a circle with T-4 needs T-1"


@pytest.mark.django_db
def test_a_merge_that_cannot_be_changes_nothing(people, pair):
    first, second = pair
    first.edit(editor=people.bob, seen_version=1, title="Bob's")
    with pytest.raises(StaleEdit):
        actions.merge(fresh(first), second, by=people.rita, seen_version=1)
    assert fresh(second).status == "draft"
    assert len(actions.suspicions(first.session)) == 1

    Ticket.objects.filter(pk=second.pk).update(status="exported")
    with pytest.raises(WrongState, match="in the tracker already"):
        actions.merge(fresh(first), fresh(second), by=people.rita, seen_version=2)


@pytest.mark.django_db
def test_only_two_tickets_of_one_session_that_both_stand_are_merged(people, pair):
    first, second = pair
    elsewhere = make_ticket(make_session(people.workspace))
    for other in (first, elsewhere):
        with pytest.raises(WrongState, match="of one session"):
            actions.merge(first, other, by=people.rita, seen_version=1)
    second.move_to("rejected")
    with pytest.raises(WrongState, match="rejected already"):
        actions.merge(first, second, by=people.rita, seen_version=1)
    assert fresh(first).version == 1


@pytest.mark.django_db
def test_two_things_are_not_asked_about_again(people, pair):
    actions.keep_both(*pair, by=people.rita)

    assert actions.suspicions(pair[0].session) == []
    with pytest.raises(WrongState, match="decided about these two"):
        actions.merge(*pair, by=people.rita, seen_version=1)


@pytest.mark.django_db
def test_on_the_page_a_pair_is_shown_and_decided(people, pair):
    first, second = pair
    browser = people.browser("rita")
    address = f"/sessions/{first.session_id}/duplicates/"

    shown = browser.get(address).content.decode()
    body = {"kept": str(second.pk), "other": str(first.pk), "version": "1", "verdict": "merge"}
    browser.post(f"{address}decide/", body)

    assert "Similar names" in shown
    assert fresh(first).rejection_reason == "The same as T-2."
    assert "None found" in browser.get(address).content.decode()
    wrong = browser.post(f"{address}decide/", {**body, "kept": "x"}, follow=True).content.decode()
    assert "not there (any more)" in wrong
