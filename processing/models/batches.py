"""Calls that a provider answers together, cheaper and later (the economy mode)."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import CheckConstraint, Q

from .tasks import SessionTask


class BatchStatus(models.TextChoices):
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    COLLECTED = "collected"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ProviderBatch(models.Model):
    """One batch of a task's items.

    submitting -> submitted -> collected | cancelled | failed;  submitting -> failed.

    Written before the batch is submitted, so that one whose submission was interrupted is found by its ``id`` (it is
    sent along) and not paid for twice. The items it covers are ``running`` with ``owner`` as their lease's owner.
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
    answered = models.PositiveIntegerField(default=0)
    error_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    looked_at = models.DateTimeField(null=True, blank=True)

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
