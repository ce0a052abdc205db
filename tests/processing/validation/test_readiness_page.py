"""The page and the panel that say what still stands between a session and the tracker, with one click to each."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.models import SessionTask, TicketValidation, TrackerConnection
from processing.validation.service import ReviewService
from sessions_app.actions.review import comment
from sessions_app.models import Session
from tests.factories import make_session, make_ticket

pytestmark = pytest.mark.django_db(transaction=True)

PROBLEM = {
    "kind": "heading",
    "pointer": "/content/0",
    "message": "Jira takes no heading in a list.",
    "line": 3,
    "section": "analysis",
    "blocking": True,
}
MARK = {"section": "analysis", "text": "It", "kind": "label", "says": "no", "start": 0}


@pytest.fixture
def session(people):
    return make_session(people.workspace, stage=Session.Stage.REVIEW)


@pytest.fixture
def alice(people):
    return people.browser("alice")


def looked_at(ticket, *problems, version=None):
    """As a validation leaves it."""
    return TicketValidation.objects.create(
        ticket=ticket,
        ticket_version=version or ticket.version,
        text_hash="x",
        valid=not any(each["blocking"] for each in problems),
        problems=list(problems),
        size=1,
        validated_at=timezone.now(),
    )


def address(session):
    return f"/sessions/{session.pk}/readiness/"


def panel(browser, session):
    """The part that htmx puts above the list of tickets."""
    return browser.get(address(session), headers={"HX-Request": "true"}).content.decode()


def blockers(text):
    """{sentence: address of its link} of the panel's list."""
    place = re.search(r'<ul class="blockers">(.*?)</ul>', text, re.S)
    assert place
    found = {}
    for item in re.findall(r"<li>(.*?)</li>", place[1], re.S):
        link = re.search(r'href="([^"]*)"', item)
        assert link, item
        found[re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", item)).strip()] = link[1]
    return found


def make_connection(workspace):
    tracker = TrackerConnection(
        workspace=workspace, name="Ours", target="jira", base_url="http://localhost", project="A"
    )
    tracker.set_token("secret")
    tracker.save()


def test_everything_in_the_way_is_counted_and_one_click_away(alice, people, session):
    draft = make_ticket(session, 1)
    looked_at(draft)
    looked_at(make_ticket(session, 2, fact_marks=[MARK]), PROBLEM)
    looked_at(make_ticket(session, 3, status="approved"), {**PROBLEM, "blocking": False})
    make_ticket(session, 4, status="approved")
    looked_at(make_ticket(session, 5, status="rejected"), PROBLEM)
    comment(draft, "Shorter, please.", by=people.alice, is_request=True)
    comment(draft, "And friendlier.", by=people.alice, is_request=True)
    comment(draft, "A remark blocks nothing.", by=people.alice, is_request=False)

    text = panel(alice, session)

    own = f"/sessions/{session.pk}"
    assert "Ready for the tracker: 1 of 4" in text
    assert blockers(text) == {
        "2 drafts to be approved or rejected": f"{own}/tickets/?status=draft",
        "1 with a request for changes still open": f"{draft.get_absolute_url()}#comments",
        "1 with words that the specification does not bear out": f"{own}/tickets/?marked=1",
        "1 not validated as it is now": f"{own}/readiness/#problems",
        "1 that Jira would refuse": f"{own}/readiness/#problems",
        "1 too long for a description: the rest goes into an attachment": f"{own}/readiness/#problems",
        "No connection to a tracker yet; files can be taken away without one": (
            f"/workspaces/{session.workspace_id}/connections/"
        ),
    }


def test_every_link_of_the_panel_leads_somewhere_with_that_many(alice, people, session):
    looked_at(make_ticket(session, 1, fact_marks=[MARK]), PROBLEM)
    looked_at(make_ticket(session, 2, status="approved"))
    comment(session.tickets.first(), "Shorter.", by=people.alice, is_request=True)

    for sentence, link in blockers(panel(alice, session)).items():
        answer = alice.get(link.partition("#")[0])
        assert answer.status_code == 200, sentence
        if link.startswith(f"/sessions/{session.pk}/tickets/?"):
            assert answer.context["page"].paginator.count == int(sentence.partition(" ")[0])
        if "#" in link:
            assert f'id="{link.partition("#")[2]}"' in answer.content.decode(), sentence


def test_nothing_in_the_way_leads_to_the_export(alice, people, session):
    looked_at(make_ticket(session, 1, status="approved"))
    make_connection(people.workspace)

    assert blockers(panel(alice, session)) == {
        "Nothing is in the way. Export": f"/sessions/{session.pk}/tracker/",
    }


def test_rejected_tickets_are_in_nobodys_way(alice, people, session):
    looked_at(make_ticket(session, 1, status="approved"))
    make_ticket(session, 2, status="rejected")
    make_connection(people.workspace)

    text = panel(alice, session)

    assert "Nothing is in the way." in text
    assert "Ready for the tracker: 1 of 1" in text


def test_a_session_that_is_in_the_tracker_says_so(alice, people, session):
    looked_at(make_ticket(session, 1, status="exported"))
    make_connection(people.workspace)

    assert "Everything is in the tracker" in panel(alice, session)


def test_an_edit_makes_a_ticket_one_to_look_at_again(alice, people, session):
    ticket = make_ticket(session, 1, status="approved")
    looked_at(ticket)
    assert "Validate" not in panel(alice, session)

    ticket.edit(editor=people.bob, seen_version=1, title="Another title")

    text = panel(alice, session)
    assert "1 not validated as it is now" in blockers(text)
    assert "1 draft to be approved or rejected" in blockers(text)
    assert "Validate" in text
    rows = alice.get(address(session)).content.decode()
    assert "It was changed after its validation." in rows


def test_the_button_validates_and_the_panel_follows_until_it_is_over(alice, session, run_jobs):
    make_ticket(session, 1)
    make_ticket(session, 2)

    answer = alice.post(f"{address(session)}validate/", follow=True)

    assert answer.redirect_chain[-1][0] == address(session)
    during = panel(alice, session)
    assert 'hx-trigger="load delay:2s"' in during
    assert "Validating: 0 of" in during
    assert "<button" not in during
    run_jobs()
    after = panel(alice, session)
    assert "hx-trigger" not in after
    assert not any("not validated" in sentence for sentence in blockers(after))
    assert TicketValidation.objects.count() == 2


def test_a_validation_under_way_is_not_started_twice(alice, session, redis):
    make_ticket(session, 1)
    ReviewService().validate_session(session)

    answer = alice.post(f"{address(session)}validate/", follow=True)

    assert answer.status_code == 200
    assert "Validating: 0 of" in answer.content.decode()
    assert SessionTask.objects.count() == 1


def test_a_validation_that_stopped_says_why(alice, session):
    make_ticket(session, 1)
    SessionTask.objects.create(
        session=session, task_type="adf_validation", status="failed", error={"message": "The disk is full."}
    )

    assert "The last validation stopped: The disk is full." in panel(alice, session)


@pytest.mark.parametrize(("who", "may"), [("alice", True), ("bob", True), ("rita", True), ("vera", False)])
def test_who_may_only_look_sees_no_button(people, session, who, may):
    make_ticket(session, 1)

    text = panel(people.browser(who), session)

    assert "not validated" in text
    assert ("<button" in text) is may


def test_the_page_holds_the_panel_and_a_row_for_each_ticket_that_needs_a_look(alice, session):
    looked_at(make_ticket(session, 1, title="<b>Sound</b>"))
    looked_at(make_ticket(session, 2, title="<b>Refused</b>"), PROBLEM)
    make_ticket(session, 3)

    text = alice.get(address(session)).content.decode()

    assert text.count('id="readiness"') == 1
    assert "&lt;b&gt;Refused&lt;/b&gt;" in text
    assert "Sound" not in text
    assert "Jira takes no heading in a list." in text
    assert "It was not validated yet." in text


def test_the_list_of_tickets_asks_for_the_panel_and_works_without_it(alice, session):
    make_ticket(session, 1)

    text = alice.get(f"/sessions/{session.pk}/tickets/").content.decode()

    assert f'hx-get="{address(session)}"' in text
    assert f'<a href="{address(session)}">' in text


def test_the_part_is_a_part_and_the_page_a_page(alice, session):
    make_ticket(session, 1)

    assert "<html" not in panel(alice, session)
    page = alice.get(address(session))
    assert "<html" in page.content.decode()
    assert "HX-Request" in page.headers["Vary"], "a browser going back must not take the part for the page"


@pytest.mark.parametrize("page", ["", "0", "-1", "nonsense", "99999999999999999999"])
def test_any_page_number_is_answered(alice, session, page):
    make_ticket(session, 1)

    assert alice.get(address(session), {"page": page}).status_code == 200


def test_a_session_without_tickets_has_a_page_too(alice, session):
    assert alice.get(address(session)).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_sixty_tickets_take_no_more_queries_than_two(alice, people, session, headers):
    def queries():
        with CaptureQueriesContext(connection) as done:
            assert alice.get(address(session), headers=headers).status_code == 200
        return len(done)

    def grow(numbers):
        for number in numbers:
            ticket = make_ticket(session, number, fact_marks=[MARK])
            looked_at(ticket, PROBLEM)
            comment(ticket, "Shorter.", by=people.alice, is_request=True)

    grow(range(1, 3))
    few = queries()
    grow(range(3, 61))

    assert queries() == few
    assert few <= 12
