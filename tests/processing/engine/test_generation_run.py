"""A whole run: accepted, planned, worked on by a real RQ worker, finished once."""

import uuid

import pytest
from rq import get_current_job

from processing.engine import claims, execution, finish, planning
from processing.engine.drainer import Drainer
from processing.engine.sweep import sweep
from processing.errors import ProcessingError
from processing.generation.service import ProcessingService, active_task, latest_task
from processing.models import LLMCall, OutboxEvent, SessionTask, WorkItem
from sessions_app.models import Session, TicketDependency
from tests.factories import bundles, fields, import_files, make_session, make_specified_session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(people):
    return make_specified_session(people.workspace, bundle_count=3, field_count=7)


def test_every_entity_gets_one_ticket(session, run_jobs):
    started = ProcessingService().generate_tickets(session)
    run_jobs()

    task = SessionTask.objects.get(pk=started["task_id"])
    assert task.status == "completed"
    assert (task.total, task.done, task.failed) == (10, 10, 0)
    assert session.tickets.count() == 10
    assert set(task.items.values_list("status", flat=True)) == {"done"}


def test_a_large_run_is_left_to_processes_without_its_plan(session, run_jobs, monkeypatch):
    monkeypatch.setattr(execution, "LARGE", 9)
    drained_by = []
    drain = Drainer.run

    def noted(drainer):
        drained_by.append(get_current_job().func_name)
        drain(drainer)

    monkeypatch.setattr(Drainer, "run", noted)
    ProcessingService().generate_tickets(session)
    run_jobs()
    ProcessingService().generate_tickets(session)
    run_jobs()

    assert set(drained_by) == {"processing.engine.jobs.drain_job"}
    assert [(task.status, task.done) for task in SessionTask.objects.all()] == [("completed", 10)] * 2
    assert session.tickets.count() == 10


def test_nobody_hoards_what_others_could_begin(session, redis):
    started = ProcessingService().generate_tickets(session)
    task = SessionTask.objects.get(pk=started["task_id"])
    assert planning.plan(task)

    taken = [len(claims.claim(task, uuid.uuid4(), 100, at_once)) for at_once in (2, 4, 0, 1, 0, 1)]

    assert taken == [5, 4, 0, 1, 0, 0]


def test_the_start_answers_what_the_seeds_ask_for(session, redis):
    started = ProcessingService().generate_tickets(session)

    assert set(started) >= {
        "task_id",
        "session_id",
        "status",
        "estimated_duration_minutes",
        "total_files",
        "estimated_tickets",
        "llm_provider",
    }
    assert (started["status"], started["total_files"], started["estimated_tickets"]) == ("processing", 2, 10)
    assert started["llm_provider"] == "offline"


def test_starting_twice_returns_the_same_run(session, run_jobs):
    first = ProcessingService().generate_tickets(session)
    second = ProcessingService().generate_tickets(session)
    run_jobs()

    assert first["task_id"] == second["task_id"]
    assert SessionTask.objects.count() == 1
    assert session.tickets.count() == 10


def test_a_run_moves_the_session_to_processing_and_then_to_review(session, run_jobs):
    ProcessingService().generate_tickets(session)
    session.refresh_from_db()
    assert session.stage == Session.Stage.PROCESSING

    run_jobs()
    session.refresh_from_db()
    assert session.stage == Session.Stage.REVIEW


def test_without_a_specification_nothing_starts(people, redis):
    from processing.errors import ProcessingError

    session = make_session(people.workspace)
    with pytest.raises(ProcessingError) as caught:
        ProcessingService().generate_tickets(session)

    assert caught.value.category == "user_fixable"
    assert not SessionTask.objects.exists()


def test_messages_count_up_without_a_gap_and_end_with_one_last_word(session, run_jobs):
    started = ProcessingService().generate_tickets(session)
    run_jobs()

    messages = list(OutboxEvent.objects.filter(task_id=started["task_id"]).order_by("seq"))
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    assert [message.is_terminal for message in messages].count(True) == 1
    last = messages[-1].payload
    assert (last["type"], last["progress_percentage"]) == ("completed", 100.0)
    assert last["result_summary"]["tickets_generated"] == 10
    assert all(message.sent_at for message in messages)


def test_tickets_follow_the_order_of_groups_and_dependencies(session, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()

    tickets = list(session.tickets.in_order())
    assert [ticket.position for ticket in tickets] == list(range(1, 11))
    assert [ticket.number for ticket in tickets] == list(range(1, 11))
    assert [ticket.csv_type for ticket in tickets] == ["bundles"] * 3 + ["fields"] * 7
    for edge in TicketDependency.objects.active().select_related("from_ticket", "to_ticket"):
        assert edge.to_ticket.position < edge.from_ticket.position


def test_a_second_run_leaves_tickets_that_are_up_to_date_alone(session, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()
    versions = dict(session.tickets.values_list("key", "version"))

    ProcessingService().generate_tickets(session)
    run_jobs()

    assert dict(session.tickets.values_list("key", "version")) == versions
    assert set(latest_task(session).items.values_list("status", flat=True)) == {"skipped"}


def test_only_changed_rows_are_written_again(session, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()
    changed = bundles(3).replace(b"About 1.", b"Something else.")
    import_files(session, Bundles=changed)

    ProcessingService().generate_tickets(session)
    run_jobs()

    assert session.tickets.get(key="bundles:node.kind_1").version == 2
    assert session.tickets.get(key="bundles:node.kind_0").version == 1
    assert session.tickets.get(key="bundles:node.kind_1").revisions.count() == 2


def test_rows_that_are_gone_mark_their_tickets(session, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()
    import_files(session, Fields=fields(5, 3))

    ProcessingService().generate_tickets(session)
    run_jobs()

    gone = session.tickets.filter(source_state="removed")
    assert set(gone.values_list("key", flat=True)) == {"fields:node.kind_2.field_5", "fields:node.kind_0.field_6"}
    assert session.tickets.in_backlog().count() == 8


def test_a_ticket_that_a_person_edited_is_not_overwritten(session, people, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()
    ticket = session.tickets.get(key="bundles:node.kind_1")
    ticket.edit(editor=people.bob, seen_version=1, title="Mine")
    import_files(session, Bundles=bundles(3).replace(b"About 1.", b"Something else."))

    ProcessingService().generate_tickets(session)
    run_jobs()

    ticket.refresh_from_db()
    assert (ticket.title, ticket.source_state) == ("Mine", "changed")


def test_the_same_job_delivered_twice_changes_nothing(session, run_jobs):
    from processing.generation.jobs import generate_tickets_job

    started = ProcessingService().generate_tickets(session)
    run_jobs()
    before = list(OutboxEvent.objects.values_list("pk", flat=True))

    generate_tickets_job(str(session.pk), started["task_id"])

    assert session.tickets.count() == 10
    assert list(OutboxEvent.objects.values_list("pk", flat=True)) == before


def test_a_job_for_a_session_that_is_gone_ends_silently(redis):
    from processing.generation.jobs import generate_tickets_job

    generate_tickets_job(str(uuid.uuid4()), str(uuid.uuid4()))


def test_cancelling_ends_the_run_at_once_with_one_last_word(session, run_jobs):
    service = ProcessingService()
    service.generate_tickets(session)
    task = service.cancel_processing(session)
    run_jobs()

    assert task.status == "cancelled"
    assert session.tickets.count() == 0
    last = OutboxEvent.objects.get(task_id=task.pk, is_terminal=True)
    assert last.payload["type"] == "cancelled"
    assert active_task(session) is None


def test_a_retry_rebuilds_from_the_ledger_without_a_new_call(session, run_jobs):
    service = ProcessingService()
    service.generate_tickets(session)
    run_jobs()
    calls = LLMCall.objects.count()
    SessionTask.objects.update(status="failed")

    answer = service.retry_processing(session)
    run_jobs()

    assert answer["retry_attempt"] == 1
    assert LLMCall.objects.count() == calls
    assert session.tickets.count() == 10


def test_a_retry_keeps_tickets_that_a_person_edited(session, people, run_jobs):
    service = ProcessingService()
    service.generate_tickets(session)
    run_jobs()
    session.tickets.first().edit(editor=people.bob, seen_version=1, title="Mine")
    SessionTask.objects.update(status="failed")

    service.retry_processing(session)
    assert list(session.tickets.values_list("title", flat=True)) == ["Mine"]

    run_jobs()
    assert session.tickets.count() == 10
    assert session.tickets.filter(title="Mine").exists()


def test_the_fourth_retry_is_refused(session, redis):
    from processing.errors import ProcessingError

    service = ProcessingService()
    service.generate_tickets(session)
    SessionTask.objects.update(status="failed", retry_count=3)

    with pytest.raises(ProcessingError, match="3") as caught:
        service.retry_processing(session)
    assert caught.value.category == "admin_required"


def test_a_paused_run_waits_and_goes_on(session, run_jobs):
    service = ProcessingService()
    service.generate_tickets(session)
    SessionTask.objects.update(status="running")
    service.pause_processing(session)
    run_jobs()
    assert session.tickets.count() == 0
    assert service.get_processing_status(session)["status"] == "paused"

    SessionTask.objects.update(status="pending")
    service.execute_ticket_generation(session.pk, active_task(session).pk)
    assert session.tickets.count() == 10


def test_the_callback_hears_of_progress_and_at_last_of_a_hundred_percent(session, redis):
    heard = []
    service = ProcessingService()
    started = service.generate_tickets(session)

    service.execute_ticket_generation(
        session.pk, uuid.UUID(started["task_id"]), lambda percentage, stage, details: heard.append(percentage)
    )

    assert heard == sorted(heard)
    assert heard[-1] == 100.0


def test_the_sweep_enqueues_a_task_that_no_job_took_up(session, redis, run_jobs):
    from datetime import timedelta

    from django.utils import timezone

    ProcessingService().generate_tickets(session)
    redis.flushall()
    assert sweep()["tasks_enqueued"] == 0

    SessionTask.objects.update(enqueued_at=timezone.now() - timedelta(minutes=2))
    assert sweep()["tasks_enqueued"] == 1
    run_jobs()
    assert session.tickets.count() == 10


def test_the_sweep_takes_up_the_work_of_a_dead_drainer(session, redis, run_jobs):
    from datetime import timedelta

    from django.utils import timezone

    from processing.engine import claims, planning

    started = ProcessingService().generate_tickets(session)
    redis.flushall()
    task = SessionTask.objects.get(pk=started["task_id"])
    planning.plan(task)
    claimed = claims.claim(task, uuid.uuid4(), 4)
    assert len(claimed) == 4
    long_ago = timezone.now() - timedelta(minutes=5)
    WorkItem.objects.filter(status="running").update(lease_until=long_ago)
    SessionTask.objects.update(lease_until=long_ago)

    assert sweep()["items_taken_back"] == 4
    run_jobs()

    task.refresh_from_db()
    assert task.status == "completed"
    assert session.tickets.count() == 10


def test_the_sweep_finishes_a_task_whose_last_drainer_died_before_it_could(session, run_jobs):
    started = ProcessingService().generate_tickets(session)
    run_jobs()
    SessionTask.objects.update(status="running", finished_at=None)
    OutboxEvent.objects.filter(is_terminal=True).delete()
    Session.objects.update(stage="processing")

    assert sweep()["tasks_finished"] == 1
    assert sweep()["tasks_finished"] == 0

    assert SessionTask.objects.get(pk=started["task_id"]).status == "completed"


def test_granularity_per_parent_folds_fields_into_their_bundle(people, run_jobs):
    session = make_specified_session(people.workspace, 2, 6, granularity="parent")
    ProcessingService().generate_tickets(session)
    run_jobs()

    assert session.tickets.count() == 2
    parts = {fact["part"] for fact in session.tickets.first().facts}
    assert parts == {"", "Field Field 0", "Field Field 2", "Field Field 4"}


def test_a_specification_that_is_gone_when_the_work_begins_ends_the_run(session, run_jobs):
    ProcessingService().generate_tickets(session)
    session.files.all().delete()

    run_jobs()

    task = latest_task(session)
    assert (task.status, task.total) == ("failed", 0)
    assert "no uploaded row names an entity" in session.errors.get().user_message
    assert OutboxEvent.objects.get(task_id=task.pk, is_terminal=True).payload["type"] == "error"


def test_of_two_deliveries_that_both_saw_it_waiting_one_plans(session, redis):
    ProcessingService().generate_tickets(session)
    one, other = latest_task(session), latest_task(session)

    assert [planning.plan(one), planning.plan(other)] == [True, False]
    assert (other.status, other.items.count()) == ("running", 10)


@pytest.mark.parametrize("again", [lambda task: finish.fail(task, ProcessingError("Twice.")), finish.cancel])
def test_a_run_ends_once(session, redis, again):
    ProcessingService().generate_tickets(session)
    one, other = latest_task(session), latest_task(session)

    assert finish.fail(one, ProcessingError("Once."))
    assert not again(other)

    assert latest_task(session).status == "failed"
    assert [error.user_message for error in session.errors.all()] == ["Once."]
    assert OutboxEvent.objects.filter(task_id=one.pk, is_terminal=True).count() == 1
