"""A session's validation: accepted, worked on by a real worker, ended once; and what an edit does to its results."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from django.test import Client

import sessions_app
from processing.engine import planning
from processing.engine.drainer import Drainer
from processing.errors import ProcessingError
from processing.generation.service import ProcessingService
from processing.models import OutboxEvent, SessionTask, TicketValidation
from processing.validation import kind
from processing.validation.adf import adf_of
from processing.validation.jobs import validate_adf_job
from processing.validation.readiness import counts_of, not_sendable, readiness
from processing.validation.schema import problems_of
from processing.validation.service import ReviewService
from processing.validation.texts import text_of
from sessions_app.actions.sessions import create_session
from sessions_app.errors import NothingToDo, WrongState
from sessions_app.models import Session
from tests.factories import import_files, make_session, make_specified_session, make_ticket
from tests.threads import at_once

SAMPLE = Path(sessions_app.__file__).parent / "sample_spec"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(people):
    session = make_session(people.workspace, stage=Session.Stage.REVIEW)
    for number in range(1, 6):
        make_ticket(session, number)
    return session


@pytest.fixture
def validate(session, run_jobs):
    """Look at all tickets with a real worker; returns the task."""

    def run() -> SessionTask:
        started = ReviewService().validate_session(session)
        run_jobs()
        return SessionTask.objects.get(pk=started["task_id"])

    return run


def messages(task: SessionTask) -> list[dict]:
    return [event.payload for event in OutboxEvent.objects.filter(task_id=task.pk).order_by("seq")]


def test_every_ticket_is_looked_at(session, validate):
    task = validate()

    assert (task.status, task.task_type) == ("completed", "adf_validation")
    assert (task.total, task.done, task.failed) == (5, 5, 0)
    assert TicketValidation.objects.valid_and_current(session).count() == 5
    ticket = session.tickets.get(number=1)
    text = text_of(session, ticket)
    assert ticket.validation.holds_for(1, text.digest)
    assert ticket.validation.problems == []
    assert 300 < ticket.validation.size < 3000


def test_the_session_moves_to_validation_and_never_back_from_a_later_stage(session, validate):
    validate()
    session.refresh_from_db()
    assert session.stage == Session.Stage.VALIDATION

    session.move_to(Session.Stage.EXPORT)
    validate()
    session.refresh_from_db()
    assert session.stage == Session.Stage.EXPORT


def test_messages_go_over_their_own_channel_without_a_gap_and_end_with_one_last_word(session, validate):
    task = validate()

    events = OutboxEvent.objects.filter(task_id=task.pk).order_by("seq")
    assert {event.channel for event in events} == {f"progress:{session.pk}:adf_validation"}
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.is_terminal for event in events] == [False] * (len(events) - 1) + [True]
    last = messages(task)[-1]
    assert (last["type"], last["progress_percentage"]) == ("completed", 100.0)
    assert last["result_summary"]["valid"] == 5
    stage, details = kind.Validation().stage_text(task, "Content")
    assert (stage, details["entities_in_group"]) == ("Validating Content tickets (1 of 1 groups)", 5)


def test_an_edit_makes_the_result_stale_and_a_new_look_takes_only_what_changed(session, validate, people):
    validate()
    ticket = session.tickets.get(number=2)
    ticket.edit(editor=people.alice, seen_version=1, analysis="### Other")

    assert [each.ticket_id for each in TicketValidation.objects.stale(session)] == [ticket.pk]
    assert TicketValidation.objects.valid_and_current(session).count() == 4
    assert counts_of(session)["stale"] == 1

    task = validate()
    assert sorted(task.items.values_list("key", "status")) == [
        (each.key, "done" if each == ticket else "skipped") for each in session.tickets.order_by("key")
    ]
    assert not TicketValidation.objects.stale(session).exists()
    ticket.refresh_from_db()
    assert ticket.validation.ticket_version == 2


def test_a_new_ticket_is_missing_and_rejected_or_gone_ones_do_not_count(session, validate):
    validate()
    new = make_ticket(session, 6)
    make_ticket(session, 7, status="rejected")
    make_ticket(session, 8, source_state="removed")

    assert list(TicketValidation.objects.missing(session)) == [new]
    assert counts_of(session) == {
        "total": 7,
        "draft": 6,
        "approved": 0,
        "rejected": 1,
        "exported": 0,
        "valid": 5,
        "invalid": 0,
        "stale": 0,
        "missing": 1,
        "too_long": 0,
        "ready": 0,
    }


def test_a_text_that_is_too_long_is_valid_and_is_told(session, validate):
    session.tickets.filter(number=3).update(analysis="word " * 9000, status="approved")
    validate()

    view = readiness(session)
    assert (view["counts"]["valid"], view["counts"]["too_long"], view["counts"]["ready"]) == (5, 1, 1)
    assert view["problem_count"] == 1
    (row,) = view["problems"]
    assert (row["number"], row["state"]) == ("T-3", "valid")
    assert "Jira allows 32,767" in row["reason"]
    assert row["id"] in row["url"]


def test_what_is_invalid_is_named_with_its_section(session, validate):
    """The converter makes nothing invalid, so a result is written as an older one might have."""
    validate()
    problem = {
        "kind": "misplaced",
        "pointer": "/content/3",
        "message": "A table cannot stand in a list item.",
        "line": 9,
        "section": "Analysis",
        "blocking": True,
    }
    TicketValidation.objects.filter(ticket__number=1).update(valid=False, problems=[problem])
    session.tickets.filter(number__in=(1, 2)).update(status="approved")
    make_ticket(session, 6, status="approved")

    assert TicketValidation.objects.invalid(session).count() == 1
    assert [(row["number"], row["reason"]) for row in not_sendable(session)] == [
        ("T-1", "Analysis: A table cannot stand in a list item."),
        ("T-6", "It was not validated yet."),
    ]
    assert counts_of(session)["ready"] == 1


def test_readiness_takes_three_queries(session, validate, django_assert_num_queries):
    validate()
    make_ticket(session, 6)
    with django_assert_num_queries(3):
        readiness(session)


def test_starting_twice_returns_the_same_validation(session, run_jobs):
    first = ReviewService().validate_session(session)
    second = ReviewService().validate_session(session)

    assert (first["already_running"], second["already_running"]) == (False, True)
    assert first["task_id"] == second["task_id"]
    assert first["tickets"] == 5


def test_of_many_who_start_a_validation_at_once_one_does(session, redis):
    started = at_once(*[lambda: ReviewService().validate_session(Session.objects.get(pk=session.pk))] * 8)

    assert [each["already_running"] for each in started].count(False) == 1
    assert len({each["task_id"] for each in started}) == 1
    assert SessionTask.objects.count() == 1


def test_a_validation_waits_for_a_run_and_a_run_for_a_validation(people, run_jobs):
    specified = make_specified_session(people.workspace)
    make_ticket(specified, 90)
    ProcessingService().generate_tickets(specified)
    with pytest.raises(ProcessingError, match="Another task"):
        ReviewService().validate_session(specified)

    run_jobs()
    ReviewService().validate_session(specified)
    with pytest.raises(ProcessingError, match="Another task"):
        ProcessingService().generate_tickets(specified)


def test_without_tickets_or_in_an_archived_session_nothing_starts(people, session):
    with pytest.raises(NothingToDo):
        ReviewService().validate_session(create_session(people.workspace, by=None, site_name="Empty"))
    session.move_to(Session.Stage.ARCHIVED)
    with pytest.raises(WrongState):
        ReviewService().validate_session(session)
    assert not SessionTask.objects.exists()


def test_a_cancel_ends_it_with_one_last_word_and_keeps_what_was_looked_at(session, run_jobs):
    started = ReviewService().validate_session(session)
    ReviewService().cancel_validation(session)
    run_jobs()

    task = SessionTask.objects.get(pk=started["task_id"])
    assert task.status == "cancelled"
    assert [message["type"] for message in messages(task)] == ["cancelled"]
    assert not TicketValidation.objects.exists()
    with pytest.raises(ProcessingError):
        ReviewService().cancel_validation(session)


def test_delivered_twice_and_late_it_runs_once(session, run_jobs):
    started = ReviewService().validate_session(session)
    for _ in range(2):
        validate_adf_job(str(session.pk), started["task_id"])
    run_jobs()
    validate_adf_job(str(session.pk), str(uuid.uuid4()))

    assert SessionTask.objects.get(pk=started["task_id"]).done == 5
    assert OutboxEvent.objects.filter(is_terminal=True).count() == 1


def test_the_callback_hears_how_far_it_is(session, redis):
    started = ReviewService().validate_session(session)
    heard: list[tuple[float, dict]] = []
    ReviewService().execute_adf_validation(
        session.pk, uuid.UUID(started["task_id"]), lambda percent, stage, details: heard.append((percent, details))
    )

    assert heard[0] == (0.0, {"total": 5})
    assert heard[-1] == (100.0, {"done": 5, "failed": 0})


def test_a_ticket_deleted_or_edited_while_it_is_looked_at_costs_nothing(session, people, redis):
    """The room has read the texts; then one ticket goes and one is edited; then the results are written."""
    started = ReviewService().validate_session(session)
    task = SessionTask.objects.get(pk=started["task_id"])
    gone, edited = session.tickets.get(number=1), session.tickets.get(number=2)

    class Room(kind.ReadingRoom):
        def prepare(self, items):
            super().prepare(items)
            session.tickets.filter(pk=gone.pk).delete()
            edited.edit(editor=people.alice, seen_version=1, analysis="new")

    planning.plan(task)
    drainer = Drainer(task)
    drainer.room = Room(task)
    drainer.run()

    task.refresh_from_db()
    assert task.status == "completed"
    assert TicketValidation.objects.count() == 4
    assert [each.ticket_id for each in TicketValidation.objects.stale(session)] == [edited.pk]


def test_no_ticket_number_is_used_up(session, validate):
    before = session.ticket_counter
    validate()
    session.refresh_from_db()

    assert session.ticket_counter == before


def test_a_limit_of_money_holds_no_validation_up(session, validate):
    session.workspace.monthly_budget = 0
    session.workspace.save(update_fields=["monthly_budget"])

    assert validate().status == "completed"


def test_every_ticket_of_the_offline_writer_is_valid(people, run_jobs):
    session = make_session(people.workspace)
    import_files(session, **{path.stem: path.read_bytes() for path in sorted(SAMPLE.glob("*.csv"))})
    ProcessingService().generate_tickets(session)
    run_jobs()
    ReviewService().validate_session(session)
    run_jobs()

    assert session.tickets.count() > 30
    assert TicketValidation.objects.valid_and_current(session).filter(problems=[]).count() == session.tickets.count()


def test_the_api(session, people, run_jobs):
    client = Client()
    client.force_login(people.alice)
    base = f"/api/sessions/{session.pk}/validate"
    assert client.get(f"{base}/status").json()["status"] == "idle"

    accepted = client.post(base)
    assert (accepted.status_code, accepted.json()["tickets"]) == (202, 5)
    assert client.post(f"{base}/cancel").json()["status"] == "cancelled"
    assert client.post(f"{base}/cancel").status_code == 409
    client.post(base)
    run_jobs()
    status = client.get(f"{base}/status").json()
    assert (status["status"], status["done"], status["counts"]["valid"]) == ("completed", 5, 5)

    session.tickets.get(number=4).edit(editor=people.alice, seen_version=1, title="Other")
    make_ticket(session, 6)
    page = client.get(f"{base}/problems?page_size=1").json()
    assert (page["count"], page["results"][0]["number"], page["results"][0]["state"]) == (2, "T-4", "stale")
    missing = client.get(f"{base}/problems?state=missing").json()["results"]
    assert [(row["number"], row["reason"]) for row in missing] == [("T-6", "It was not validated yet.")]
    assert client.get(f"{base}/problems?state=odd").status_code == 400


def test_the_same_text_is_sent_and_looked_at(session):
    """What an export will send has the words that were looked at."""
    ticket = make_ticket(session, 9, facts=[])
    text = text_of(session, ticket).markdown

    assert ticket.description in text
    assert problems_of(adf_of(text)) == []
