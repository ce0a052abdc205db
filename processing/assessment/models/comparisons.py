"""One comparison of two texts by one judge."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from .batches import AssessedItem, AssessmentBatch

if TYPE_CHECKING:
    from datetime import datetime


class Winner(models.TextChoices):
    ESSAY_A = "essay_a", "First"
    ESSAY_B = "essay_b", "Second"
    TIE = "tie", "Tie"
    ERROR = "error", "No result"


class JudgeKind(models.TextChoices):
    MODEL = "model", "Model"
    OUTSIDE = "outside", "Outside judge"
    PERSON = "person", "Person"


class PairQuerySet(models.QuerySet["ComparisonPair"]):
    def waiting(self) -> PairQuerySet:
        return self.filter(completed_at__isnull=True)

    def judged(self) -> PairQuerySet:
        """With a result that scores can be made of."""
        return self.filter(completed_at__isnull=False).exclude(winner=Winner.ERROR)

    def for_model(self, now: datetime) -> PairQuerySet:
        """Waiting for a model, held by no worker, and due."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        due = Q(not_before__isnull=True) | Q(not_before__lte=now)
        return self.waiting().filter(free, due, judge_kind=JudgeKind.MODEL)


class ComparisonPair(models.Model):
    """``essay_a`` is shown first. A result is taken once: by one conditional UPDATE where ``completed_at`` is null.

    ``judge`` names who judges or judged ("openai gpt-…", "person alice", "outside"); ``votes`` are a model's answers in
    both orders, if both were asked. ``is_held_out``: chosen by chance to test the scores with.
    """

    Winner = Winner
    JudgeKind = JudgeKind

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(AssessmentBatch, on_delete=models.CASCADE, related_name="comparison_pairs")
    essay_a = models.ForeignKey(AssessedItem, on_delete=models.CASCADE, related_name="+")
    essay_b = models.ForeignKey(AssessedItem, on_delete=models.CASCADE, related_name="+")
    request_correlation_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    position = models.PositiveIntegerField()
    round = models.PositiveSmallIntegerField(default=1)
    is_held_out = models.BooleanField(default=False)
    judge_kind = models.CharField(max_length=10, choices=JudgeKind.choices)
    judge_place = models.PositiveSmallIntegerField(default=0)
    judge = models.CharField(max_length=170, blank=True)
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    winner = models.CharField(max_length=10, choices=Winner.choices, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    votes = models.JSONField(default=list, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.JSONField(default=dict, blank=True)
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts_left = models.PositiveSmallIntegerField(default=4)
    not_before = models.DateTimeField(null=True, blank=True)

    objects = PairQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        indexes = [
            models.Index(fields=["batch", "judge_kind", "completed_at", "position"], name="pairs_waiting_for_a_judge"),
            models.Index(fields=["batch", "completed_at"], name="pairs_by_result"),
        ]
        constraints = [
            CheckConstraint(condition=~Q(essay_a=F("essay_b")), name="comparison_is_of_two_texts"),
            CheckConstraint(
                condition=Q(winner__in=["", "essay_a", "essay_b", "tie", "error"]), name="comparison_winner_is_known"
            ),
            CheckConstraint(
                condition=Q(winner="", completed_at__isnull=True) | (~Q(winner="") & Q(completed_at__isnull=False)),
                name="comparison_has_a_result_once_it_is_completed",
            ),
            CheckConstraint(condition=Q(judge_kind__in=["model", "outside", "person"]), name="judge_kind_is_known"),
            UniqueConstraint(
                fields=["batch", "essay_a", "essay_b", "judge_place"], name="one_comparison_per_pair_and_judge"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.essay_a_id} : {self.essay_b_id} ({self.winner or 'waiting'})"


class PairSkip(models.Model):
    """A person could not say; somebody else may."""

    pair = models.ForeignKey(ComparisonPair, on_delete=models.CASCADE, related_name="skips")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [UniqueConstraint(fields=["pair", "user"], name="one_skip_per_pair_and_person")]

    def __str__(self) -> str:
        return f"{self.user_id} skipped {self.pair_id}"
