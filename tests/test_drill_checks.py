"""The drill can say no: what it checks is planted broken here, and its row has to tell."""

import json

import pytest
from django.utils import timezone

from processing.export.fakes.jira import FakeJira, Issue
from processing.export.fakes.server import Request
from processing.models import ExportRecord, OutboxEvent, SessionTask, TrackerConnection, WorkItem
from tests.drill import checks
from tests.drill.load import Backlog, key_in_tracker
from tests.drill.onlookers import Onlooker
from tests.drill.strokes import Stroke
from tests.factories import make_session, make_ticket

pytestmark = pytest.mark.django_db

LABEL = "ticketgen-1a2b3c4d-0123456789"


@pytest.fixture
def session(people, settings, tmp_path):
    """One ticket, written, exported, told of and seen."""
    settings.MEDIA_ROOT = tmp_path  # other tests leave their files
    session = make_session(people.workspace)
    ticket = make_ticket(session, status="exported")
    task = SessionTask.objects.create(session=session, status="completed", total=1, done=1, seq=1)
    WorkItem.objects.create(
        task=task, key=ticket.key, position=0, entity_group="Content", input_hash="x", payload={}, status="done"
    )
    OutboxEvent.objects.create(
        session_id=session.pk, task_id=task.pk, seq=1, is_terminal=True, payload={}, sent_at=timezone.now()
    )
    connection = TrackerConnection.objects.create(workspace=people.workspace, name="Jira", project="ABC")
    ExportRecord.objects.create(
        session=session,
        connection=connection,
        ticket=ticket,
        target="jira",
        step="issue",
        phase=1,
        item_key=ticket.key,
        label=LABEL,
        status="created",
        remote_key="ABC-1",
    )
    return session


@pytest.fixture
def seen(session):
    """What the drill saw of it from outside."""
    onlooker, [task] = Onlooker(str(session.pk)), session.tasks.all()
    onlooker.hear({"type": "completed", "task_id": str(task.pk), "seq": 1})
    jira = FakeJira()
    jira.issues["ABC-1"] = issue("ABC-1")
    backlog = Backlog("Site", entities=1, session_id=str(session.pk), is_done=True)
    return checks.Evidence(backlogs=[backlog], onlookers=[onlooker], jira=jira)


def issue(key):
    return Issue(key, key, {"labels": [LABEL]}, 0.0)


def broken(seen):
    return {row.invariant for row in checks.all_rows(seen) if not row.holds}


def test_all_holds_where_all_is_well(seen):
    assert broken(seen) == set()


def test_a_second_ticket_is_seen(seen, session):
    make_ticket(session, 2)

    assert "sessions with more or fewer tickets than entities" in broken(seen)


def test_a_lost_ticket_is_seen(seen, session):
    session.tickets.all().delete()

    assert "one ticket per entity, none lost: sessions, tickets" in broken(seen)


def test_a_second_issue_is_seen(seen):
    seen.jira.issues["ABC-2"] = issue("ABC-2")

    assert broken(seen) == {"jira: one issue per ticket", "jira: issues made twice"}


def test_an_issue_that_the_tracker_never_got_is_seen(seen):
    seen.jira.issues.clear()

    assert "records of issues that the tracker does not have" in broken(seen)


def test_an_open_lease_is_seen(seen):
    WorkItem.objects.update(status="running", lease_until=timezone.now())

    assert {"open leases and deliveries of all kinds", "items that are claimed or wait"} <= broken(seen)


def test_a_counter_that_lies_is_seen(seen):
    SessionTask.objects.update(total=2, done=2)

    assert broken(seen) == {"runs whose counters are not their counted items"}


def test_a_message_that_no_socket_got_is_seen(seen):
    OutboxEvent.objects.update(seq=2)
    SessionTask.objects.update(seq=2)

    assert "tasks whose messages are not numbered from 1 to the last" in broken(seen)
    assert "sockets: tasks watched from the first message to the last" not in broken(seen)  # it did see one


def test_a_gap_and_a_double_at_a_socket_are_seen(seen):
    [onlooker] = seen.onlookers
    for seq in (3, 3):
        onlooker.hear({"type": "progress", "task_id": onlooker.task, "seq": seq})

    assert "sockets: gaps, doubles, ends that never came" in broken(seen)


def test_an_answer_paid_twice_is_only_explained_by_a_kill(seen):
    call = {"digest": "d", "asked": "ticket", "outcome": "ok"}
    seen.calls = [{**call, "at": 100.0}, {**call, "at": 130.0}]

    assert "answers paid for twice that no kill explains" in broken(seen)

    seen.strokes = [Stroke("work-horse SIGKILL", "", 101.0, 101.0)]

    assert "answers paid for twice that no kill explains" not in broken(seen)


def test_an_orphan_file_and_a_traceback_are_seen(seen, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    (settings.MEDIA_ROOT / "staging" / "left").mkdir(parents=True)
    log = 'Traceback (most recent call last):\n  File "a.py", line 1, in a\n{}\n'
    (tmp_path / "worker.log").write_text(
        log.format("KeyError: 'x'") + log.format("redis.exceptions.ConnectionError: no")
    )
    seen.logs = tmp_path

    assert broken(seen) == {"orphan files and folders in media", "tracebacks other than of broken connections"}


def test_a_tracker_that_is_killed_knows_what_it_was_told(tmp_path):
    """It writes down before it answers; what was broken off was never answered."""
    memory = tmp_path / "jira.memory"
    headers = {"authorization": "Basic bWU6dG9rZW4="}
    fields = {"project": {"key": "ABC"}, "issuetype": {"name": "Task"}, "summary": "One", "labels": [LABEL]}
    body = json.dumps({"fields": fields}).encode()
    request = Request("POST", ("rest", "api", "3", "issue"), {}, headers, body)
    first = FakeJira()
    first.remember_in(memory)
    first.answer(request)
    with memory.open("ab") as file:
        file.write(request.as_line()[:40])

    again = FakeJira()
    again.remember_in(memory)
    again.answer(request)

    assert [each.key for each in again.issues.values()] == ["ABC-1", "ABC-2"]
    assert key_in_tracker("jira", memory, LABEL) == "ABC-1"
