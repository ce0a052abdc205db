"""The engine's truth: tasks and their items. Redis only says that there is something to do."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Count, Exists, F, OuterRef, Q, UniqueConstraint
from django.utils import timezone

from processing.errors import TaskMoved
from sessions_app.models import Session

if TYPE_CHECKING:
    from sessions_app.errors import AppError


class TaskType(models.TextChoices):
    PROCESSING = "processing"
    ADF_VALIDATION = "adf_validation"
    EXPORT = "export"


class TaskStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors", "Completed with errors"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.PAUSED)
FINISHED = (TaskStatus.COMPLETED, TaskStatus.COMPLETED_WITH_ERRORS, TaskStatus.FAILED, TaskStatus.CANCELLED)


class TaskQuerySet(models.QuerySet["SessionTask"]):
    def unfinished(self) -> TaskQuerySet:
        return self.filter(status__in=UNFINISHED)

    def unplanned(self, before: datetime) -> TaskQuerySet:
        """Accepted, but no job has taken them up: enqueueing failed or the job was lost."""
        return self.filter(status=TaskStatus.PENDING, enqueued_at__lt=before)

    def stranded(self, now: datetime) -> TaskQuerySet:
        """Running with open work, and no drainer has given a sign of life since its lease ran out."""
        return self.filter(status=TaskStatus.RUNNING, lease_until__lt=now)

    def with_due_batches(self, now: datetime) -> TaskQuerySet:
        """Not running (any more), but a provider still has batches of theirs, and it is time to look at them."""
        batches = apps.get_model("processing", "ProviderBatch").objects.open().filter(task=OuterRef("pk"))
        return self.exclude(status=TaskStatus.RUNNING).filter(Exists(batches), lease_until__lt=now)


class SessionTask(models.Model):
    """One run over a session.

    pending -> running -> completed | completed_with_errors | failed | cancelled;  running <-> paused;
    pending | paused -> failed | cancelled.  At most one unfinished task per session.

    ``choices`` are the session's as they were at the start: temperature, language, prompt_version, fallbacks.
    ``budget`` caps the run (US dollars); ``call_reserve`` is what a call may cost at most, None where unknown.
    ``economy``: asked for in batches. ``lease_until`` is moved on by whoever works on the task; ``seq`` numbers its
    messages; ``done`` counts items that made a ticket (or were skipped because theirs is up to date), ``failed`` those
    that did not. Ticket numbers of the run are ``number_base`` + the item's position, so that they follow the order of
    work whoever writes them.
    """

    Type = TaskType
    Status = TaskStatus

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        TaskStatus.RUNNING: (TaskStatus.PENDING, TaskStatus.PAUSED),
        TaskStatus.PAUSED: (TaskStatus.RUNNING,),
        TaskStatus.COMPLETED: (TaskStatus.RUNNING,),
        TaskStatus.COMPLETED_WITH_ERRORS: (TaskStatus.RUNNING,),
        TaskStatus.FAILED: (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.PAUSED),
        TaskStatus.CANCELLED: (TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.PAUSED),
    }

    task_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="tasks")
    task_type = models.CharField(max_length=20, choices=TaskType.choices, default=TaskType.PROCESSING)
    status = models.CharField(max_length=25, choices=TaskStatus.choices, default=TaskStatus.PENDING)
    provider = models.CharField(max_length=40, blank=True)
    llm_model = models.CharField(max_length=120, blank=True)
    choices = models.JSONField(default=dict, blank=True)
    economy = models.BooleanField(default=False)
    budget = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    call_reserve = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    current_stage = models.CharField(max_length=200, blank=True)
    retry_count = models.PositiveSmallIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)
    pause_reason = models.CharField(max_length=300, blank=True)
    equal_failures = models.PositiveSmallIntegerField(default=0)
    last_failure_cause = models.CharField(max_length=60, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    seq = models.PositiveBigIntegerField(default=0)
    announced_at = models.DateTimeField(null=True, blank=True)
    cost = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    error = models.JSONField(default=dict, blank=True)
    number_base = models.PositiveIntegerField(default=0)
    request_id = models.CharField(max_length=64, blank=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    enqueued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["status", "lease_until"]), models.Index(fields=["session", "-created_at"])]
        constraints = [
            CheckConstraint(
                condition=Q(
                    status__in=[
                        "pending",
                        "running",
                        "paused",
                        "completed",
                        "completed_with_errors",
                        "failed",
                        "cancelled",
                    ]
                ),
                name="task_status_is_known",
            ),
            CheckConstraint(
                condition=Q(task_type__in=["processing", "adf_validation", "export"]), name="task_type_is_known"
            ),
            CheckConstraint(condition=Q(total__gte=F("done") + F("failed")), name="task_counts_within_total"),
            UniqueConstraint(
                fields=["session"],
                condition=Q(status__in=["pending", "running", "paused"]),
                name="one_unfinished_task_per_session",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_task_type_display()} of {self.session_id} ({self.status})"

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def progress_percentage(self) -> float:
        """Finished items in percent; 100.0 only once the run is completed."""
        if self.status in (TaskStatus.COMPLETED, TaskStatus.COMPLETED_WITH_ERRORS):
            return 100.0
        return min(99.9, round(100 * (self.done + self.failed) / self.total, 1)) if self.total else 0.0

    def _move(self, status: TaskStatus, *, only_from: TaskStatus | None = None, **fields: Any) -> None:
        may_come_from = (only_from,) if only_from else self.MAY_FOLLOW[status]
        moved = SessionTask.objects.filter(pk=self.pk, status__in=may_come_from).update(status=status, **fields)
        self.refresh_from_db()
        if not moved:
            raise TaskMoved(f"The run is {self.get_status_display().lower()}.")

    def plan(self, total: int) -> None:
        """The items are known and written: the run begins. Call in the transaction that writes them."""
        now = timezone.now()
        self._move(
            TaskStatus.RUNNING,
            only_from=TaskStatus.PENDING,
            total=total,
            started_at=now,
            lease_until=now + lease(),
        )

    def fresh(self) -> SessionTask:
        """The row as it is now, with its session and workspace."""
        return SessionTask.objects.select_related("session__workspace").get(pk=self.pk)

    def pause(self, reason: str) -> None:
        self._move(TaskStatus.PAUSED, pause_reason=reason[:300])

    def resume(self) -> None:
        """Go on. A task that still waits for its worker is not resumed: it has no items yet."""
        now = timezone.now()
        self._move(
            TaskStatus.RUNNING,
            only_from=TaskStatus.PAUSED,
            pause_reason="",
            equal_failures=0,
            last_failure_cause="",
            lease_until=now + lease(),
        )

    def outcomes(self) -> Counter[str]:
        """How many of its items are in each state."""
        return Counter(dict(self.items.order_by().values_list("status").annotate(count=Count("pk"))))

    def complete(self) -> None:
        """All items are finished. Completed with errors if some of them failed."""
        self.refresh_from_db(fields=["failed"])
        status = TaskStatus.COMPLETED_WITH_ERRORS if self.failed else TaskStatus.COMPLETED
        self._move(status, finished_at=timezone.now(), current_stage="Finished")

    def fail(self, error: AppError) -> None:
        record = {
            "code": error.code,
            "category": str(error.category),
            "message": error.message,
            "recovery_actions": list(error.recovery_actions),
        }
        self._move(TaskStatus.FAILED, finished_at=timezone.now(), error=record)

    def cancel(self) -> None:
        self._move(TaskStatus.CANCELLED, finished_at=timezone.now(), current_stage="Cancelled")

    def extend_lease(self) -> None:
        """A sign of life from whoever works on it."""
        SessionTask.objects.filter(pk=self.pk, status=TaskStatus.RUNNING).update(lease_until=timezone.now() + lease())

    def look_again_in(self, seconds: float) -> None:
        """Nobody works on it now; the sweep wakes somebody up after so long."""
        SessionTask.objects.filter(pk=self.pk).update(lease_until=timezone.now() + timedelta(seconds=seconds))


def lease() -> timedelta:
    """How long a claim holds without a sign of life."""
    return timedelta(seconds=settings.ENGINE["LEASE"])


class ItemStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


OPEN = (ItemStatus.PENDING, ItemStatus.RUNNING)


class WorkItemQuerySet(models.QuerySet["WorkItem"]):
    def open(self) -> WorkItemQuerySet:
        return self.filter(status__in=OPEN)

    def claimable(self, now: datetime) -> WorkItemQuerySet:
        """Waiting and due."""
        return self.filter(status=ItemStatus.PENDING).filter(Q(not_before__isnull=True) | Q(not_before__lte=now))

    def orphaned(self, now: datetime) -> WorkItemQuerySet:
        """Claimed by a drainer that has not renewed its lease in time. What an open batch holds is not: it waits for
        the provider, however long nobody looks.
        """
        batches = apps.get_model("processing", "ProviderBatch").objects.open().filter(owner=OuterRef("lease_owner"))
        return self.filter(~Exists(batches), status=ItemStatus.RUNNING, lease_until__lt=now)


class WorkItem(models.Model):
    """One entity of one run.

    pending -> running -> done | failed | skipped | cancelled;  running -> pending when its drainer dies or a call may
    be repeated. ``attempts_left`` is the one budget over all layers; ``payload`` is the entity (``EntityPayload``).
    """

    Status = ItemStatus

    task = models.ForeignKey(SessionTask, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=240)
    position = models.PositiveIntegerField()
    entity_group = models.CharField(max_length=40)
    input_hash = models.CharField(max_length=64)
    payload = models.JSONField()
    status = models.CharField(max_length=10, choices=ItemStatus.choices, default=ItemStatus.PENDING)
    attempts_left = models.PositiveSmallIntegerField(default=4)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["task", "status", "position"]), models.Index(fields=["status", "lease_until"])]
        constraints = [
            UniqueConstraint(fields=["task", "key"], name="one_item_per_task_and_entity"),
            CheckConstraint(
                condition=Q(status__in=["pending", "running", "done", "failed", "skipped", "cancelled"]),
                name="item_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.status})"
