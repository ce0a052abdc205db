"""The order of work: who needs whom, decided by people where the specification does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from sessions_app.errors import CyclicDependency, WrongState
from sessions_app.graph import Edge, path_between, work_order
from sessions_app.models import AuditEvent, Session, Ticket, TicketDependency
from sessions_app.models.tickets import DependencyQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser

Kind, Source, State = TicketDependency.Kind, TicketDependency.Source, TicketDependency.State
AT_ONCE = 1_000


def dependencies_of(session: Session) -> DependencyQuerySet:
    return TicketDependency.objects.filter(from_ticket__session=session)


def add_dependency(waiting: Ticket, needed: Ticket, *, by: Person) -> TicketDependency:
    """``waiting`` needs ``needed`` first. Raises CyclicDependency with the path that would become a circle."""
    if waiting.session_id != needed.session_id:
        raise WrongState("Both tickets have to be of the same session.", recovery_actions=())
    if waiting.pk == needed.pk:
        raise CyclicDependency("A ticket cannot need itself.", details={"path": [waiting.short_key]})
    with alone(waiting.session):
        _require_no_circle(waiting, needed)
        made, _ = TicketDependency.objects.update_or_create(
            from_ticket=waiting,
            to_ticket=needed,
            defaults={"kind": Kind.BLOCKS, "state": State.ACTIVE},
            create_defaults={"kind": Kind.BLOCKS, "state": State.ACTIVE, "source": Source.PERSON},
        )
        _record("dependency.added", made, by)
        reorder(waiting.session)
    return made


def remove_dependency(link: TicketDependency, *, by: Person) -> None:
    """A person's goes; one of the specification is cut, so that the next run does not bring it back."""
    with alone(link.from_ticket.session):
        _record("dependency.removed", link, by)
        if link.source == Source.PERSON:
            link.delete()
        else:
            TicketDependency.objects.filter(pk=link.pk).update(state=State.CUT)
        reorder(link.from_ticket.session)


def decide_cut(link: TicketDependency, *, accept: bool, by: Person) -> None:
    """Accept a proposed cut, or reject it: then the dependency holds. Raises CyclicDependency if it closes a circle."""
    with alone(link.from_ticket.session):
        if not TicketDependency.objects.filter(pk=link.pk).exclude(state=State.ACTIVE).exists():
            raise WrongState("There is no cut to decide about.")
        if not accept:
            _require_no_circle(link.from_ticket, link.to_ticket)
        TicketDependency.objects.filter(pk=link.pk).update(state=State.CUT if accept else State.ACTIVE)
        _record("dependency.cut_accepted" if accept else "dependency.cut_rejected", link, by)
        reorder(link.from_ticket.session)


def move(ticket: Ticket, before: Ticket, *, by: Person) -> None:
    """Put a ticket before another one of its group. Raises WrongState where a dependency forbids that place."""
    if (ticket.session_id, ticket.entity_group) != (before.session_id, before.entity_group) or ticket.pk == before.pk:
        raise WrongState("A ticket moves within its group.", recovery_actions=())
    with alone(ticket.session):
        tickets = {each.key: each for each in _in_order(ticket.session)}
        keys = [key for key in tickets if key != ticket.key]
        keys.insert(keys.index(before.key), ticket.key)
        places = {key: place for place, key in enumerate(keys)}
        for waiting, needed in _edges(ticket.session):
            if ticket.key in (waiting, needed) and places.get(needed, -1) > places.get(waiting, 0):
                raise WrongState(
                    f"{tickets[waiting].short_key} needs {tickets[needed].short_key} first.",
                    recovery_actions=("Remove the dependency, or choose a place that respects it.",),
                )
        _place([tickets[key] for key in keys])
        AuditEvent.record(
            "ticket.moved", ticket, by=by, details={"ticket": ticket.short_key, "before": before.short_key}
        )


def reorder(session: Session) -> None:
    """Positions that respect all dependencies that hold, and else change as little as they can."""
    tickets = {each.key: each for each in _in_order(session)}
    _place([tickets[key] for key in work_order(list(tickets), _edges(session)).nodes])


def order_by(session: Session, keys: Sequence[str], *, by: Person) -> None:
    """Tickets in the order of ``keys`` as far as dependencies allow; those it leaves out come behind, as they were."""
    with alone(session):
        tickets = {each.key: each for each in _in_order(session)}
        wanted = dict.fromkeys([key for key in keys if key in tickets] + list(tickets))
        _place([tickets[key] for key in work_order(list(wanted), _edges(session)).nodes])
        AuditEvent.record("tickets.ordered", session, by=by, details={"tickets": len(wanted)})


def sprints(tickets: Sequence[Ticket], capacity: int) -> list[Sequence[Ticket]]:
    """The order of work in slices of ``capacity`` tickets: a suggestion; nothing comes before what it needs."""
    return [tickets[start : start + capacity] for start in range(0, len(tickets), max(1, capacity))]


def hand_over(other: Ticket, kept: Ticket) -> None:
    """Who needed ``other``, or was needed by it, now does so with ``kept``; what would be a circle falls away.

    Call it within ``alone``.
    """
    edges = _edges(kept.session)
    links = dependencies_of(kept.session).filter(Q(from_ticket=other) | Q(to_ticket=other))
    for link in links.select_related("from_ticket", "to_ticket"):
        waiting = kept if link.from_ticket_id == other.pk else link.from_ticket
        needed = kept if link.to_ticket_id == other.pk else link.to_ticket
        taken = TicketDependency.objects.filter(from_ticket=waiting, to_ticket=needed).exists()
        if waiting != needed and not taken and link.state == State.ACTIVE:
            if link.kind == Kind.BLOCKS and path_between(needed.key, waiting.key, edges):
                continue
            TicketDependency.objects.create(from_ticket=waiting, to_ticket=needed, kind=link.kind, source=Source.PERSON)
            edges.append((waiting.key, needed.key))
    links.delete()
    reorder(kept.session)


@contextmanager
def alone(session: Session) -> Iterator[None]:
    """A transaction in which nobody else changes the session's graph: two people cannot make a circle together."""
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        yield


def _require_no_circle(waiting: Ticket, needed: Ticket) -> None:
    path = path_between(needed.key, waiting.key, _edges(waiting.session))
    if path:
        names = dict(waiting.session.tickets.filter(key__in=path).values_list("key", "number"))
        told = [f"T-{names[key]}" for key in (waiting.key, *path)]
        raise CyclicDependency(f"That would be a circle: {' needs '.join(told)}.", details={"path": told})


def _edges(session: Session) -> list[Edge]:
    """(waiting, needed) keys of all that binds."""
    links = dependencies_of(session).active().filter(kind=Kind.BLOCKS)
    return list(links.values_list("from_ticket__key", "to_ticket__key"))


def _in_order(session: Session) -> Sequence[Ticket]:
    return list(session.tickets.in_order().only("session_id", "key", "number", "position", "entity_group"))


def _place(tickets: Sequence[Ticket]) -> None:
    moved = []
    for place, ticket in enumerate(tickets, start=1):
        if ticket.position != place:
            ticket.position = place
            moved.append(ticket)
    Ticket.objects.bulk_update(moved, ["position"], batch_size=AT_ONCE)


def _record(action: str, link: TicketDependency, by: Person) -> None:
    details = {"from": link.from_ticket.short_key, "to": link.to_ticket.short_key}
    AuditEvent.record(action, link.from_ticket, by=by, details=details)
