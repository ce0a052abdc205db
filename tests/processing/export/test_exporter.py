"""Sending to a tracker: each ticket once, in order, linked the right way round, whatever the tracker does."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from processing.export.errors import ExportBlocked, ExportError, TrackerError
from processing.export.fakes.github import FakeGitHub
from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.export.jobs import export_session_job
from processing.export.service import ExportService, check_connection, latest_export
from processing.models import ExportRecord, ExportRun, SessionError, SessionTask, TicketValidation, TrackerConnection
from sessions_app.errors import NothingToDo, WrongState
from sessions_app.models import Session
from tests.processing.export.trackers import (
    exported,
    make_approved,
    make_connection,
    require_whole_export,
    rewrite,
    running,
    start,
)
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "A long story. " * 6_000


@pytest.fixture(autouse=True)
def quick(settings):
    settings.EXPORT = {"TIMEOUT": 5.0, "LOOKUP_SECONDS": 0.1, "LOOKUP_EVERY": 0.02}


def chain(number):
    return [number - 1] if number > 1 else []


def faults(*names):
    """A script: the first write gets the first of these, and so on; then all is well."""
    return lambda number, request: names[number - 1] if number <= len(names) else ""


# What is sent


def test_tickets_become_issues_in_order_and_links_point_the_right_way(people, jira, run_jobs):
    session = make_approved(people.workspace, 4, links=lambda number: [4] if number == 1 else [])

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert task.status == "completed", task.error
    require_whole_export(session, jira)
    order = [issue.fields["summary"] for issue in jira.issues.values()]
    assert order.index("Create content type Kind 4") < order.index("Create content type Kind 1")
    session.refresh_from_db()
    assert session.stage == "completed"


def test_only_approved_tickets_are_sent_and_the_session_is_not_completed_before_all_are(people, jira, run_jobs):
    session = make_approved(people.workspace, 3, links=chain)
    session.tickets.filter(number=3).update(status="draft")

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert (task.status, len(jira.issues), len(jira.links)) == ("completed", 2, 1)
    session.refresh_from_db()
    assert session.stage == "export"


def test_everything_of_a_connection_reaches_the_issue(people, jira, run_jobs):
    options = {
        "epics": True,
        "labels": ["Two words"],
        "components": ["Website"],
        "priority": "High",
        "assignees": {"Content": "account-1"},
    }
    session = make_approved(people.workspace, 2)

    task = exported(session, make_connection(people.workspace, jira, options=options), run_jobs)

    assert task.status == "completed", task.error
    epic, first, second = jira.issues.values()
    assert epic.fields["issuetype"]["name"] == "Epic"
    for issue in (first, second):
        assert issue.fields["parent"] == {"key": epic.key}
        assert issue.fields["priority"] == {"name": "High"}
        assert issue.fields["components"] == [{"name": "Website"}]
        assert issue.fields["assignee"] == {"accountId": "account-1"}
        assert "Two-words" in issue.fields["labels"]
    parents = ExportRecord.objects.filter(session=session, link_kind="parent")
    assert set(parents.values_list("status", flat=True)) == {"linked"}
    assert jira.stats["writes"] == 3


def test_epics_that_come_later_get_their_tickets(people, jira, run_jobs):
    session = make_approved(people.workspace, 2)
    connection = make_connection(people.workspace, jira)
    exported(session, connection, run_jobs)
    connection.options = {"epics": True}
    connection.save()

    exported(session, connection, run_jobs)

    epic = next(issue for issue in jira.issues.values() if issue.fields["issuetype"]["name"] == "Epic")
    below = [issue for issue in jira.issues.values() if issue.fields.get("parent") == {"key": epic.key}]
    assert (len(jira.issues), len(below)) == (3, 2)


def test_a_text_that_is_too_long_goes_on_in_an_attachment(people, jira, run_jobs):
    session = make_approved(people.workspace, 1)
    session.tickets.update(analysis=LONG)

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert task.status == "completed", task.error
    issue = jira.issues["ABC-1"]
    (content,) = issue.attachments.values()
    assert LONG.strip() in content.decode()


def test_github_gets_issues_blockers_sub_issues_and_comments(people, github, run_jobs):
    session = make_approved(people.workspace, 3, links=chain)
    session.tickets.filter(number=2).update(analysis=LONG)

    task = exported(session, make_connection(people.workspace, github, options={"epics": True}), run_jobs)

    assert task.status == "completed", task.error
    epic, first, second, third = github.issues.values()
    assert epic.sub_issues == [first.id, second.id, third.id]
    assert (first.blocked_by, second.blocked_by, third.blocked_by) == ([], [first.id], [second.id])
    assert len(second.comments) == 2
    shown = re.sub(r"<!--.*?-->", "", second.body + "".join(second.comments))
    whole = "".join(shown.split())
    assert whole.count("Alongstory.") == 6_000


# Twice


def test_a_second_export_makes_nothing_twice(people, jira, run_jobs):
    session = make_approved(people.workspace, 3, links=chain)
    connection = make_connection(people.workspace, jira)
    exported(session, connection, run_jobs)
    before = jira.stats["writes"]

    task = exported(session, connection, run_jobs, update=True)

    assert (task.status, task.total, jira.stats["writes"]) == ("completed", 0, before)
    require_whole_export(session, jira)


@pytest.mark.parametrize("kind", ["jira", "github"])
def test_an_update_sends_only_the_text_that_changed(people, request, run_jobs, kind):
    tracker = request.getfixturevalue(kind)
    session = make_approved(people.workspace, 3)
    connection = make_connection(people.workspace, tracker)
    exported(session, connection, run_jobs)
    rewrite(session, 2, "Another title")

    exported(session, connection, run_jobs)
    assert tracker.stats["updates"] == 0
    task = exported(session, connection, run_jobs, update=True)

    assert (task.status, tracker.stats["updates"], len(tracker.issues)) == ("completed", 1, 3)
    assert session.tickets.get(number=2).status == "exported"
    assert ExportRecord.objects.get(ticket__number=2, step="issue").status == "updated"


def test_what_is_approved_later_joins_with_its_links(people, jira, run_jobs):
    session = make_approved(people.workspace, 3, links=chain)
    session.tickets.filter(number=2).update(status="draft")
    connection = make_connection(people.workspace, jira)
    exported(session, connection, run_jobs)
    session.tickets.filter(number=2).update(status="approved")

    exported(session, connection, run_jobs)

    require_whole_export(session, jira)


@pytest.mark.parametrize("kind", ["jira", "github"])
def test_a_connection_that_was_deleted_and_made_anew_finds_its_issues(people, request, run_jobs, kind):
    tracker = request.getfixturevalue(kind)
    session = make_approved(people.workspace, 3)
    connection = make_connection(people.workspace, tracker)
    exported(session, connection, run_jobs)
    connection.delete()

    task = exported(session, make_connection(people.workspace, tracker), run_jobs)

    assert (task.status, len(tracker.issues)) == ("completed", 3)
    assert ExportRecord.objects.filter(status="created").count() == 3


def test_an_export_under_way_is_not_started_twice(people, jira):
    session = make_approved(people.workspace, 1)
    connection = make_connection(people.workspace, jira)

    assert start(session, connection) == start(session, connection)


def test_of_many_who_start_an_export_at_once_one_does(people, jira):
    session = make_approved(people.workspace, 1)
    connection = make_connection(people.workspace, jira)

    tasks = at_once(*[lambda: start(Session.objects.get(pk=session.pk), connection)] * 8)

    assert len({task.pk for task in tasks}) == 1
    assert SessionTask.objects.count() == ExportRun.objects.count() == 1


# Trouble


@pytest.mark.parametrize("kind", ["jira", "github"])
@pytest.mark.parametrize("fault", ["429", "503", "500", "500-after", "lost", "dropped"])
def test_a_fault_costs_no_ticket_and_makes_none_twice(people, run_jobs, kind, fault):
    made = {"jira": FakeJira, "github": FakeGitHub}[kind]
    with running(made(Behaviour(retry_after=0.01, script=faults("", fault)))) as tracker:
        session = make_approved(people.workspace, 3)
        task = exported(session, make_connection(people.workspace, tracker), run_jobs)
        asked = ExportRecord.objects.filter(session=session).questions()

        assert asked.count() == (fault in ("500", "dropped"))
        assert task.status == ("completed_with_errors" if asked else "completed")
        for record in asked:
            ExportService().settle_record(record)
            run_jobs()
        assert latest_export(session).status == "completed"
        assert len(tracker.issues) == 3


def test_a_search_that_lags_is_waited_for(people, run_jobs, settings):
    settings.EXPORT = {"TIMEOUT": 5.0, "LOOKUP_SECONDS": 20.0, "LOOKUP_EVERY": 0.02}
    with running(FakeJira(Behaviour(lag=0.3, script=faults("lost", "lost")))) as jira:
        session = make_approved(people.workspace, 2, links=chain)
        task = exported(session, make_connection(people.workspace, jira), run_jobs)

        assert task.status == "completed"
        require_whole_export(session, jira)


def test_an_answer_that_never_comes_is_a_lost_one(people, run_jobs, settings):
    settings.EXPORT = {**settings.EXPORT, "TIMEOUT": 0.3}
    with running(FakeJira(Behaviour(script=faults("hang")))) as jira:
        session = make_approved(people.workspace, 1)
        task = exported(session, make_connection(people.workspace, jira), run_jobs)

        assert (task.status, len(jira.issues)) == ("completed", 1)


def test_what_the_project_needs_is_named_before_anything_is_sent(people, run_jobs):
    with running(FakeJira(required={"customfield_10010": "Team"})) as jira:
        session = make_approved(people.workspace, 1)
        connection = make_connection(people.workspace, jira, options={"priority": "Urgent"})
        plan = ExportService().dry_run(session, connection)
        task = exported(session, connection, run_jobs)

        assert task.status == "failed"
        for said in (" ".join(plan.problems), task.error["message"]):
            assert "“Team” (customfield_10010) is required" in said
            assert "“Urgent” is not a value of priority" in said
        assert jira.stats["writes"] == 0


def test_a_dry_run_sends_nothing_and_says_exactly_what_would_be_sent(people, jira, run_jobs):
    session = make_approved(people.workspace, 2, links=chain)
    connection = make_connection(people.workspace, jira)

    plan = ExportService().dry_run(session, connection)
    assert jira.stats["writes"] == 0
    exported(session, connection, run_jobs)

    payloads = [each.payload["fields"] for each in plan.planned if each.step == "issue"]
    assert payloads == [issue.fields for issue in jira.issues.values()]
    assert plan.count("create") == 3
    assert ExportService().dry_run(session, connection).count("unchanged") == 3


def test_a_token_that_is_refused_ends_the_run_and_blames_no_ticket(people, run_jobs):
    with running(FakeJira(token="another", account="x")) as jira:
        session = make_approved(people.workspace, 2)
        connection = make_connection(people.workspace, jira)
        task = exported(session, connection, run_jobs)

        assert task.status == "failed"
        assert "does not accept the account" in task.error["message"]
        assert not check_connection(connection)
        assert "does not accept" in connection.check_result


def test_one_ticket_that_is_refused_leaves_the_others_alone_and_can_be_tried_again(people, jira, run_jobs):
    session = make_approved(people.workspace, 3, links=chain)
    connection = make_connection(people.workspace, jira)
    jira.script_refusal = True
    jira.behaviour.script = lambda number, request: ""
    serve = jira._create

    def refuse_the_second(fields):
        if fields["summary"].endswith("Kind 2") and jira.script_refusal:
            return serve({**fields, "labels": ["no good"]})
        return serve(fields)

    jira._create = refuse_the_second
    task = exported(session, connection, run_jobs)
    assert (task.status, len(jira.issues)) == ("completed_with_errors", 2)
    failed = ExportRecord.objects.get(session=session, step="issue", status="failed")
    assert "contains spaces" in failed.error_message
    assert SessionError.objects.filter(session=session, resolved_at=None).exists()

    jira.script_refusal = False
    ExportService().retry_record(failed)
    run_jobs()

    assert latest_export(session).status == "completed"
    require_whole_export(session, jira)
    assert not SessionError.objects.filter(session=session, resolved_at=None).exists()


def test_a_ticket_edited_while_the_export_runs_is_not_sent(people, jira):
    session = make_approved(people.workspace, 2)
    connection = make_connection(people.workspace, jira)

    def edit_the_second(number, request):
        if number == 1:
            ticket = session.tickets.get(number=2)
            ticket.edit(editor=people.alice, seen_version=ticket.version, title="Not approved")
        return ""

    jira.behaviour.script = edit_the_second
    task = start(session, connection)
    export_session_job(str(session.pk), str(task.pk))

    assert [issue.fields["summary"] for issue in jira.issues.values()] == ["Create content type Kind 1"]
    assert "no longer approved" in ExportRecord.objects.get(status="failed").error_message


def test_cancel_takes_hold_between_two_tickets_and_the_next_export_goes_on(people, jira):
    session = make_approved(people.workspace, 4)
    connection = make_connection(people.workspace, jira)
    jira.behaviour.script = lambda number, request: ExportService().cancel_export(session) and "" if number == 2 else ""

    task = start(session, connection)
    export_session_job(str(session.pk), str(task.pk))
    task.refresh_from_db()
    assert (task.status, len(jira.issues)) == ("cancelled", 2)

    jira.behaviour.script = None
    again = start(session, connection)
    export_session_job(str(session.pk), str(again.pk))

    require_whole_export(session, jira)


def test_a_pause_holds_and_a_resume_goes_on(people, jira, run_jobs):
    session = make_approved(people.workspace, 3)
    jira.behaviour.script = lambda number, request: ExportService().pause_export(session) and "" if number == 1 else ""
    task = exported(session, make_connection(people.workspace, jira), run_jobs)
    assert (task.status, len(jira.issues)) == ("paused", 1)

    ExportService().resume_export(session)
    run_jobs()

    require_whole_export(session, jira)


def test_five_equal_refusals_in_a_row_pause_the_run(people, jira, run_jobs):
    jira._create = lambda fields: SimpleNamespace(status=400, body={"errorMessages": ["No."]}, headers={})
    session = make_approved(people.workspace, 8)

    task = exported(session, make_connection(people.workspace, jira), run_jobs)

    assert (task.status, task.failed) == ("paused", 5)


def test_a_long_pause_that_the_tracker_asks_for_keeps_no_worker(people, run_jobs):
    with running(FakeJira(Behaviour(retry_after=600, script=faults("429")))) as jira:
        session = make_approved(people.workspace, 1)
        task = exported(session, make_connection(people.workspace, jira), run_jobs)

        assert (task.status, len(jira.issues)) == ("running", 0)
        assert task.current_stage.startswith("Waiting")
        assert TrackerConnection.objects.get().next_write_at > task.started_at


# What a person settles


def test_a_person_says_that_the_issue_exists(people, run_jobs):
    with running(FakeJira(Behaviour(lag=3600, script=faults("lost")))) as jira:
        session = make_approved(people.workspace, 2, links=chain)
        connection = make_connection(people.workspace, jira)
        exported(session, connection, run_jobs)
        (record,) = ExportRecord.objects.filter(session=session).questions()

        with pytest.raises(WrongState, match="belongs to another ticket"):
            ExportService().settle_record(record, key="ABC-2")
        with pytest.raises(TrackerError):
            ExportService().settle_record(record, key="ABC-77")
        ExportService().settle_record(record, key="ABC-1")
        exported(session, connection, run_jobs)

        require_whole_export(session, jira)
        with pytest.raises(WrongState):
            ExportService().settle_record(ExportRecord.objects.get(pk=record.pk))


def test_an_issue_that_was_deleted_in_the_tracker_can_be_made_anew(people, jira, run_jobs):
    session = make_approved(people.workspace, 1)
    connection = make_connection(people.workspace, jira)
    exported(session, connection, run_jobs)
    jira.issues.clear()
    rewrite(session, 1, "Another title")
    exported(session, connection, run_jobs, update=True)
    record = ExportRecord.objects.get(session=session)
    assert (record.status, record.error_code) == ("failed", "tracker_not_found")

    ExportService().settle_record(record)
    run_jobs()

    require_whole_export(session, jira)


# What cannot start


def test_nothing_approved_is_nothing_to_send(people, jira):
    session = make_approved(people.workspace, 1)
    session.tickets.update(status="draft")

    with pytest.raises(NothingToDo):
        start(session, make_connection(people.workspace, jira))


def test_an_approved_text_that_was_not_validated_blocks_the_export_and_is_named(people, jira):
    session = make_approved(people.workspace, 3)
    TicketValidation.objects.filter(ticket__number=1).delete()
    TicketValidation.objects.filter(ticket__number=2).update(ticket_version=7)
    connection = make_connection(people.workspace, jira)

    with pytest.raises(ExportBlocked) as refused:
        start(session, connection)
    answer = people.api("bob").post(f"/api/sessions/{session.pk}/export", {"connection": str(connection.pk)})

    assert [each["number"] for each in refused.value.details["blocked"]] == ["T-1", "T-2"]
    assert answer.status_code == 409
    assert [each["reason"] for each in answer.json()["blocked"]] == [
        "It was not validated yet.",
        "It was changed after its validation.",
    ]
    assert len(ExportService().dry_run(session, connection).blocked) == 2
    assert jira.stats["writes"] == 0


def test_a_connection_of_another_workspace_or_without_a_token_is_refused(people, jira):
    session = make_approved(people.workspace, 1)
    with pytest.raises(ExportError, match="another workspace"):
        start(session, make_connection(people.charlies, jira))

    connection = make_connection(people.workspace, jira)
    connection.set_token("")
    connection.save()
    with pytest.raises(ExportError, match="no token"):
        start(session, TrackerConnection.objects.get(pk=connection.pk))


def test_writes_keep_their_distance_over_all_workers(people, jira):
    connection = make_connection(people.workspace, jira, pace=30)

    assert connection.reserve_write(30, 60) == 0
    assert 29 < connection.reserve_write(30, 60) <= 30
    assert 59 < TrackerConnection.objects.get(pk=connection.pk).reserve_write(30, 60) <= 60
    assert connection.reserve_write(30, 60) > 60  # too far away to be set aside
    assert 89 < connection.reserve_write(30, 100) <= 90
