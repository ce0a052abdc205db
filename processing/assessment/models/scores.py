"""What the comparisons of a batch came to."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from .batches import AssessmentBatch


class ScoringRun(models.Model):
    """One fit. ``rankings``: a list by rank of {item, essay_id, title, rank, score, error, low, high, best, worst,
    tied_with, scale, one_sided, infit, comparisons, anchor}; of an A/B comparison a list of {variant, name, wins, …}.
    ``panel`` says how far to trust it; ``disagreements`` where judges differ.
    """

    class Kind(models.TextChoices):
        PROVISIONAL = "provisional"
        FINAL = "final"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(AssessmentBatch, on_delete=models.CASCADE, related_name="scoring_runs")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    comparisons = models.PositiveIntegerField()
    rankings = models.JSONField(default=list)
    panel = models.JSONField(default=dict)
    disagreements = models.JSONField(default=list)
    duration_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            CheckConstraint(condition=Q(kind__in=["provisional", "final"]), name="scoring_kind_is_known"),
            UniqueConstraint(fields=["batch", "kind"], name="one_scoring_of_a_kind_per_assessment"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} scores from {self.comparisons} comparisons"
