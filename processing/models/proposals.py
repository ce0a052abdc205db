"""Another text for a ticket, written by a model when a person asked for it; it waits beside the present one."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils import timezone

from processing.errors import TaskMoved
from sessions_app.models import Ticket
from sessions_app.models.tickets import TEXT_FIELDS

if TYPE_CHECKING:
    from sessions_app.errors import AppError
    from sessions_app.marks import Mark

LONGEST_INSTRUCTION = 2_000


class ProposalStatus(models.TextChoices):
    PENDING = "pending", "Waiting for a worker"
    RUNNING = "running", "Being written"
    READY = "ready", "Waiting for a decision"
    FAILED = "failed", "Could not be written"
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


UNDECIDED = (ProposalStatus.PENDING, ProposalStatus.RUNNING, ProposalStatus.READY, ProposalStatus.FAILED)


class ProposalQuerySet(models.QuerySet["TicketProposal"]):
    def undecided(self) -> ProposalQuerySet:
        return self.filter(status__in=UNDECIDED)

    def to_write(self) -> ProposalQuerySet:
        return self.filter(status__in=(ProposalStatus.PENDING, ProposalStatus.RUNNING))

    def left_alone(self, now: datetime) -> ProposalQuerySet:
        """To be written, but nobody has given a sign of life for as long as the lease holds."""
        return self.to_write().filter(lease_until__lt=now)


class TicketProposal(models.Model):
    """A version that does not count yet.

    pending -> running -> ready | failed;  ready -> accepted;  failed -> pending;  any but accepted -> discarded.

    ``sections`` are those of TEXT_FIELDS that were to be written; ``content`` has their texts once it is ready, and
    ``fact_marks`` what the cells do not bear out in them. ``revises`` is the proposal whose text this one starts from.
    ``variant`` tells apart wishes with the same words, so that the second one is not answered from the ledger.
    """

    Status = ProposalStatus

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        ProposalStatus.PENDING: (ProposalStatus.FAILED,),
        ProposalStatus.READY: (ProposalStatus.RUNNING,),
        ProposalStatus.FAILED: (ProposalStatus.RUNNING,),
        ProposalStatus.ACCEPTED: (ProposalStatus.READY,),
        ProposalStatus.DISCARDED: UNDECIDED,
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="proposals")
    revises = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    instruction = models.TextField(max_length=LONGEST_INSTRUCTION, blank=True)
    sections = models.JSONField(default=list)
    base_version = models.PositiveIntegerField()
    variant = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=ProposalStatus.choices, default=ProposalStatus.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField()
    content = models.JSONField(default=dict, blank=True)
    fact_marks = models.JSONField(default=list, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    llm_model = models.CharField(max_length=120, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    fallback_reason = models.CharField(max_length=300, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    written_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["status", "lease_until"])]
        constraints = [
            CheckConstraint(condition=Q(status__in=ProposalStatus.values), name="proposal_status_is_known"),
            CheckConstraint(condition=~Q(sections=[]), name="proposal_is_of_something"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()}: {self.instruction[:60] or 'written again'}"

    @property
    def author(self) -> str:
        """Who wrote it for whom, as the history shows it."""
        return f"{' '.join(filter(None, (self.provider, self.llm_model)))} for {self.asked_by_name}"[:200]

    @property
    def is_being_written(self) -> bool:
        return self.status in (ProposalStatus.PENDING, ProposalStatus.RUNNING)

    @property
    def of_everything(self) -> bool:
        return set(self.sections) == set(TEXT_FIELDS)

    def claim(self, seconds: float) -> bool:
        """Take it for oneself for so long; False if somebody else has it, or nobody needs it any more."""
        now = timezone.now()
        free = Q(status=ProposalStatus.PENDING) | Q(status=ProposalStatus.RUNNING, lease_until__lt=now)
        taken = TicketProposal.objects.filter(free, pk=self.pk).update(
            status=ProposalStatus.RUNNING, attempts=F("attempts") + 1, lease_until=now + timedelta(seconds=seconds)
        )
        self.refresh_from_db()
        return bool(taken)

    def keep(self, content: dict[str, str], marks: list[Mark], **more: Any) -> bool:
        """The text is there; False if it was discarded in the meantime. ``more``: who wrote it and what it cost."""
        return self._move(
            ProposalStatus.READY, content=content, fact_marks=marks, written_at=timezone.now(), error_code="", **more
        )

    def fail(self, error: AppError, cost: Decimal | None = None) -> bool:
        return self._move(ProposalStatus.FAILED, error_code=error.code, error_message=error.message[:500], cost=cost)

    def try_again(self) -> None:
        """Raises TaskMoved unless it failed."""
        if not self._move(ProposalStatus.PENDING, lease_until=timezone.now(), attempts=0):
            raise TaskMoved("Only what could not be written can be tried again.")

    def discard(self) -> None:
        """Raises TaskMoved if it is decided."""
        if not self._move(ProposalStatus.DISCARDED, decided_at=timezone.now()):
            raise TaskMoved("This proposal is decided already.")

    def take(self) -> None:
        """The ticket has the text now. Raises TaskMoved if it is not ready (any more)."""
        if not self._move(ProposalStatus.ACCEPTED, decided_at=timezone.now()):
            raise TaskMoved("This proposal cannot be accepted: it is decided already, or not written yet.")

    def _move(self, status: str, **fields: Any) -> bool:
        present = TicketProposal.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status])
        moved = bool(present.update(status=status, **fields))
        self.refresh_from_db()
        return moved
