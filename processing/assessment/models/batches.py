"""A batch of texts to be ranked, and the texts."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.urls import reverse
from django.utils import timezone

from sessions_app.errors import WrongState
from sessions_app.models import Session, Ticket, Workspace
from sessions_app.models.workspaces import MAY_EDIT, MAY_REVIEW

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

MOST_ITEMS: Final = 5_000
MOST_COMPARISONS: Final = 100_000
LONGEST_TEXT: Final = 50_000
DEFAULT_THRESHOLD_PCT: Final = 80
DEFAULT_SUCCESS_RATE: Final = 0.8


class State(models.TextChoices):
    PENDING = "PENDING", "Not started"
    GENERATING_PAIRS = "GENERATING_PAIRS", "Choosing pairs"
    WAITING_CALLBACKS = "WAITING_CALLBACKS", "Being judged"
    SCORING = "SCORING", "Scoring"
    COMPLETED = "COMPLETED", "Completed"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


TERMINAL: Final = (State.COMPLETED, State.FAILED, State.CANCELLED)
TAKING: Final = (State.WAITING_CALLBACKS, State.SCORING)
"""States in which results move the batch on. They are counted in all of them."""


class CompletionMode(models.TextChoices):
    FULL = "full", "All results are in"
    PARTIAL = "partial", "Enough results, and no more waiting"
    FORCED_RECOVERY = "forced_recovery", "Recovered when results stopped coming"


class AssessmentQuerySet(models.QuerySet["AssessmentBatch"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> AssessmentQuerySet:
        return self.filter(workspace__memberships__user_id=user.pk) if user.is_authenticated else self.none()

    def editable_by(self, user: AbstractBaseUser | AnonymousUser) -> AssessmentQuerySet:
        return self._with_role(user, MAY_EDIT)

    def judgeable_by(self, user: AbstractBaseUser | AnonymousUser) -> AssessmentQuerySet:
        return self._with_role(user, MAY_REVIEW)

    def _with_role(self, user: AbstractBaseUser | AnonymousUser, roles: frozenset[str]) -> AssessmentQuerySet:
        if not user.is_authenticated:
            return self.none()
        return self.filter(workspace__memberships__user_id=user.pk, workspace__memberships__role__in=roles)

    def past_deadline(self, state: str, now: datetime) -> AssessmentQuerySet:
        return self.filter(state=state, deadline_at__lt=now)

    def to_finalise(self, now: datetime) -> AssessmentQuerySet:
        """Everything is in, or waited for long enough, and no worker is at the last scoring."""
        return self.filter(state=State.SCORING, is_finalising=True, deadline_at__lt=now)


class AssessmentBatch(models.Model):
    """Texts, a question about them, and where their comparison stands (the seed's upload and state in one row).

    PENDING -> GENERATING_PAIRS -> WAITING_CALLBACKS -> SCORING -> COMPLETED;  any of the first four -> FAILED |
    CANCELLED.  WAITING_CALLBACKS -> SCORING when all results are in, when ``completion_threshold_pct`` of the budget
    are (then late results are still taken until ``grace_seconds`` are over), or when the monitor forces it.

    ``outside_id`` is the id of whoever asked (seed: bos_batch_id); ``event_correlation_id`` goes through all that is
    said about the batch, while each comparison has a ``request_correlation_id`` of its own. ``total_budget`` is the
    number of comparisons to be made and the only denominator. ``judges``: a list of {kind: model | outside | person,
    provider, model}; ``overlap``: the share of pairs that every judge gets. ``deadline_at`` is when somebody has to
    look: in WAITING_CALLBACKS the end of the time-out, which each result moves on; in SCORING the end of the grace, or
    of the lease of the worker who ``is_finalising``; in GENERATING_PAIRS of the job's.

    ``seq`` numbers what browsers are told of it; ``is_untold``: something happened since (``progress``).
    """

    State = State
    CompletionMode = CompletionMode

    class Kind(models.TextChoices):
        RANKING = "ranking", "Ranking"
        AB = "ab", "A/B comparison"

    class Source(models.TextChoices):
        TEXTS = "texts", "Pasted or uploaded texts"
        TICKETS = "tickets", "Tickets of a session"
        API = "api", "API"
        EVENT = "event", "Request event"

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        State.GENERATING_PAIRS: (State.PENDING,),
        State.WAITING_CALLBACKS: (State.GENERATING_PAIRS,),
        State.SCORING: (State.WAITING_CALLBACKS,),
        State.COMPLETED: (State.SCORING,),
        State.FAILED: (State.PENDING, State.GENERATING_PAIRS, State.WAITING_CALLBACKS, State.SCORING),
        State.CANCELLED: (State.PENDING, State.GENERATING_PAIRS, State.WAITING_CALLBACKS, State.SCORING),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="assessments")
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.CASCADE, related_name="assessments")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.RANKING)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.TEXTS)
    title = models.CharField(max_length=200)
    question = models.CharField(max_length=1000)
    outside_id = models.CharField(max_length=200, blank=True)
    event_correlation_id = models.UUIDField(default=uuid.uuid4)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PENDING)
    completion_mode = models.CharField(max_length=20, choices=CompletionMode.choices, blank=True)
    partial_scoring_triggered = models.BooleanField(default=False)
    is_finalising = models.BooleanField(default=False)
    judges = models.JSONField(default=list)
    both_orders = models.BooleanField(default=False)
    adaptive = models.BooleanField(default=False)
    overlap = models.FloatField(default=0.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    target_reliability = models.FloatField(null=True, blank=True)
    item_count = models.PositiveIntegerField(default=0)
    total_budget = models.PositiveIntegerField(default=0)
    total_comparisons = models.PositiveIntegerField(default=0)
    completed_comparisons = models.PositiveIntegerField(default=0)
    failed_comparisons = models.PositiveIntegerField(default=0)
    completion_threshold_pct = models.PositiveSmallIntegerField(default=DEFAULT_THRESHOLD_PCT)
    min_success_rate = models.FloatField(default=DEFAULT_SUCCESS_RATE)
    grace_seconds = models.PositiveIntegerField(default=600)
    timeout_seconds = models.PositiveIntegerField(default=4 * 3600)
    deadline_at = models.DateTimeField(null=True, blank=True)
    budget = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    hold_reason = models.CharField(max_length=300, blank=True)
    equal_failures = models.PositiveSmallIntegerField(default=0)
    last_failure_cause = models.CharField(max_length=60, blank=True)
    chance_seed = models.PositiveIntegerField(default=0)
    variants = models.JSONField(default=list, blank=True)
    error_detail = models.JSONField(default=dict, blank=True)
    seq = models.PositiveBigIntegerField(default=0, db_default=0)
    announced_at = models.DateTimeField(null=True, blank=True)
    is_untold = models.BooleanField(default=False, db_default=False)
    request_id = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = AssessmentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "assessment batches"
        indexes = [
            models.Index(fields=["state", "deadline_at"]),
            models.Index(fields=["workspace", "-created_at"]),
            models.Index(fields=["id"], condition=Q(is_untold=True), name="assessments_to_be_told_of"),
        ]
        constraints = [
            CheckConstraint(
                condition=Q(
                    state__in=[
                        "PENDING",
                        "GENERATING_PAIRS",
                        "WAITING_CALLBACKS",
                        "SCORING",
                        "COMPLETED",
                        "FAILED",
                        "CANCELLED",
                    ]
                ),
                name="assessment_state_is_known",
            ),
            CheckConstraint(
                condition=Q(completion_mode__in=["", "full", "partial", "forced_recovery"]),
                name="assessment_completion_mode_is_known",
            ),
            CheckConstraint(condition=Q(kind__in=["ranking", "ab"]), name="assessment_kind_is_known"),
            CheckConstraint(
                condition=Q(source__in=["texts", "tickets", "api", "event"]), name="assessment_source_is_known"
            ),
            CheckConstraint(
                condition=Q(total_comparisons__gte=F("completed_comparisons") + F("failed_comparisons")),
                name="assessment_counts_within_total",
            ),
            CheckConstraint(
                condition=Q(completion_threshold_pct__gte=1, completion_threshold_pct__lte=100),
                name="assessment_threshold_is_a_percentage",
            ),
            CheckConstraint(
                condition=Q(min_success_rate__gte=0, min_success_rate__lte=1), name="assessment_success_rate_is_a_ratio"
            ),
            UniqueConstraint(
                fields=["workspace", "outside_id"], condition=~Q(outside_id=""), name="one_assessment_per_outside_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"

    def get_absolute_url(self) -> str:
        return reverse("assessments:detail", args=[self.pk])

    @property
    def bos_batch_id(self) -> str:
        """The seed's name of the outside id."""
        return self.outside_id

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def is_finished(self) -> bool:
        """As sockets ask."""
        return self.is_terminal

    @property
    def processed(self) -> int:
        return self.completed_comparisons + self.failed_comparisons

    @property
    def completion_threshold(self) -> float:
        """As a ratio (D-44)."""
        return self.completion_threshold_pct / 100

    @property
    def progress_percentage(self) -> float:
        """Results that are in, in percent of the budget; 100.0 only once the batch is completed."""
        if self.state == State.COMPLETED:
            return 100.0
        return min(99.9, round(100 * self.processed / self.total_budget, 1)) if self.total_budget else 0.0

    @property
    def error_message(self) -> str:
        """The sentence of ``error_detail`` (D-54)."""
        return str(self.error_detail.get("user_message", ""))

    @property
    def asks_people(self) -> bool:
        return any(judge["kind"] == "person" for judge in self.judges)

    @property
    def asks_models(self) -> bool:
        return any(judge["kind"] == "model" for judge in self.judges)

    @property
    def asks_outside(self) -> bool:
        return any(judge["kind"] == "outside" for judge in self.judges)

    def move_to(self, state: str, *, only_from: str | None = None, **fields: Any) -> None:
        """By compare-and-set. Raises WrongState if somebody was faster, or the batch cannot go there."""
        if not self.moved_to(state, only_from=only_from, **fields):
            raise WrongState(f"This assessment is {self.get_state_display().lower()}.")

    def moved_to(self, state: str, *, only_from: str | None = None, **fields: Any) -> bool:
        """The same, saying whether it was this call that moved it."""
        may_come_from = (only_from,) if only_from else self.MAY_FOLLOW[state]
        if state in TERMINAL:
            ended = {"finished_at": timezone.now(), "deadline_at": None, "is_finalising": False, "is_untold": False}
            fields = {**ended, **fields}
        moved = AssessmentBatch.objects.filter(pk=self.pk, state__in=may_come_from).update(state=state, **fields)
        self.refresh_from_db()
        return bool(moved)

    def due_in(self, seconds: float) -> datetime:
        return timezone.now() + timedelta(seconds=seconds)


class AssessedItem(models.Model):
    """One text. ``outside_ref`` is what whoever asked calls it (seed: essay_id); ``writer`` is who wrote it, if a model
    did ("openai gpt-…"), so that a judge's preference for its own can be seen. ``anchor_score``: its score on the scale
    of an earlier batch, which this batch's scale is then moved onto. In an A/B comparison ``variant`` is A or B, and
    ``pair_key`` joins the two texts about one thing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(AssessmentBatch, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()
    outside_ref = models.CharField(max_length=240)
    title = models.CharField(max_length=255, blank=True)
    text_content = models.TextField()
    ticket = models.ForeignKey(Ticket, null=True, blank=True, on_delete=models.SET_NULL, related_name="assessed")
    ticket_version = models.PositiveIntegerField(null=True, blank=True)
    writer = models.CharField(max_length=170, blank=True)
    variant = models.CharField(max_length=1, blank=True)
    pair_key = models.CharField(max_length=240, blank=True)
    anchor_score = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            UniqueConstraint(fields=["batch", "number"], name="one_item_per_number_of_assessment"),
            UniqueConstraint(fields=["batch", "outside_ref"], name="one_item_per_reference_of_assessment"),
        ]

    def __str__(self) -> str:
        return self.title or self.outside_ref
