"""What must be true of every row, whoever writes it: the database refuses the rest, and states move only as drawn."""

from __future__ import annotations

import re
import uuid
from itertools import product

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import CheckConstraint, F, Q
from knox.models import AuthToken

from processing.errors import ProcessingError, TaskMoved
from processing.models import LLMCall, OutboxEvent, SessionError, SessionTask, WorkItem
from processing.models.tasks import FINISHED, UNFINISHED, ItemStatus, TaskStatus
from sessions_app.actions.sessions import UNFINISHED as UNFINISHED_THERE
from sessions_app.actions.sessions import delete_session
from sessions_app.actions.workspaces import add_member, change_role, create_workspace, remove_member
from sessions_app.errors import StaleEdit, WrongState
from sessions_app.models import (
    AuditEvent,
    Membership,
    Session,
    SourceRow,
    Ticket,
    TicketDependency,
    TicketRevision,
    TokenUse,
    UploadedFile,
    Workspace,
)
from tests.factories import bundles, import_files, make_session, make_specified_session, make_ticket

OURS = [model for app in ("sessions_app", "processing") for model in apps.get_app_config(app).get_models()]


@pytest.fixture
def session(people):
    return make_session(people.workspace)


@pytest.fixture
def ticket(session):
    ticket = make_ticket(session)
    TicketRevision.of(ticket)
    return ticket


@pytest.fixture
def task(session):
    return SessionTask.objects.create(session=session, total=4)


def refused(write, by=""):
    """The database refuses this write, by the constraint of this name (which SQLite tells of checks only)."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    if by and "UNIQUE" not in str(caught.value):
        assert by in str(caught.value)
    return True


# Constraints


@pytest.fixture
def one_of_each(session, ticket, people):
    import_files(session, Bundles=bundles(1))
    task = SessionTask.objects.create(session=session, total=4)
    other = make_ticket(session, 2)
    TicketDependency.objects.create(from_ticket=ticket, to_ticket=other)
    WorkItem.objects.create(
        task=task, key="a", position=1, entity_group="Content", input_hash="x", payload={}, status="pending"
    )
    SessionError.objects.create(session=session, code="x", error_category="temporary", user_message="No.")
    LLMCall.objects.create(workspace=people.workspace, provider="offline", input_hash="x", outcome="ok")


@pytest.mark.parametrize(
    ("model", "field", "name"),
    [
        (Session, "stage", "session_stage_is_known"),
        (Session, "granularity", "session_granularity_is_known"),
        (Ticket, "status", "ticket_status_is_known"),
        (Ticket, "source_state", "ticket_source_state_is_known"),
        (Ticket, "entity_group", "ticket_group_is_known"),
        (TicketDependency, "kind", "dependency_kind_is_known"),
        (TicketDependency, "source", "dependency_source_is_known"),
        (TicketDependency, "state", "dependency_state_is_known"),
        (UploadedFile, "validation_status", "file_validation_status_is_known"),
        (SourceRow, "disposition", "row_disposition_is_known"),
        (Membership, "role", "membership_role_is_known"),
        (SessionTask, "status", "task_status_is_known"),
        (SessionTask, "task_type", "task_type_is_known"),
        (WorkItem, "status", "item_status_is_known"),
        (SessionError, "error_category", "error_category_is_known"),
        (LLMCall, "outcome", "call_outcome_is_known"),
    ],
)
@pytest.mark.parametrize("value", ["nonsense", "", "DRAFT", "Draft"])
def test_a_state_that_is_not_known_is_refused_even_by_update(one_of_each, model, field, name, value):
    assert model.objects.exists()
    refused(lambda: model.objects.update(**{field: value}), name)


@pytest.mark.parametrize(
    ("model", "values", "name"),
    [
        (SessionTask, {"done": 5}, "task_counts_within_total"),
        (SessionTask, {"failed": 5}, "task_counts_within_total"),
        (SessionTask, {"done": 2, "failed": 3}, "task_counts_within_total"),
        (SessionTask, {"total": F("done") - 1}, ""),
        (Session, {"budget": -1}, "session_budget_is_not_negative"),
        (Session, {"ticket_counter": -1}, ""),
        (Ticket, {"title": ""}, "ticket_has_a_title"),
        (Ticket, {"version": -1}, ""),
        (TicketDependency, {"to_ticket": F("from_ticket")}, "no_ticket_needs_itself"),
        (WorkItem, {"attempts_left": -1}, ""),
    ],
)
def test_numbers_that_cannot_be_are_refused(one_of_each, model, values, name):
    refused(lambda: model.objects.update(**values), name)


def test_counts_up_to_the_total_are_fine(task):
    SessionTask.objects.filter(pk=task.pk).update(done=3, failed=1)

    task.refresh_from_db()
    assert (task.done, task.failed) == (3, 1)


def literals(constraint):
    """{field: values} of a constraint that lists the values of one field."""
    found = {}
    for child in constraint.condition.children:
        if not isinstance(child, Q) and child[0].endswith("__in"):
            found[child[0].removesuffix("__in")] = set(child[1])
    return found


LISTED = [
    pytest.param(model, field, values, id=f"{model.__name__}.{field}")
    for model in OURS
    for constraint in model._meta.constraints
    if isinstance(constraint, CheckConstraint)
    for field, values in literals(constraint).items()
]


@pytest.mark.parametrize(("model", "field", "values"), LISTED)
def test_a_constraint_lists_just_the_choices_of_its_field(model, field, values):
    choices = model._meta.get_field(field).choices
    known = {
        ("Ticket", "entity_group"): "GROUP_ORDER",
        ("SourceRow", "disposition"): "Disposition",
        ("UploadedFile", "validation_status"): "",
        ("WebhookSecret", "slot"): "AT_ONCE",
    }
    if (model.__name__, field) in known:
        from sessions_app.parsing.csv_types import GROUP_ORDER
        from sessions_app.parsing.rows import Disposition

        expected = {
            "entity_group": set(GROUP_ORDER),
            "disposition": {each.value for each in Disposition},
            "validation_status": {"valid", "warnings"},
            "slot": {1, 2},
        }[field]
    else:
        expected = {value for value, _ in choices}
    assert values == expected


def test_every_field_with_choices_has_such_a_constraint_or_a_reason():
    listed = {(each.values[0], each.values[1]) for each in LISTED}
    without = {
        (model.__name__, field.name)
        for model in OURS
        for field in model._meta.concrete_fields
        if field.choices and (model, field.name) not in listed
    }
    assert without == {
        ("Session", "language"),  # what models are asked for; a new one comes without a migration of rows
        ("UploadedFile", "csv_type"),  # a tab of the Spec Tool; new ones come with the parser, without a migration
    }


def test_every_constraint_is_named_by_what_it_says():
    for model in OURS:
        for constraint in model._meta.constraints:
            assert re.fullmatch(r"[a-z]+(_[a-z]+)+", constraint.name)


@pytest.mark.parametrize(
    "make",
    [
        lambda s, t: Session.objects.create(workspace=s.workspace, number=s.number, site_name="x"),
        lambda s, t: make_ticket(s, 2, key=t.key),
        lambda s, t: make_ticket(s, t.number, key="other"),
        lambda s, t: TicketRevision.of(t),
        lambda s, t: Membership.objects.create(workspace=s.workspace, user=s.workspace.memberships.first().user),
        lambda s, t: Workspace.objects.create(name="x", slug=s.workspace.slug),
        lambda s, t: [UploadedFile.objects.create(session=s, filename="a", csv_type="bundles") for _ in range(2)],
        lambda s, t: [OutboxEvent.objects.create(session_id=s.pk, task_id=s.pk, seq=1, payload={}) for _ in range(2)],
        lambda s, t: [
            OutboxEvent.objects.create(session_id=s.pk, task_id=s.pk, seq=n, payload={}, is_terminal=True)
            for n in range(2)
        ],
    ],
    ids=["session", "ticket key", "ticket number", "revision", "member", "slug", "file", "message", "last message"],
)
def test_what_is_one_of_its_kind_stays_so(session, ticket, make):
    refused(lambda: make(session, ticket))


def test_a_pair_of_tickets_has_one_dependency(session, ticket):
    other = make_ticket(session, 2)
    TicketDependency.objects.create(from_ticket=ticket, to_ticket=other)

    refused(lambda: TicketDependency.objects.create(from_ticket=ticket, to_ticket=other, kind="relates"))


# One unfinished task


@pytest.mark.parametrize("first", [str(status) for status in UNFINISHED])
@pytest.mark.parametrize("second", [str(status) for status in UNFINISHED])
def test_a_session_has_at_most_one_unfinished_task(session, first, second):
    SessionTask.objects.create(session=session, status=first)

    refused(lambda: SessionTask.objects.create(session=session, status=second, task_type="export"))


@pytest.mark.parametrize("status", [str(status) for status in FINISHED])
def test_any_number_of_finished_tasks_may_stand_beside_it(session, status):
    for _ in range(3):
        SessionTask.objects.create(session=session, status=status)
    SessionTask.objects.create(session=session, status="running")

    assert session.tasks.unfinished().count() == 1


def test_a_finished_task_cannot_be_woken_beside_a_new_one(session):
    old = SessionTask.objects.create(session=session, status="failed")
    SessionTask.objects.create(session=session, status="running")

    refused(lambda: SessionTask.objects.filter(pk=old.pk).update(status="running"))


def test_both_rooms_agree_on_what_is_unfinished():
    assert set(UNFINISHED_THERE) == set(UNFINISHED)
    assert set(UNFINISHED) | set(FINISHED) == set(TaskStatus)


# How a task moves

TASK_VERBS = {
    "plan": (lambda task: task.plan(4), {"pending"}, "running"),
    "pause": (lambda task: task.pause("Because."), {"running"}, "paused"),
    "resume": (lambda task: task.resume(), {"paused"}, "running"),
    "complete": (lambda task: task.complete(), {"running"}, "completed"),
    "fail": (lambda task: task.fail(ProcessingError("No.")), {"pending", "running", "paused"}, "failed"),
    "cancel": (lambda task: task.cancel(), {"pending", "running", "paused"}, "cancelled"),
}


@pytest.mark.parametrize(("verb", "status"), list(product(TASK_VERBS, [str(status) for status in TaskStatus])))
def test_a_task_moves_only_as_drawn(session, verb, status):
    act, may_come_from, becomes = TASK_VERBS[verb]
    task = SessionTask.objects.create(session=session, status=status, total=4, done=4)
    before = SessionTask.objects.values().get()

    if status in may_come_from:
        act(task)
        assert task.status == SessionTask.objects.get().status == becomes
    else:
        with pytest.raises(TaskMoved):
            act(task)
        assert SessionTask.objects.values().get() == before


def test_a_task_with_failures_completes_with_errors(session):
    task = SessionTask.objects.create(session=session, status="running", total=4, done=3)
    SessionTask.objects.update(failed=1)

    task.complete()

    assert task.status == "completed_with_errors"
    assert task.finished_at


def test_of_two_who_move_a_task_the_second_is_told_and_changes_nothing(session):
    task = SessionTask.objects.create(session=session, status="running")
    another = SessionTask.objects.get()
    task.cancel()

    with pytest.raises(TaskMoved, match="cancelled"):
        another.complete()

    assert SessionTask.objects.get().status == "cancelled"
    assert another.status == "cancelled"


def test_a_lease_is_extended_only_while_the_task_runs(session):
    task = SessionTask.objects.create(session=session, status="cancelled")

    task.extend_lease()

    assert SessionTask.objects.get().lease_until is None


def test_an_item_is_open_until_it_is_finished(task):
    for number, status in enumerate(ItemStatus):
        WorkItem.objects.create(
            task=task, key=f"{number}", position=1, entity_group="Content", input_hash="x", payload={}, status=status
        )

    assert set(task.items.open().values_list("status", flat=True)) == {"pending", "running"}


# How a ticket moves and is edited

TICKET_MOVES = {
    ("draft", "approved"),
    ("draft", "rejected"),
    ("approved", "rejected"),
    ("rejected", "approved"),
    ("approved", "draft"),
    ("rejected", "draft"),
    ("exported", "draft"),
    ("approved", "exported"),
}


@pytest.mark.parametrize(
    ("before", "after"), [pair for pair in product(Ticket.Status.values, repeat=2) if pair[0] != pair[1]]
)
def test_a_ticket_moves_only_as_drawn(ticket, before, after):
    Ticket.objects.update(status=before)

    if (before, after) in TICKET_MOVES:
        ticket.move_to(after)
        assert ticket.status == Ticket.objects.get().status == after
    else:
        with pytest.raises(WrongState, match=before):
            ticket.move_to(after)
        assert Ticket.objects.get().status == before


def test_a_move_to_where_the_ticket_is_already_is_no_error(ticket):
    ticket.move_to("approved")
    ticket.move_to("approved")

    assert ticket.status == "approved"


def test_every_version_of_a_text_is_kept_with_its_author(ticket, people):
    ticket.edit(editor=people.bob, seen_version=1, title="Two")
    ticket.edit(editor=people.rita, seen_version=2, analysis="Three")

    assert ticket.version == 3
    assert list(ticket.revisions.values_list("version", "title", "author")) == [
        (3, "Two", "rita"),
        (2, "Two", "bob"),
        (1, "Create content type Kind 1", "offline"),
    ]


def test_of_two_edits_of_one_version_the_first_wins_and_the_second_is_told(ticket, people):
    mine, theirs = Ticket.objects.get(), Ticket.objects.get()
    mine.edit(editor=people.alice, seen_version=1, title="Mine")

    with pytest.raises(StaleEdit) as caught:
        theirs.edit(editor=people.bob, seen_version=1, title="Theirs")

    assert caught.value.details == {"version": 2}
    assert Ticket.objects.get().title == "Mine"
    assert TicketRevision.objects.count() == 2


def test_an_edit_writes_nothing_but_the_text(ticket, people):
    stale = Ticket.objects.get()
    Ticket.objects.update(position=7, source_state="changed")

    stale.edit(editor=people.alice, seen_version=1, title="New", status="exported", position=1, key="x")

    now = Ticket.objects.get()
    assert (now.title, now.position, now.source_state, now.status) == ("New", 7, "changed", "draft")
    assert now.key == ticket.key


def test_an_edit_takes_the_ticket_out_of_the_machines_hands(ticket, people):
    assert Ticket.objects.untouched().exists()

    ticket.edit(editor=people.alice, seen_version=1, title="New")

    assert not Ticket.objects.untouched().exists()


def test_a_history_outlives_its_author(ticket, people):
    ticket.edit(editor=people.bob, seen_version=1, title="Bob's")
    people.bob.delete()

    assert ticket.revisions.get(version=2).author == "bob"


# How a session moves


def test_a_session_goes_forward_and_may_skip(session):
    session.move_to("upload")
    session.move_to("review")

    assert Session.objects.get().stage == "review"
    assert not AuditEvent.objects.filter(action="session.stage_back").exists()


def test_a_step_back_is_audited(session, people):
    session.move_to("review")
    session.move_to("processing", by=people.bob)

    event = AuditEvent.objects.get(action="session.stage_back")
    assert (event.user_name, event.details) == ("bob", {"from": "review", "to": "processing"})


def test_an_archived_session_stays_where_it_is(session):
    session.move_to("archived")

    with pytest.raises(WrongState, match="archived"):
        session.move_to("upload")
    assert Session.objects.get().stage == "archived"


def test_of_two_who_move_a_session_the_second_is_told(session):
    another = Session.objects.get()
    session.move_to("review")

    with pytest.raises(WrongState, match="review"):
        another.move_to("upload")
    assert Session.objects.get().stage == "review"


def test_activity_starts_the_retention_period_again(session):
    Session.objects.update(last_activity_at="2020-01-01T00:00:00Z")

    session.touch()

    assert Session.objects.get().last_activity_at.year > 2020


# Numbers


def test_sessions_are_numbered_within_their_workspace(people):
    mine = [make_session(people.workspace).number for _ in range(3)]
    theirs = make_session(people.charlies).number

    assert (mine, theirs) == ([1, 2, 3], 1)


def test_a_number_is_not_given_twice_after_a_deletion_in_between(people):
    first, second, third = (make_session(people.workspace) for _ in range(3))
    delete_session(second, by=None)

    assert make_session(people.workspace).number == 4
    assert {first.number, third.number} == {1, 3}


def test_ticket_numbers_are_reserved_without_overlap(session):
    assert session.next_ticket_number(3) == 1
    assert session.next_ticket_number() == 4
    assert session.next_ticket_number(2) == 5


# Who sees what

PEOPLE = ("alice", "bob", "rita", "vera", "charlie")


@pytest.mark.parametrize(
    ("queryset", "allowed"),
    [
        ("visible_to", {"alice", "bob", "rita", "vera"}),
        ("reviewable_by", {"alice", "bob", "rita"}),
        ("editable_by", {"alice", "bob"}),
    ],
)
def test_sessions_are_found_by_those_who_may(people, session, queryset, allowed):
    find = getattr(Session.objects, queryset)

    assert {name for name in PEOPLE if session in find(getattr(people, name))} == allowed
    assert not find(AnonymousUser()).exists()


def test_workspaces_and_tickets_are_found_by_members_alone(people, ticket):
    for name in PEOPLE:
        user = getattr(people, name)
        assert (people.workspace in Workspace.objects.visible_to(user)) == (name != "charlie")
        assert (people.workspace in Workspace.objects.editable_by(user)) == (name in {"alice", "bob"})
        assert Ticket.objects.visible_to(user).exists() == (name != "charlie")
    for find in (Workspace.objects.visible_to, Workspace.objects.editable_by, Ticket.objects.visible_to):
        assert not find(AnonymousUser()).exists()


def test_what_one_sees_is_seen_once(people, session):
    add_member(create_workspace("Other", owner=people.alice), people.bob, "editor", by=people.alice)

    assert Session.objects.visible_to(people.alice).count() == 1
    assert Workspace.objects.visible_to(people.alice).count() == 2


# Workspaces


def test_workspaces_of_one_name_get_slugs_of_their_own(people):
    assert create_workspace("Northfield", owner=people.bob).slug == "northfield-2"
    assert create_workspace("漢字", owner=people.bob).slug == "workspace"


def test_a_workspace_keeps_its_last_owner(people):
    owner = people.workspace.memberships.get(user=people.alice)

    with pytest.raises(WrongState, match="owner"):
        remove_member(owner, by=people.alice)
    with pytest.raises(WrongState, match="owner"):
        change_role(owner, "viewer", by=people.alice)

    change_role(people.workspace.memberships.get(user=people.bob), "owner", by=people.alice)
    change_role(owner, "viewer", by=people.alice)
    assert people.workspace.role_of(people.alice) == "viewer"


def test_adding_a_member_again_changes_the_role(people):
    add_member(people.workspace, people.vera, "editor", by=people.alice)

    assert people.workspace.memberships.filter(user=people.vera).count() == 1
    assert people.workspace.role_of(people.vera) == "editor"


def test_a_role_that_does_not_exist_is_refused(people):
    with pytest.raises(WrongState):
        add_member(people.workspace, people.vera, "king", by=people.alice)
    assert people.workspace.role_of(people.vera) == "viewer"


def test_nobody_and_strangers_have_no_role(people):
    assert people.workspace.role_of(people.charlie) == people.workspace.role_of(AnonymousUser()) == ""


# The audit log


def test_audit_rows_survive_what_they_tell_of(people):
    session = make_specified_session(people.workspace, 1, 1)
    session_id, workspace_id = session.pk, people.workspace.pk
    delete_session(session, by=people.bob)
    people.bob.delete()
    people.workspace.delete()

    event = AuditEvent.objects.get(action="session.deleted")
    assert (event.object_id, event.object_name) == (str(session_id), "Northfield University (S-1)")
    assert (event.user_name, event.workspace_id) == ("bob", workspace_id)


def test_the_audit_log_has_no_foreign_keys():
    assert not [field for field in AuditEvent._meta.get_fields() if field.is_relation]


def test_an_audit_row_finds_its_workspace(people, ticket):
    for thing in (people.workspace, ticket.session, ticket):
        assert AuditEvent.record("test", thing).workspace_id == people.workspace.pk


def test_audit_rows_are_cut_to_what_fits(people):
    session = make_session(people.workspace, site_name="x" * 200)
    Session.objects.update(site_name="x" * 200)

    event = AuditEvent.record("test", session, by=AnonymousUser())

    assert len(event.object_name) <= 255
    assert (event.user_id, event.user_name) == ("", "")


def test_deleting_a_workspace_takes_all_it_has(people, one_of_each):
    people.workspace.delete()

    for model in (
        Session,
        Ticket,
        TicketRevision,
        UploadedFile,
        SourceRow,
        SessionTask,
        WorkItem,
        SessionError,
        LLMCall,
    ):
        assert not model.objects.exists(), model


def test_ids_cannot_be_guessed():
    for model in (Workspace, Session, Ticket, UploadedFile, SessionTask, SessionError):
        assert isinstance(model._meta.pk.get_default(), uuid.UUID)


@pytest.mark.django_db(transaction=True)
def test_a_token_that_is_revoked_while_it_is_used_is_no_fault(people):
    token, _ = AuthToken.objects.create(people.alice)
    AuthToken.objects.all().delete()

    TokenUse.note(token)

    assert not TokenUse.objects.exists()
