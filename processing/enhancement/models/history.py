"""Runs of the enhancement: one per job, however often it is delivered, and each attempt at it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Count, F, Q, UniqueConstraint
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from processing.models.tasks import lease
from sessions_app.errors import WrongState
from sessions_app.models import Ticket, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

MOST_ATTEMPTS: Final = 4
"""The first, and three retries."""


class Status(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Origin(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    API = "api", "API"
    QUEUE = "queue", "Redis list"
    PAGE = "page", "A person"


class HistoryQuerySet(models.QuerySet["EnhancementHistory"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> HistoryQuerySet:
        """Runs of the workspaces that the user is a member of."""
        return self.filter(workspace__memberships__user_id=user.pk) if user.is_authenticated else self.none()

    def open(self) -> HistoryQuerySet:
        return self.filter(status__in=(Status.PENDING, Status.RUNNING))

    def due(self, now: datetime) -> HistoryQuerySet:
        """Waiting, and not for a later moment."""
        return self.filter(status=Status.PENDING, not_before__lte=now)

    def abandoned(self, now: datetime) -> HistoryQuerySet:
        """Running, and whoever ran it has given no sign of life since its lease ran out."""
        return self.filter(status=Status.RUNNING, lease_until__lt=now)


class EnhancementHistory(models.Model):
    """One help-desk ticket's enhancement.

    pending -> running -> completed | failed;  running -> pending to be tried again;  pending -> failed;
    failed -> pending when a person asks, or when what was invalid is delivered well-formed.

    ``job_id`` names the job within its workspace, whose slug is the ``tenant_id``. ``attempts`` are counted since the
    run was last asked for; ``deadline_at`` ends all of them. ``correlation_id`` joins the webhook with the write-back.
    ``sources`` says of each place that was searched how it went; ``result_summary`` is one sentence for lists.
    ``linked_ticket`` is the ticket of a session that this one was made for, or adopted as.
    """

    Status = Status
    Origin = Origin

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.RUNNING: (Status.PENDING,),
        Status.PENDING: (Status.RUNNING, Status.FAILED),
        Status.COMPLETED: (Status.RUNNING,),
        Status.FAILED: (Status.PENDING, Status.RUNNING),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="enhancements")
    job_id = models.CharField(max_length=120)
    ticket_id = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=300, blank=True)
    description = models.TextField(blank=True)
    priority = models.CharField(max_length=60, blank=True)
    url = models.URLField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict, blank=True)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.WEBHOOK)
    text_hash = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    deadline_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    processing_time_ms = models.PositiveIntegerField(null=True, blank=True)
    result_summary = models.CharField(max_length=500, blank=True)
    sources = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    linked_ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.SET_NULL, related_name="enhancements"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = HistoryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "enhancement history"
        indexes = [
            models.Index(fields=["workspace", "-created_at"]),
            models.Index(fields=["workspace", "ticket_id"]),
            models.Index(fields=["status", "not_before"]),
            models.Index(fields=["status", "lease_until"]),
        ]
        constraints = [
            UniqueConstraint(fields=["workspace", "job_id"], name="one_enhancement_per_job"),
            CheckConstraint(
                condition=Q(status__in=["pending", "running", "completed", "failed"]),
                name="enhancement_status_is_known",
            ),
            CheckConstraint(
                condition=Q(origin__in=["webhook", "api", "queue", "page"]), name="enhancement_origin_is_known"
            ),
            CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False), name="what_runs_has_a_lease"
            ),
            CheckConstraint(
                condition=~Q(status__in=["completed", "failed"]) | Q(finished_at__isnull=False),
                name="what_is_finished_says_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id or self.job_id} ({self.status})"

    @property
    def tenant_id(self) -> str:
        return self.workspace.slug

    @property
    def is_finished(self) -> bool:
        return self.status in (Status.COMPLETED, Status.FAILED)

    def get_absolute_url(self) -> str:
        return reverse("enhancement:detail", args=[self.pk])

    def _move(self, status: str, *, owner: uuid.UUID | None = None, **fields: Any) -> None:
        """By compare-and-set; with ``owner`` only while that one holds it. Raises WrongState."""
        mine = EnhancementHistory.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status])
        if owner is not None:
            mine = mine.filter(lease_owner=owner)
        fields |= {"status": status, "updated_at": timezone.now()}
        if not mine.update(**fields):
            self.refresh_from_db()
            raise WrongState(f"This run is {self.get_status_display().lower()} by now.")
        self._now_is(fields)

    def _now_is(self, fields: Mapping[str, Any]) -> None:
        """As the database has it; to read it again would cost as much as to write it."""
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def start_all(
        cls, runs: Sequence[EnhancementHistory], owner: uuid.UUID, worker: str = ""
    ) -> list[EnhancementAttempt]:
        """Take these up; an attempt at each counts from now. Call in the transaction that has locked the rows.

        Raises WrongState if somebody else has one of them.
        """
        now = timezone.now()
        held = {"status": Status.RUNNING, "updated_at": now, "lease_owner": owner, "lease_until": now + lease()}
        deadline = now + timedelta(seconds=settings.ENHANCEMENT["DEADLINE"])
        moved = cls.objects.filter(pk__in=[run.pk for run in runs], status__in=cls.MAY_FOLLOW[Status.RUNNING]).update(
            attempts=F("attempts") + 1,
            started_at=Coalesce("started_at", now),
            deadline_at=Coalesce("deadline_at", deadline),
            **held,
        )
        if moved != len(runs):
            raise WrongState("This run is no longer waiting.")
        for run in runs:
            run.attempts += 1
            run.started_at, run.deadline_at = run.started_at or now, run.deadline_at or deadline
            run._now_is(held)
        return EnhancementAttempt.next_of(runs, worker=worker[:100], started_at=now)

    def complete(self, owner: uuid.UUID, *, summary: str, milliseconds: int) -> None:
        self._move(
            Status.COMPLETED,
            owner=owner,
            result_summary=summary[:500],
            processing_time_ms=milliseconds,
            finished_at=timezone.now(),
            lease_owner=None,
            lease_until=None,
            error_code="",
            error_message="",
        )

    def put_back(self, wait: float, *, code: str, message: str, owner: uuid.UUID | None = None) -> None:
        """To be tried again after so many seconds."""
        self._move(
            Status.PENDING,
            owner=owner,
            not_before=timezone.now() + timedelta(seconds=wait),
            lease_owner=None,
            lease_until=None,
            error_code=code[:60],
            error_message=message[:1000],
        )

    def fail(self, *, code: str, message: str, owner: uuid.UUID | None = None) -> None:
        now = timezone.now()
        took = int(1000 * (now - self.started_at).total_seconds()) if self.started_at else 0
        self._move(
            Status.FAILED,
            owner=owner,
            finished_at=now,
            processing_time_ms=took,
            lease_owner=None,
            lease_until=None,
            error_code=code[:60],
            error_message=message[:1000],
            result_summary=message[:500],
        )

    def ask_again(self, **fields: Any) -> None:
        """A failed run from the beginning. ``fields``: what was delivered anew."""
        self._move(
            Status.PENDING,
            attempts=0,
            not_before=timezone.now(),
            deadline_at=None,
            started_at=None,
            finished_at=None,
            processing_time_ms=None,
            error_code="",
            error_message="",
            result_summary="",
            **fields,
        )

    def may_try_again(self) -> bool:
        deadline = self.deadline_at
        return self.attempts < MOST_ATTEMPTS and (deadline is None or timezone.now() < deadline)


class EnhancementAttempt(models.Model):
    """One attempt: when, by whom, what came of it, and how long was waited before the next."""

    class Outcome(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"
        LOST = "lost", "Lost: its worker died or was stopped"

    enhancement = models.ForeignKey(EnhancementHistory, on_delete=models.CASCADE, related_name="attempt_rows")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    wait_seconds = models.FloatField(null=True, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            UniqueConstraint(fields=["enhancement", "number"], name="one_attempt_per_number"),
            CheckConstraint(
                condition=Q(outcome__in=["running", "completed", "failed", "lost"]), name="attempt_outcome_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.enhancement_id} ({self.outcome})"

    @staticmethod
    def next_of(runs: Iterable[EnhancementHistory], **fields: Any) -> list[EnhancementAttempt]:
        """One more of each, under its number."""
        made = EnhancementAttempt.objects.filter(enhancement__in=runs).order_by()
        counts = dict(made.values_list("enhancement").annotate(Count("pk")))
        return EnhancementAttempt.objects.bulk_create(
            EnhancementAttempt(enhancement=run, number=counts.get(run.pk, 0) + 1, **fields) for run in runs
        )

    def end(self, outcome: str, *, code: str = "", message: str = "", wait: float | None = None) -> None:
        EnhancementAttempt.objects.filter(pk=self.pk, outcome=self.Outcome.RUNNING).update(
            outcome=outcome,
            error_code=code[:60],
            error_message=message[:1000],
            wait_seconds=wait,
            ended_at=timezone.now(),
        )

    @property
    def duration_ms(self) -> int | None:
        return int(1000 * (self.ended_at - self.started_at).total_seconds()) if self.ended_at else None
