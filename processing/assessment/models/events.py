"""What outside systems are told of batches: events written with what they tell, and where they were delivered."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from processing.models.encrypted import EncryptedTextField
from sessions_app.models import Workspace

from .batches import AssessmentBatch

if TYPE_CHECKING:
    from datetime import datetime


class AssessmentEvent(models.Model):
    """An EventEnvelope, written in the transaction of what it tells. Its id is the envelope's ``event_id``, by which a
    reader knows one that comes twice. A batch says each thing once, and has one last word.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(AssessmentBatch, on_delete=models.CASCADE, related_name="events")
    event_type = models.CharField(max_length=60)
    is_terminal = models.BooleanField(default=False)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    relayed_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            UniqueConstraint(fields=["batch", "event_type"], name="one_event_of_a_type_per_assessment"),
            UniqueConstraint(fields=["batch"], condition=Q(is_terminal=True), name="one_last_event_per_assessment"),
        ]

    def __str__(self) -> str:
        return self.event_type


class WebhookTarget(models.Model):
    """Where a workspace wants its events sent to. ``secret`` signs them; it is shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="assessment_targets")
    url = models.URLField(max_length=300)
    secret = EncryptedTextField()
    hint = models.CharField(max_length=4)
    is_active = models.BooleanField(default=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["made_at"]
        constraints = [UniqueConstraint(fields=["workspace", "url"], name="one_target_per_address")]

    def __str__(self) -> str:
        return self.url

    def clean(self) -> None:
        """Raises ValidationError where the address must not be called."""
        from processing.export.errors import NotSent
        from processing.export.wire import require_allowed

        try:
            require_allowed(self.url)
        except NotSent as error:
            raise ValidationError({"url": error.message.replace("tracker", "receiver")}) from None


class DeliveryQuerySet(models.QuerySet["EventDelivery"]):
    def due(self, now: datetime) -> DeliveryQuerySet:
        return self.filter(state=EventDelivery.State.PENDING, next_at__lte=now)


class EventDelivery(models.Model):
    """One event on its way to one target: pending -> delivered | failed."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.ForeignKey(AssessmentEvent, on_delete=models.CASCADE, related_name="deliveries")
    target = models.ForeignKey(WebhookTarget, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "event deliveries"
        indexes = [models.Index(fields=["state", "next_at"])]
        constraints = [
            CheckConstraint(
                condition=Q(state__in=["pending", "delivered", "failed"]), name="event_delivery_state_is_known"
            ),
            UniqueConstraint(fields=["event", "target"], name="one_delivery_per_event_and_target"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.target} ({self.state})"
