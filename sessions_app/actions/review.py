"""Judging tickets, one or many; what was done to many can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from sessions_app.errors import NothingToDo, WrongState
from sessions_app.filters import filtered_tickets
from sessions_app.models import AuditEvent, BulkChange, Session, Ticket, TicketComment, TicketRevision
from sessions_app.models.tickets import TEXT_FIELDS, TicketQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser

AT_ONCE = 500


@dataclass
class BulkResult:
    """What became of each: ``done`` and ``skipped`` as (ticket's short key, words)."""

    change: BulkChange | None = None
    done: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def change_id(self) -> UUID | None:
        """What to undo it by; None where nothing was changed."""
        return self.change.pk if self.change else None


def judge(ticket: Ticket, verb: str, *, by: Person, seen_version: int, reason: str = "") -> None:
    """approve, reject or reopen one ticket as it was seen. Raises WrongState or StaleEdit."""
    with transaction.atomic():
        _apply(ticket, verb, by=by, seen_version=seen_version, reason=reason)
        details = {"ticket": ticket.short_key, "version": seen_version} | ({"reason": reason} if reason else {})
        AuditEvent.record(f"ticket.{verb}", ticket, by=by, details=details)


def _apply(ticket: Ticket, verb: str, *, by: Person, seen_version: int, reason: str) -> None:
    match verb:
        case BulkChange.Verb.APPROVE:
            ticket.approve(by=by, seen_version=seen_version)
        case BulkChange.Verb.REJECT:
            ticket.reject(reason, seen_version=seen_version)
        case BulkChange.Verb.REOPEN:
            ticket.reopen(seen_version=seen_version)
        case _:
            raise WrongState("There is no such action.")


def chosen(session: Session, ids: Iterable[UUID], filters: Mapping[str, str] | None) -> TicketQuerySet:
    """The tickets that were selected, or all that match the filters where these are given."""
    if filters is not None:
        return filtered_tickets(session, filters).in_backlog()
    return session.tickets.in_order().filter(pk__in=list(ids))


_TARGETS = {
    BulkChange.Verb.APPROVE: Ticket.Status.APPROVED,
    BulkChange.Verb.REJECT: Ticket.Status.REJECTED,
    BulkChange.Verb.REOPEN: Ticket.Status.DRAFT,
}


def bulk(session: Session, wanted: TicketQuerySet, verb: str, *, by: Person, reason: str = "") -> BulkResult:
    """Judge many tickets as they are now; those that cannot be are skipped with the reason.

    Raises NothingToDo where none is chosen, WrongState for an unknown verb or a rejection without a reason.
    """
    if verb not in BulkChange.Verb.values:
        raise WrongState("There is no such action.")
    reason = reason.strip()[:500]
    if verb == BulkChange.Verb.REJECT and not reason:
        raise WrongState("Say why: a rejection needs a reason.", recovery_actions=())
    target = _TARGETS[BulkChange.Verb(verb)]
    result = BulkResult()
    with transaction.atomic():
        tickets = list(wanted.select_for_update().only("session_id", "number", "status", "version", "rejection_reason"))
        if not tickets:
            raise NothingToDo("No ticket is selected.", recovery_actions=("Select tickets, or all that match.",))
        moving = [ticket for ticket in tickets if ticket.status in Ticket.MAY_FOLLOW[target]]
        for ticket in tickets:
            if ticket.status == target:
                result.skipped.append((ticket.short_key, f"It is {ticket.get_status_display().lower()} already."))
            elif ticket.status not in Ticket.MAY_FOLLOW[target]:
                words = f"It is {ticket.get_status_display().lower()}, so it cannot become {target.label.lower()}."
                result.skipped.append((ticket.short_key, words))
        for start in range(0, len(moving), AT_ONCE):
            ids = [ticket.pk for ticket in moving[start : start + AT_ONCE]]
            approving = verb == BulkChange.Verb.APPROVE
            Ticket.objects.filter(pk__in=ids).update(
                status=target,
                approved_version=F("version") if approving else None,
                approved_by_id=by.pk if approving else None,
                rejection_reason=reason if verb == BulkChange.Verb.REJECT else "",
                updated_at=timezone.now(),
            )
        result.done = [ticket.short_key for ticket in moving]
        if moving:
            changes = [
                {
                    "ticket": str(ticket.pk),
                    "version": ticket.version,
                    "from": ticket.status,
                    "to": target,
                    "reason": ticket.rejection_reason,
                }
                for ticket in moving
            ]
            result.change = BulkChange.objects.create(
                session=session, verb=verb, changes=changes, skipped=result.skipped, by_id=by.pk
            )
            details = {"count": len(changes), "change": str(result.change.pk)}
            AuditEvent.record(f"tickets.{verb}", session, by=by, details=details)
    return result


def undo(change: BulkChange, *, by: Person) -> BulkResult:
    """Put back what the action changed, where nobody has done anything since. Raises WrongState the second time."""
    result = BulkResult(change)
    with transaction.atomic():
        if not BulkChange.objects.filter(pk=change.pk, undone_at=None).update(undone_at=timezone.now()):
            raise WrongState("This was undone already.")
        tickets = Ticket.objects.in_bulk([UUID(each["ticket"]) for each in change.changes])
        for each in change.changes:
            ticket = tickets.get(UUID(each["ticket"]))
            if ticket is None:
                continue
            approved = each["from"] == Ticket.Status.APPROVED
            put_back = Ticket.objects.filter(pk=ticket.pk, version=each["version"], status=each["to"]).update(
                status=each["from"],
                approved_version=each["version"] if approved else None,
                rejection_reason=each["reason"],
                updated_at=timezone.now(),
            )
            if put_back:
                result.done.append(ticket.short_key)
            else:
                result.skipped.append((ticket.short_key, "It was changed since."))
        AuditEvent.record("tickets.undo", change.session, by=by, details={"change": str(change.pk)})
    return result


def comment(ticket: Ticket, text: str, *, by: Person, is_request: bool = False) -> TicketComment:
    """Say something about a ticket. A request for changes sends an approval back to draft."""
    if not text.strip():
        raise WrongState("An empty comment says nothing.", recovery_actions=())
    kind = TicketComment.Kind.CHANGE_REQUEST if is_request else TicketComment.Kind.COMMENT
    with transaction.atomic():
        made = TicketComment.objects.create(
            ticket=ticket,
            kind=kind,
            text=text.strip()[:5000],
            author_id=by.pk,
            author_name=by.get_username(),
            version=ticket.version,
        )
        if is_request and ticket.status == Ticket.Status.APPROVED:
            ticket.reopen()
    return made


def resolve(said: TicketComment) -> None:
    """The request has been met."""
    TicketComment.objects.filter(pk=said.pk, resolved_at=None).update(resolved_at=timezone.now())


def restore(ticket: Ticket, revision: TicketRevision, *, by: Person, seen_version: int, only: str = "") -> Any:
    """Make an earlier version, or one section of it, the text again: as a new version. Raises StaleEdit."""
    names = [only] if only in TEXT_FIELDS else list(TEXT_FIELDS)
    return ticket.edit(editor=by, seen_version=seen_version, **{name: getattr(revision, name) for name in names})
