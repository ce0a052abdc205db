"""Calls that a provider answers together, cheaper and later (the economy mode)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from processing.errors import TaskMoved

from .tasks import SessionTask, lease


class BatchStatus(models.TextChoices):
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COLLECTED = "collected"
    CANCELLED = "cancelled"
    FAILED = "failed"


class BatchQuerySet(models.QuerySet["ProviderBatch"]):
    def open(self) -> BatchQuerySet:
        return self.filter(status__in=ProviderBatch.OPEN)

    def unattended(self, now: datetime) -> BatchQuerySet:
        """Open, and nobody is at work on them."""
        return self.open().filter(Q(held_until__isnull=True) | Q(held_until__lt=now))


class ProviderBatch(models.Model):
    """One batch of a task's items.

    submitting -> submitted -> collected | cancelled | failed;  submitting -> failed.

    Written before the batch is submitted, so that one whose submission was interrupted is found by its ``id`` (it is
    sent along) and not paid for twice. The items it covers are ``running`` with ``owner`` as their lease's owner; as
    long as the batch is open their own leases do not count. ``held_until``: somebody is at work on this batch and has
    given a sign of life, so others leave it alone. ``answered`` is what the provider says, None where it says nothing.
    """

    Status = BatchStatus
    OPEN = (BatchStatus.SUBMITTING, BatchStatus.SUBMITTED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.ForeignKey(SessionTask, on_delete=models.CASCADE, related_name="batches")
    owner = models.UUIDField(default=uuid.uuid4, unique=True)
    provider = models.CharField(max_length=40)
    remote_id = models.CharField(max_length=120, blank=True)
    status = models.CharField(max_length=12, choices=BatchStatus.choices, default=BatchStatus.SUBMITTING)
    size = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(null=True, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    cancel_asked_at = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        verbose_name_plural = "provider batches"
        indexes = [models.Index(fields=["status", "looked_at"])]
        constraints = [
            CheckConstraint(
                condition=Q(status__in=["submitting", "submitted", "collected", "cancelled", "failed"]),
                name="batch_status_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} batch {self.remote_id or self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    def hold(self) -> bool:
        """Take the batch to work on it; False if somebody else is at it, or it is closed."""
        now = timezone.now()
        held = ProviderBatch.objects.unattended(now).filter(pk=self.pk).update(held_until=now + lease())
        self.refresh_from_db()
        return bool(held)

    def beat(self) -> None:
        """A sign of life from whoever holds it."""
        ProviderBatch.objects.open().filter(pk=self.pk).update(held_until=timezone.now() + lease())

    def let_go(self) -> None:
        ProviderBatch.objects.open().filter(pk=self.pk).update(held_until=None)

    def submitted(self, remote_id: str) -> None:
        """The provider has it. Raises TaskMoved if it was given up meanwhile."""
        self._move(BatchStatus.SUBMITTED, (BatchStatus.SUBMITTING,), remote_id=remote_id)

    def close(self, status: BatchStatus, message: str = "") -> None:
        """Nothing more will come of it. Raises TaskMoved if it was closed before."""
        self._move(status, self.OPEN, error_message=message[:500], held_until=None)

    def _move(self, status: BatchStatus, only_from: tuple[BatchStatus, ...], **fields: Any) -> None:
        moved = ProviderBatch.objects.filter(pk=self.pk, status__in=only_from).update(status=status, **fields)
        self.refresh_from_db()
        if not moved:
            raise TaskMoved(f"The batch is {self.get_status_display().lower()}.")
