"""How well a ticket is cut, by the six INVEST criteria."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import CheckConstraint, Q

from sessions_app.models import Ticket


class RubricScore(models.Model):
    """``criteria``: independent, negotiable, valuable, estimable, small, testable -> {score 1-5, reason}; ``total`` is
    their mean. It holds for ``ticket_version``; an edit leaves it behind.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="invest")
    ticket_version = models.PositiveIntegerField()
    criteria = models.JSONField()
    total = models.FloatField()
    provider = models.CharField(max_length=40)
    llm_model = models.CharField(max_length=120, blank=True)
    scored_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-total"]
        constraints = [CheckConstraint(condition=Q(total__gte=1, total__lte=5), name="invest_total_is_within_1_and_5")]

    def __str__(self) -> str:
        return f"INVEST {self.total:.1f} of {self.ticket_id}"
