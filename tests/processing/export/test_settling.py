"""Whatever a tracker's lost answer leaves open is settled: it is looked for, sent again, or said to have failed."""

from __future__ import annotations

import pytest

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.export.service import ExportService, latest_export
from processing.models import ExportRecord, ExportRun
from sessions_app.errors import WrongState
from tests.processing.export.trackers import (
    exported,
    make_approved,
    make_connection,
    require_whole_export,
    running,
    start,
)

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "A long story. " * 6_000


@pytest.fixture(autouse=True)
def quick(settings):
    settings.EXPORT = {"TIMEOUT": 5.0, "LOOKUP_SECONDS": 0.1, "LOOKUP_EVERY": 0.02}


def chain(number):
    return [number - 1] if number > 1 else []


def is_link(request):
    return request.path[-1] == "issueLink"


def once(fault, concerns):
    """A script: the first write that it concerns goes wrong, all others are well."""
    left = [fault]
    return lambda number, request: left.pop() if left and concerns(request) else ""


def record_of(session, step, number=1):
    return ExportRecord.objects.get(session=session, step=step, ticket__number=number)


# Links and long texts


@pytest.mark.parametrize("fault", ["lost", "dropped"])
def test_a_link_whose_answer_was_lost_is_there_once(people, jira, run_jobs, fault):
    session = make_approved(people.workspace, 2, links=chain)
    jira.behaviour.script = once(fault, is_link)

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert task.status == "completed", task.error
    assert jira.stats[fault] == 1
    require_whole_export(session, jira)


def test_a_link_whose_answer_is_always_lost_fails_after_some_tries(people, jira, run_jobs, settings):
    session = make_approved(people.workspace, 2, links=chain)
    jira.behaviour.script = lambda number, request: "dropped" if is_link(request) else ""

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    link = ExportRecord.objects.get(session=session, step="link")
    assert (task.status, link.status) == ("completed_with_errors", "failed")
    assert "it does not have this" in link.error_message
    assert jira.stats["dropped"] == settings.ENGINE["ATTEMPTS"]
    assert ExportRecord.objects.filter(session=session, step="issue", status="created").count() == 2


def test_a_link_to_an_issue_that_is_gone_meanwhile_fails_at_once(people, jira, run_jobs):
    session = make_approved(people.workspace, 2, links=chain)

    def gone(number, request):
        if not is_link(request):
            return ""
        jira.issues.clear()
        return "dropped"

    jira.behaviour.script = gone

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    link = ExportRecord.objects.get(session=session, step="link")
    assert (task.status, link.status, link.error_code) == ("completed_with_errors", "failed", "tracker_not_found")
    assert jira.stats["dropped"] == 1


@pytest.mark.parametrize("fault", ["lost", "dropped"])
def test_a_long_text_whose_answer_was_lost_is_attached_once(people, jira, run_jobs, fault):
    session = make_approved(people.workspace, 1)
    session.tickets.update(analysis=LONG)
    jira.behaviour.script = once(fault, lambda request: request.path[-1] == "attachments")

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert task.status == "completed", task.error
    assert jira.stats[fault] == 1
    assert len(jira.issues["ABC-1"].attachments) == 1


# The tracker goes away


def test_a_tracker_that_is_away_is_tried_some_times_and_then_by_a_person(people, run_jobs, settings):
    jira = FakeJira()
    address = jira.start()
    session = make_approved(people.workspace, 2)

    def go_away(number, request):
        jira.close()
        return ""

    jira.behaviour.script = go_away
    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    second = record_of(session, "issue", 2)
    assert (task.status, second.status) == ("completed_with_errors", "failed")
    assert second.attempts == settings.ENGINE["ATTEMPTS"]
    jira.behaviour.script = None
    jira.start(int(address.rpartition(":")[2]))
    try:
        ExportService().retry_record(second)
        run_jobs()
        require_whole_export(session, jira)
    finally:
        jira.close()


def test_a_token_that_is_withdrawn_under_way_blames_no_ticket_and_the_next_export_goes_on(people, jira, run_jobs):
    session = make_approved(people.workspace, 3)
    connection = make_connection(people.workspace, jira)

    def withdraw(number, request):
        jira.token = "another"
        return ""

    jira.behaviour.script = withdraw
    task = exported(session, connection, run_jobs)

    assert task.status == "failed"
    assert "does not accept" in task.error["message"]
    assert not ExportRecord.objects.filter(session=session, status="failed").exists()
    assert record_of(session, "issue", 2).status == "pending"
    jira.token, jira.behaviour.script = "", None
    assert exported(session, connection, run_jobs).status == "completed"
    require_whole_export(session, jira)


# What a person asks for


def refuse(jira, *numbers):
    """The tracker does not like the titles of these tickets, until ``jira.likes_all``."""
    jira.likes_all = False
    create = jira._create

    def picky(fields):
        disliked = int(fields["summary"].rpartition(" ")[2]) in numbers and not jira.likes_all
        return create({**fields, "labels": ["no good"]} if disliked else fields)

    jira._create = picky


def test_what_was_asked_about_can_be_looked_for_once_more(people, run_jobs):
    with running(FakeJira(Behaviour(lag=3600, script=once("lost", lambda request: True)))) as jira:
        session = make_approved(people.workspace, 1)
        exported(session, make_connection(people.workspace, jira), run_jobs)
        asked = record_of(session, "issue")
        assert (asked.status, asked.is_question) == ("unknown", True)
        jira.behaviour.lag = 0.0

        ExportService().retry_record(asked)
        assert not record_of(session, "issue").is_question
        run_jobs()

        require_whole_export(session, jira)


def test_a_record_tried_again_while_a_run_is_held_goes_with_that_run(people, jira, run_jobs):
    session = make_approved(people.workspace, 8)
    refuse(jira, 1, 2, 3, 4, 5)
    task = exported(session, make_connection(people.workspace, jira), run_jobs)
    assert task.status == "paused"
    jira.likes_all = True

    for number in range(1, 6):
        assert ExportService().retry_record(record_of(session, "issue", number)) == task
    ExportService().resume_export(session)
    run_jobs()

    task.refresh_from_db()
    assert (task.status, task.done, task.failed, task.total) == ("completed", 8, 0, 8)
    require_whole_export(session, jira)


def test_records_tried_again_one_after_another_go_with_one_run(people, jira, run_jobs):
    session = make_approved(people.workspace, 4)
    refuse(jira, 1, 2, 3)
    exported(session, make_connection(people.workspace, jira), run_jobs)
    jira.likes_all = True

    first, second = (ExportService().retry_record(record_of(session, "issue", number)) for number in (1, 2))

    assert first == second
    assert len(ExportRun.objects.get(pk=first.pk).only) == 2
    run_jobs()
    assert latest_export(session).status == "completed"
    assert [record_of(session, "issue", number).status for number in (1, 2, 3)] == ["created", "created", "failed"]


def test_a_record_tried_again_while_everything_is_about_to_be_planned_needs_no_mention(people, jira, run_jobs):
    session = make_approved(people.workspace, 2)
    refuse(jira, 1)
    connection = make_connection(people.workspace, jira)
    exported(session, connection, run_jobs)
    jira.likes_all = True
    task = start(session, connection)

    assert ExportService().retry_record(record_of(session, "issue")) == task
    assert ExportRun.objects.get(pk=task.pk).only == []
    run_jobs()

    require_whole_export(session, jira)


def test_only_issues_are_said_to_exist_under_a_key(people, jira, run_jobs):
    session = make_approved(people.workspace, 2, links=chain)
    exported(session, make_connection(people.workspace, jira), run_jobs)

    with pytest.raises(WrongState, match="Only epics and issues"):
        ExportService().settle_record(ExportRecord.objects.get(session=session, step="link"), key="ABC-1")
