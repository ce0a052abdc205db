"""What the check of a ticket's text as ADF found, and for which text that holds."""

from __future__ import annotations

from django.db import models
from django.db.models import CheckConstraint, F, Q

from sessions_app.models import Session, Ticket
from sessions_app.models.tickets import TicketQuerySet


class ValidationQuerySet(models.QuerySet["TicketValidation"]):
    def of(self, session: Session) -> ValidationQuerySet:
        """Those of the tickets that may leave: neither rejected nor gone from the specification."""
        return self.filter(ticket__in=to_validate(session))

    def current(self) -> ValidationQuerySet:
        """Of the text that the ticket has now."""
        return self.filter(ticket_version=F("ticket__version"))

    def valid_and_current(self, session: Session) -> ValidationQuerySet:
        return self.of(session).current().filter(valid=True)

    def invalid(self, session: Session) -> ValidationQuerySet:
        return self.of(session).current().filter(valid=False)

    def stale(self, session: Session) -> ValidationQuerySet:
        """The ticket was edited or written again since."""
        return self.of(session).exclude(ticket_version=F("ticket__version"))

    def missing(self, session: Session) -> TicketQuerySet:
        """Tickets that were never looked at."""
        return to_validate(session).filter(validation__isnull=True)


class TicketValidation(models.Model):
    """The result for one version of one ticket. An edit makes it stale, for the version is another one then.

    ``problems`` is a list of {kind, pointer, message, line, section, blocking}; ``valid`` means that none is blocking.
    ``size`` counts the characters of the document as JSON; ``text_hash`` is of the Markdown that was looked at.
    """

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, primary_key=True, related_name="validation")
    ticket_version = models.PositiveIntegerField()
    text_hash = models.CharField(max_length=64)
    valid = models.BooleanField()
    problems = models.JSONField(default=list, blank=True)
    size = models.PositiveIntegerField(default=0)
    validated_at = models.DateTimeField()

    objects = ValidationQuerySet.as_manager()

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(valid=True) | ~Q(problems=[]), name="invalid_tickets_have_problems"),
        ]

    def __str__(self) -> str:
        return f"{'valid' if self.valid else 'invalid'}: {self.ticket_id} version {self.ticket_version}"

    def holds_for(self, version: int, text_hash: str) -> bool:
        """Whether this is about that text."""
        return (self.ticket_version, self.text_hash) == (version, text_hash)


def to_validate(session: Session) -> TicketQuerySet:
    """Tickets that may leave, in working order."""
    return session.tickets.in_backlog().in_order().exclude(status=Ticket.Status.REJECTED)
