"""Connections to the fake trackers, tickets to send, and what has to be true of every finished export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.utils import timezone

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour, FakeTracker
from processing.export.service import ExportService, latest_export
from processing.models import ExportRecord, ExportRun, SessionTask, TicketValidation, TrackerConnection
from sessions_app.models import Session, Ticket, TicketDependency
from tests.factories import make_session, make_ticket

TOKEN = "the-secret-token-of-alice"
ACCOUNT = "alice@example.org"


@contextmanager
def running(tracker: FakeTracker) -> Iterator[FakeTracker]:
    tracker.start()
    try:
        yield tracker
    finally:
        tracker.close()


def make_connection(workspace: Any, tracker: FakeTracker, **fields: Any) -> TrackerConnection:
    jira = isinstance(tracker, FakeJira)
    defaults: dict[str, Any] = {
        "name": "The tracker",
        "target": "jira" if jira else "github",
        "base_url": tracker.url,
        "account": ACCOUNT if jira else "",
        "project": tracker.project,  # type: ignore[attr-defined]
        "pace": 0,
    }
    connection = TrackerConnection(workspace=workspace, **{**defaults, **fields})
    connection.set_token(TOKEN)
    connection.save()
    return connection


def make_approved(workspace: Any, count: int, links: Callable[[int], list[int]] = lambda number: []) -> Session:
    """A session with so many approved tickets; ``links(n)``: numbers of those that ticket n needs."""
    session = make_session(workspace)
    tickets = {
        number: make_ticket(session, number, status="approved", facts=[], csv_source={"filename": "B.csv", "rows": [1]})
        for number in range(1, count + 1)
    }
    TicketValidation.objects.bulk_create(_valid(ticket) for ticket in tickets.values())
    TicketDependency.objects.bulk_create(
        TicketDependency(from_ticket=tickets[number], to_ticket=tickets[other])
        for number in tickets
        for other in links(number)
    )
    return session


def _valid(ticket: Ticket) -> TicketValidation:
    return TicketValidation(
        ticket=ticket, ticket_version=ticket.version, text_hash="x", valid=True, size=1, validated_at=timezone.now()
    )


def rewrite(session: Session, number: int, title: str) -> None:
    """Another text, read, approved and validated."""
    ticket = session.tickets.get(number=number)
    Ticket.objects.filter(pk=ticket.pk).update(title=title, status="approved", version=ticket.version + 1)
    TicketValidation.objects.filter(ticket=ticket).update(ticket_version=ticket.version + 1)


def expected_links(session: Session) -> set[tuple[str, str]]:
    """(what blocks, what is blocked), by title."""
    edges = TicketDependency.objects.filter(from_ticket__session=session, kind="blocks")
    return set(edges.values_list("to_ticket__title", "from_ticket__title"))


def require_whole_export(session: Session, jira: FakeJira) -> None:
    """Each ticket is one issue, each dependency one link the right way round, and we know it."""
    titles = Counter(issue.fields["summary"] for issue in jira.issues.values())
    assert titles == Counter(session.tickets.values_list("title", flat=True))
    by_key = {key: issue.fields["summary"] for key, issue in jira.issues.items()}
    made = Counter((by_key[inward], by_key[outward]) for kind, inward, outward in jira.links if kind == "Blocks")
    assert made == Counter(expected_links(session))
    known = ExportRecord.objects.filter(session=session, step="issue")
    assert {record.remote_key: record.title.partition(" ")[2] for record in known} == by_key
    assert set(ExportRecord.objects.filter(session=session).values_list("status", flat=True)) <= {
        "created",
        "linked",
        "updated",
    }
    assert set(session.tickets.values_list("status", flat=True)) == {Ticket.Status.EXPORTED}


def let_leases_run_out() -> None:
    """As if 90 seconds had passed."""
    past = timezone.now() - timedelta(seconds=1000)
    ExportRun.objects.exclude(owner=None).update(beaten_at=past)
    SessionTask.objects.update(lease_until=past)


def start(session: Session, connection: TrackerConnection, **options: Any) -> SessionTask:
    return ExportService().start_export(session, connection, **options)


def exported(
    session: Session, connection: TrackerConnection, run_jobs: Callable[[], None], **options: Any
) -> SessionTask:
    """Start, work until it is over, and return the task."""
    start(session, connection, **options)
    run_jobs()
    task = latest_export(session)
    assert task
    return task


__all__ = ["Behaviour"]
