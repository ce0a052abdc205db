"""What people say and do about tickets: comments, requests for changes, and actions on many that can be undone,
and which tickets are not the same.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from .sessions import Session
from .tickets import Ticket


class TicketComment(models.Model):
    """A remark on a ticket. A request for changes stays open until somebody resolves it."""

    class Kind(models.TextChoices):
        COMMENT = "comment"
        CHANGE_REQUEST = "change_request", "Request for changes"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="comments")
    kind = models.CharField(max_length=15, choices=Kind.choices, default=Kind.COMMENT)
    text = models.TextField(max_length=5000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    author_name = models.CharField(max_length=150)
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            CheckConstraint(condition=Q(kind__in=["comment", "change_request"]), name="comment_kind_is_known")
        ]

    def __str__(self) -> str:
        return f"{self.author_name} on {self.ticket_id}"

    @property
    def is_open_request(self) -> bool:
        return self.kind == self.Kind.CHANGE_REQUEST and self.resolved_at is None


class BulkChange(models.Model):
    """One action on many tickets. ``changes`` has what it takes to undo it: a list of {ticket, version, from, to}."""

    class Verb(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"
        REOPEN = "reopen"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="bulk_changes")
    verb = models.CharField(max_length=10, choices=Verb.choices)
    changes = models.JSONField(default=list)
    skipped = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            CheckConstraint(condition=Q(verb__in=["approve", "reject", "reopen"]), name="bulk_verb_is_known")
        ]

    def __str__(self) -> str:
        return f"{self.verb} of {len(self.changes)} tickets"


class DuplicateDecision(models.Model):
    """What was decided about two tickets that looked like one. ``first`` has the smaller number."""

    class Verdict(models.TextChoices):
        KEPT = "kept", "Two things"
        MERGED = "merged"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="duplicate_decisions")
    first = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            UniqueConstraint(fields=["first", "second"], name="one_decision_per_pair"),
            CheckConstraint(condition=Q(verdict__in=["kept", "merged"]), name="duplicate_verdict_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()}: {self.first_id} and {self.second_id}"
