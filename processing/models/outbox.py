"""Messages written in the transaction of what they tell, so that neither is ever without the other."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import UniqueConstraint


class OutboxQuerySet(models.QuerySet["OutboxEvent"]):
    def unsent(self) -> OutboxQuerySet:
        return self.filter(sent_at__isnull=True)

    def after(self, task_id: uuid.UUID | str, seq: int) -> OutboxQuerySet:
        """Messages of one task after number ``seq``, in order."""
        return self.filter(task_id=task_id, seq__gt=seq).order_by("seq")


class OutboxEvent(models.Model):
    """One message of a task: the log that browsers are replayed from. ``seq`` counts from 1 without a gap."""

    session_id = models.UUIDField(db_index=True)
    task_id = models.UUIDField()
    seq = models.PositiveBigIntegerField()
    channel = models.CharField(max_length=120)
    is_terminal = models.BooleanField(default=False)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    sent_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            UniqueConstraint(fields=["task_id", "seq"], name="one_message_per_number"),
            UniqueConstraint(
                fields=["task_id"], condition=models.Q(is_terminal=True), name="one_last_message_per_task"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} #{self.seq}"
