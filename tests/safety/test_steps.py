"""CHECKLIST 6, 7, 8: no step can be skipped, of many who begin one does, and what fails midway has changed nothing."""

from functools import partial

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from rq import Queue
from rq.serializers import JSONSerializer

from processing.generation.service import ProcessingService
from processing.models import SessionTask, TicketValidation, TrackerConnection
from processing.models.tasks import UNFINISHED
from processing.validation.texts import text_of
from sessions_app.actions import duplicates, review
from sessions_app.models import AuditEvent, BulkChange, Session, Ticket, TicketRevision, UploadedFile
from tests.factories import bundles, import_files, make_session, make_specified_session, make_ticket
from tests.test_access import CONNECTION, fingerprint
from tests.threads import at_once

PLACES = st.integers(0, 1)


class Steps(RuleBasedStateMachine):
    """Two tickets of a session, by the API's doors, in any order; beside it what is known of them."""

    people = None
    sent = 0
    """Exports that were let through, of all examples."""

    @initialize()
    def begin(self):
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.api = self.people.api("alice")
        self.session = make_specified_session(self.people.workspace)
        self.tickets = [make_ticket(self.session, number) for number in (1, 2)]
        self.connection = TrackerConnection(workspace=self.people.workspace, **CONNECTION)
        self.connection.set_token("a-token")
        self.connection.save()
        self.path = f"/api/sessions/{self.session.pk}"
        self.known = {ticket.pk: ["draft", 1, None, None] for ticket in self.tickets}
        """Status, version, the version that was approved, the version that was validated."""
        self.is_busy = False

    def teardown(self):
        if hasattr(self, "atomic"):
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    def patch(self, place, **body):
        return self.api.patch(f"{self.path}/tickets/{self.tickets[place].pk}", body).status_code

    @rule(place=PLACES, lag=st.integers(0, 1))
    def edit(self, place, lag):
        known = self.known[self.tickets[place].pk]
        seen = known[1] - lag
        code = self.patch(place, title=f"Title after {known[1]}", version=max(seen, 1))
        assert code == (200 if max(seen, 1) == known[1] else 409)
        if code == 200:
            known[:3] = ["draft", known[1] + 1, None]

    @rule(place=PLACES, status=st.sampled_from(["approved", "rejected", "draft"]), lag=st.integers(0, 1))
    def judge(self, place, status, lag):
        known = self.known[self.tickets[place].pk]
        seen = max(known[1] - lag, 1)
        code = self.patch(place, status=status, version=seen, rejection_reason="It is not.")
        if seen != known[1]:
            assert code == 409 or known[0] == status
        elif code == 200:
            known[0], known[2] = status, (known[1] if status == "approved" else None)

    @rule(place=PLACES)
    def exported_by_hand(self, place):
        assert self.patch(place, status="exported", version=self.known[self.tickets[place].pk][1]) == 400

    @rule(place=PLACES)
    def validate(self, place):
        ticket = Ticket.objects.get(pk=self.tickets[place].pk)
        looked_at = text_of(self.session, ticket)
        fields = {"ticket_version": ticket.version, "text_hash": looked_at.digest, "valid": True}
        TicketValidation.objects.update_or_create(
            ticket=ticket, defaults={**fields, "validated_at": ticket.updated_at, "problems": []}
        )
        self.known[ticket.pk][3] = ticket.version

    @rule(place=PLACES)
    def read_and_approve(self, place):
        """The way that is meant to be gone."""
        self.validate(place)
        self.judge(place, "approved", 0)

    @rule()
    def export(self):
        under_way = self.of_type("export")
        answer = self.api.post(f"{self.path}/export", {"connection": str(self.connection.pk)})
        approved = [each for each in self.known.values() if each[0] == "approved"]
        ready = approved and all(version == validated for _, version, _, validated in approved)
        begins = bool(ready and not self.is_busy)
        assert (answer.status_code == 202) == (begins or under_way), answer.content
        type(self).sent += begins
        self.is_busy = self.is_busy or begins

    @rule()
    def generate(self):
        code = self.api.post(f"{self.path}/process").status_code
        assert (code == 202) == (not self.is_busy or self.of_type("processing"))
        self.is_busy = True

    @rule()
    def stop(self):
        codes = [self.api.post(f"{self.path}/{verb}").status_code for verb in ("process/cancel", "export/cancel")]
        assert (200 in codes) == self.is_busy
        self.is_busy = False

    @rule(verb=st.sampled_from(["process/pause", "process/resume", "process/retry", "export/pause", "export/resume"]))
    def hold(self, verb):
        """What waits for its worker is neither held nor resumed; what was cancelled may be tried again."""
        code = self.api.post(f"{self.path}/{verb}").status_code
        assert code in (409, 422, 400) or verb == "process/retry"
        self.is_busy = self.is_busy or code == 202

    def of_type(self, kind):
        return SessionTask.objects.filter(session=self.session, task_type=kind, status__in=UNFINISHED).exists()

    @invariant()
    def as_known(self):
        if not hasattr(self, "known"):
            return
        for ticket in Ticket.objects.filter(session=self.session):
            assert [ticket.status, ticket.version, ticket.approved_version] == self.known[ticket.pk][:3]
            assert ticket.status != "approved" or ticket.approved_version == ticket.version
            assert list(ticket.revisions.values_list("version", flat=True)) == list(range(ticket.version, 1, -1))
        unfinished = SessionTask.objects.filter(session=self.session, status__in=UNFINISHED)
        assert unfinished.count() == int(self.is_busy)


@pytest.mark.django_db
def test_steps_come_in_their_order_whatever_is_tried(people, redis):
    class Tried(Steps):
        pass

    Tried.people = people
    run_state_machine_as_test(
        Tried,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Tried.sent, "the way that is open was never gone"


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_start_at_once_one_does(people, redis):
    session = make_specified_session(people.workspace)

    def start(person):
        return ProcessingService(by=person).generate_tickets(Session.objects.get(pk=session.pk))

    answers = at_once(*(partial(start, person) for person in (people.alice, people.bob) * 10))

    assert [answer["already_running"] for answer in answers].count(False) == 1
    assert len(answers) == 20
    assert SessionTask.objects.count() == 1
    assert Queue("default", connection=redis, serializer=JSONSerializer).count == 1


class Broken(Exception):
    """What nobody expects."""


def refuse(*_, **__):
    raise Broken


def bulk(session, people):
    review.bulk(session, session.tickets.all(), "approve", by=people.alice)


def undo(session, people):
    review.undo(BulkChange.objects.get(), by=people.alice)


def merge(session, people):
    kept, other = session.tickets.all()[:2]
    duplicates.merge(kept, other, by=people.alice, seen_version=1)


def edit(session, people):
    session.tickets.first().edit(editor=people.alice, seen_version=1, title="Another")


def bring_in(session, people):
    import_files(session, Bundles=bundles(3))


def start(session, people):
    ProcessingService(by=people.alice).generate_tickets(session)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("deed", "broken"),
    [
        (bulk, (AuditEvent, "record")),
        (undo, (AuditEvent, "record")),
        (merge, (AuditEvent, "record")),
        (edit, (TicketRevision, "of")),
        (bring_in, (AuditEvent, "record")),
        (start, (AuditEvent, "record")),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_breaks_at_its_last_line_has_changed_nothing(deed, broken, people, redis, monkeypatch):
    """Each writes several rows; the last of them fails, as if the machine had."""
    session = make_specified_session(people.workspace)
    for number in (1, 2, 3):
        make_ticket(session, number)
    review.bulk(session, session.tickets.filter(number=3), "approve", by=people.alice)
    before = fingerprint()
    with monkeypatch.context() as patched:
        patched.setattr(*broken, refuse)
        with pytest.raises(Broken):
            deed(session, people)
    assert {name for name, digest in fingerprint().items() if before[name] != digest} <= {"files"}

    deed(session, people)

    assert fingerprint() != before


@pytest.mark.django_db
def test_among_many_those_of_others_stay_as_they_are(people):
    """CHECKLIST 3: ids of other sessions and workspaces in a list of one's own."""
    session, second = make_session(people.workspace), make_session(people.workspace)
    mine, sister, strange = make_ticket(session), make_ticket(second), make_ticket(make_session(people.charlies))
    ids = [str(each.pk) for each in (mine, sister, strange)]
    people.api("alice").post(f"/api/sessions/{session.pk}/tickets/bulk", {"tickets": ids, "action": "approve"})
    people.browser("alice").post(f"/sessions/{second.pk}/tickets/bulk/", {"ticket": ids[2:], "verb": "approve"})

    assert [Ticket.objects.get(pk=each.pk).status for each in (mine, sister, strange)] == ["approved", "draft", "draft"]
    assert UploadedFile.objects.count() == 0
