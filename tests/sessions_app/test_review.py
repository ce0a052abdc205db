"""Judging and changing tickets: bound to the text that was seen, kept in versions, done to many and undone."""

import pytest

from sessions_app.actions import review
from sessions_app.errors import StaleEdit, WrongState
from sessions_app.models import AuditEvent, BulkChange, Ticket, TicketRevision
from tests.factories import make_session, make_ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(people):
    return make_session(people.workspace)


@pytest.fixture
def ticket(session):
    made = make_ticket(session)
    TicketRevision.of(made)
    return made


@pytest.fixture
def rita(people):
    return people.browser("rita")


def page(ticket, end=""):
    return ticket.get_absolute_url() + end


TEXTS = {"title": "New title", "user_story": "Story.", "analysis": "Analysis.", "verification": "Look."}


# One ticket


def test_an_approval_is_bound_to_the_text_that_was_read(ticket, rita, people):
    rita.post(page(ticket, "judge/approve/"), {"version": 1})
    ticket.refresh_from_db()
    assert (ticket.status, ticket.approved_version, ticket.approved_by) == ("approved", 1, people.rita)

    ticket.edit(editor=people.bob, seen_version=1, title="Another")
    assert (ticket.status, ticket.approved_version) == ("draft", None)


def test_a_text_that_changed_meanwhile_is_not_approved(ticket, rita, people):
    ticket.edit(editor=people.bob, seen_version=1, title="Another")

    answer = rita.post(page(ticket, "judge/approve/"), {"version": 1}, follow=True)

    assert "was changed since you read it" in answer.content.decode()
    assert Ticket.objects.get().status == "draft"


def test_a_rejection_needs_a_reason_and_shows_it(ticket, rita):
    answer = rita.post(page(ticket, "judge/reject/"), {"version": 1, "reason": " "}, follow=True)
    assert "needs a reason" in answer.content.decode()

    rita.post(page(ticket, "judge/reject/"), {"version": 1, "reason": "Two tickets in one."})
    assert "Rejected: Two tickets in one." in rita.get(page(ticket)).content.decode()

    rita.post(page(ticket, "judge/reopen/"), {"version": 1})
    ticket.refresh_from_db()
    assert (ticket.status, ticket.rejection_reason) == ("draft", "")
    assert list(AuditEvent.objects.values_list("action", flat=True))[:2] == ["ticket.reopen", "ticket.reject"]


def test_approve_and_next_leads_to_the_next_draft(session, ticket, rita):
    make_ticket(session, 2, status="approved")
    third = make_ticket(session, 3)

    answer = rita.post(page(ticket, "judge/approve/"), {"version": 1, "and_next": "1"})
    assert answer.headers["Location"] == third.get_absolute_url()


@pytest.mark.parametrize("version", ["", "x", "0", "99", "9" * 30])
def test_a_version_that_cannot_be_is_not_approved(ticket, rita, version):
    rita.post(page(ticket, "judge/approve/"), {"version": version})
    assert Ticket.objects.get().status == "draft"


# The editor


def test_an_edit_is_a_new_version_with_its_author(ticket, rita):
    answer = rita.post(page(ticket, "edit/"), {**TEXTS, "version": 1})

    assert answer.headers["Location"] == ticket.get_absolute_url()
    ticket.refresh_from_db()
    assert (ticket.title, ticket.version) == ("New title", 2)
    assert [(each.version, each.author) for each in ticket.revisions.all()] == [(2, "rita"), (1, "offline")]


def test_the_second_of_two_who_edit_gets_both_texts_and_loses_nothing(ticket, rita, people):
    people.browser("bob").post(page(ticket, "edit/"), {**TEXTS, "analysis": "The text of Bob.", "version": 1})

    answer = rita.post(page(ticket, "edit/"), {**TEXTS, "analysis": "The text of Rita.", "version": 1})

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "bob changed this ticket" in text
    assert "<del>Bob</del>" in text
    assert "<ins>Rita</ins>" in text
    assert ">\nThe text of Rita.</textarea>" in text
    assert 'name="version" value="2"' in text

    rita.post(page(ticket, "edit/"), {**TEXTS, "analysis": "The text of Rita.", "version": 2})
    ticket.refresh_from_db()
    assert (ticket.analysis, ticket.version) == ("The text of Rita.", 3)
    assert ticket.revisions.get(version=2).analysis == "The text of Bob."


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"title": ""}, "required"), ({"title": "x" * 256}, "at most 255"), ({"analysis": " "}, "required")],
)
def test_a_text_that_cannot_be_is_refused_and_stays_in_the_fields(ticket, rita, fields, words):
    answer = rita.post(page(ticket, "edit/"), {**TEXTS, "version": 1, **fields})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "Story." in answer.content.decode()
    assert Ticket.objects.get().version == 1


def test_the_preview_renders_and_cleans(ticket, rita):
    address = f"/sessions/{ticket.session_id}/tickets/preview/"
    text = rita.post(address, {"analysis": "### Hello\n\n<script>x</script> [a](javascript:x)"}).content.decode()

    assert "<h4>Hello</h4>" in text
    assert "<script" not in text
    assert "href" not in text


# Versions


def test_any_two_versions_can_be_compared_and_restored(ticket, rita, people):
    for number, words in ((1, "Two."), (2, "Three.")):
        ticket.edit(editor=people.bob, seen_version=number, analysis=words, title=f"Title {words}")

    text = rita.get(page(ticket, "history/?from=1&to=3")).content.decode()
    assert "Three." in text
    rita.post(page(ticket, "history/1/restore/"), {"version": 3})

    ticket.refresh_from_db()
    assert (ticket.version, ticket.title) == (4, "Create content type Kind 1")
    assert ticket.revisions.first().author == "rita"


def test_one_section_of_another_version_can_be_taken(ticket, rita, people):
    ticket.edit(editor=people.bob, seen_version=1, analysis="Two.", title="Title two")

    rita.post(page(ticket, "history/1/restore/"), {"version": 2, "section": "analysis"})

    ticket.refresh_from_db()
    assert (ticket.title, ticket.analysis) == ("Title two", "### What to build\n\nIt.")


@pytest.mark.parametrize("query", ["", "?from=x&to=y", "?from=99&to=-1", "?from=1&to=1"])
def test_the_history_of_one_version_is_calm(ticket, rita, query):
    assert rita.get(page(ticket, f"history/{query}")).status_code == 200


# Comments


def test_a_request_for_changes_takes_an_approval_back_until_it_is_met(ticket, rita):
    rita.post(page(ticket, "judge/approve/"), {"version": 1})
    rita.post(page(ticket, "comments/"), {"text": "Which role?", "request": "1"})

    ticket.refresh_from_db()
    said = ticket.comments.get()
    assert (ticket.status, said.is_open_request, said.author_name) == ("draft", True, "rita")
    assert "Changes requested" in rita.get(page(ticket)).content.decode()

    rita.post(page(ticket, f"comments/{said.pk}/resolve/"))
    assert "Request met" in rita.get(page(ticket)).content.decode()


def test_a_comment_is_text_and_never_markup(ticket, rita):
    rita.post(page(ticket, "comments/"), {"text": "<script>alert(1)</script>"})

    assert "<script>alert" not in rita.get(page(ticket)).content.decode()


def test_an_empty_comment_says_nothing(ticket, rita):
    rita.post(page(ticket, "comments/"), {"text": "  "})
    assert not ticket.comments.exists()


# Many


def states(session):
    return list(session.tickets.in_order().values_list("status", flat=True))


def test_the_selected_are_approved_each_with_its_version_and_all_is_undone(session, ticket, rita):
    others = [make_ticket(session, number, version=number) for number in (2, 3)]
    approved = make_ticket(session, 4, status="approved", approved_version=1)

    answer = rita.post(
        f"/sessions/{session.pk}/tickets/bulk/",
        {"verb": "approve", "ticket": [str(each.pk) for each in (ticket, *others, approved)]},
        follow=True,
    )

    assert states(session) == ["approved"] * 4
    assert Ticket.objects.get(number=3).approved_version == 3
    assert "It is approved already." in answer.content.decode()
    change = BulkChange.objects.get()
    assert len(change.changes) == 3

    others[0].refresh_from_db()
    review.judge(others[0], "reopen", by=_rita(rita), seen_version=2)
    rita.post(f"/sessions/{session.pk}/tickets/bulk/{change.pk}/")
    assert states(session) == ["draft", "draft", "draft", "approved"]
    with pytest.raises(WrongState, match="undone already"):
        review.undo(change, by=_rita(rita))


def _rita(client):
    from django.contrib.auth import get_user

    return get_user(client)


def test_all_that_match_are_changed_and_no_other(session, rita):
    for number in range(1, 6):
        make_ticket(session, number, title="Match" if number % 2 else "Other")

    rita.post(f"/sessions/{session.pk}/tickets/bulk/", {"verb": "approve", "all": "1", "filter-q": "match"})

    assert states(session) == ["approved", "draft", "approved", "draft", "approved"]


def test_many_are_rejected_with_one_reason_and_get_theirs_back(session, rita):
    first = make_ticket(session, 1, status="rejected", rejection_reason="Old.")
    make_ticket(session, 2)
    address = f"/sessions/{session.pk}/tickets/bulk/"
    rita.post(address, {"verb": "reopen", "ticket": [str(first.pk)]})
    rita.post(f"{address}{BulkChange.objects.get().pk}/")

    first.refresh_from_db()
    assert (first.status, first.rejection_reason) == ("rejected", "Old.")

    answer = rita.post(address, {"verb": "reject", "all": "1"}, follow=True)
    assert "needs a reason" in answer.content.decode()
    rita.post(address, {"verb": "reject", "all": "1", "reason": "New."})
    assert set(session.tickets.values_list("status", "rejection_reason")) == {
        ("rejected", "Old."),
        ("rejected", "New."),
    }


@pytest.mark.parametrize("fields", [{"ticket": ["x"]}, {"verb": "delete", "all": "1"}, {}])
def test_a_strange_form_changes_nothing(session, ticket, rita, fields):
    answer = rita.post(f"/sessions/{session.pk}/tickets/bulk/", {"verb": "approve", **fields})

    assert answer.status_code == 302
    assert states(session) == ["draft"]


def test_what_cannot_become_that_is_passed_over_with_a_word_and_undone_only_once(session, people):
    make_ticket(session, 1)
    make_ticket(session, 2, status="exported")
    make_ticket(session, 3, status="rejected")

    result = review.bulk(session, session.tickets.all(), "reject", by=people.rita, reason="No.")

    assert result.done == ["T-1"]
    assert dict(result.skipped) == {
        "T-2": "It is exported, so it cannot become rejected.",
        "T-3": "It is rejected already.",
    }
    review.undo(result.change, by=people.rita)
    with pytest.raises(WrongState, match="undone already"):
        review.undo(result.change, by=people.rita)
    assert states(session) == ["draft", "exported", "rejected"]


def test_a_thousand_are_changed_in_few_queries(session, rita, django_assert_max_num_queries):
    Ticket.objects.bulk_create(
        Ticket(
            session=session,
            number=number,
            key=f"k{number}",
            csv_type="bundles",
            entity_group="Content",
            title="T",
            user_story="U",
            analysis="A",
            verification="V",
            position=number,
        )
        for number in range(1, 1_001)
    )
    with django_assert_max_num_queries(14):
        result = review.bulk(session, review.chosen(session, (), {}), "approve", by=_rita(rita))
    assert len(result.done) == 1_000


# The same by the API


def test_the_api_judges_with_the_version_that_was_read(ticket, people):
    api, address = people.api("rita"), f"/api/sessions/{ticket.session_id}/tickets/{ticket.pk}"

    assert api.patch(address, {"status": "approved"}).status_code == 400
    assert api.patch(address, {"status": "exported", "version": 1}).status_code == 400
    assert api.patch(address, {"status": "approved", "title": "x", "version": 1}).status_code == 400
    assert api.patch(address, {"status": "approved", "version": 7}).status_code == 409
    assert api.patch(address, {"status": "approved", "version": 1}).json()["approved_version"] == 1
    body = api.patch(address, {"status": "rejected", "rejection_reason": "No.", "version": 1}).json()
    assert (body["status"], body["rejection_reason"], body["approved_version"]) == ("rejected", "No.", None)


def test_the_api_judges_many_and_undoes(session, people):
    tickets = [make_ticket(session, number) for number in (1, 2)]
    api, address = people.api("rita"), f"/api/sessions/{session.pk}/tickets/bulk"

    body = api.post(address, {"action": "approve", "tickets": [str(tickets[0].pk)]}, format="json").json()
    assert body["done"] == ["T-1"]
    assert api.post(f"{address}/{body['change']}/undo").json()["done"] == ["T-1"]
    assert states(session) == ["draft", "draft"]

    body = api.post(address, {"action": "approve", "filters": {"q": "kind 2"}}, format="json").json()
    assert body["done"] == ["T-2"]
    for wrong in ({"action": "approve"}, {"action": "x", "filters": {}}, {"action": "approve", "tickets": ["x"]}):
        assert api.post(address, wrong, format="json").status_code == 400


def test_comments_by_the_api(ticket, people):
    api, address = people.api("rita"), f"/api/sessions/{ticket.session_id}/tickets/{ticket.pk}/comments"

    assert api.post(address, {"text": "Why?", "kind": "change_request"}).status_code == 201
    assert api.post(address, {"text": ""}).status_code == 400
    [said] = api.get(address).json()["results"]
    assert (said["text"], said["kind"], said["author_name"]) == ("Why?", "change_request", "rita")


def test_a_stale_judgement_raises(ticket, people):
    ticket.edit(editor=people.bob, seen_version=1, title="Another")
    with pytest.raises(StaleEdit):
        review.judge(ticket, "approve", by=people.rita, seen_version=1)
