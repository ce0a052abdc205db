"""Files of the library that are being brought in, and what became of their rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.urls import reverse
from django.utils import timezone

from processing.models.tasks import lease
from sessions_app.errors import WrongState
from sessions_app.models import Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from processing.enhancement.library import Report

MOST_ATTEMPTS: Final = 4
"""Attempts in a row of which none has kept a row."""


class LibraryImportQuerySet(models.QuerySet["LibraryImport"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> LibraryImportQuerySet:
        return self.filter(workspace__memberships__user_id=user.pk) if user.is_authenticated else self.none()

    def abandoned(self, now: datetime) -> LibraryImportQuerySet:
        """Running, and whoever ran it has given no sign of life since its lease ran out."""
        return self.filter(status=LibraryImport.Status.RUNNING, lease_until__lt=now)


class LibraryImport(models.Model):
    """One CSV file on its way into the library.

    pending -> running -> completed | failed;  running -> pending where a worker died or hands on.

    ``created``, ``changed``, ``unchanged`` and ``refused`` count the rows that are settled; they move in the
    transaction of their rows, so whoever goes on begins behind them. ``problems`` is a list of {line, column, value,
    message}, the first of those refused. ``position`` of ``size`` bytes are read. ``attempts`` are those since a row
    was settled last. One import of a workspace runs at a time. The file is in the storage (``stored``) until the end.
    """

    class Kind(models.TextChoices):
        TICKETS = "tickets", "Solved tickets"
        ARTICLES = "articles", "Articles"
        ASSETS = "assets", "Hosts and networks"

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.RUNNING: (Status.PENDING,),
        Status.PENDING: (Status.RUNNING,),
        Status.COMPLETED: (Status.RUNNING,),
        Status.FAILED: (Status.PENDING, Status.RUNNING),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="library_imports")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    filename = models.CharField(max_length=200)
    stored = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField()
    position = models.PositiveBigIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True)
    ignored_columns = models.JSONField(default=list, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = LibraryImportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["workspace", "-created_at"]),
            models.Index(fields=["status", "lease_until"]),
        ]
        constraints = [
            CheckConstraint(
                condition=Q(status__in=["pending", "running", "completed", "failed"]),
                name="library_import_status_is_known",
            ),
            CheckConstraint(
                condition=Q(kind__in=["tickets", "articles", "assets"]), name="library_import_kind_is_known"
            ),
            CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False), name="a_running_import_has_a_lease"
            ),
            UniqueConstraint(
                fields=["workspace"], condition=Q(status="running"), name="one_running_import_per_workspace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.status})"

    def get_absolute_url(self) -> str:
        return reverse("enhancement:import-detail", args=[self.workspace_id, self.pk])

    @property
    def is_finished(self) -> bool:
        return self.status in (self.Status.COMPLETED, self.Status.FAILED)

    @property
    def rows(self) -> int:
        """Rows that are settled."""
        return self.created + self.changed + self.unchanged + self.refused

    @property
    def progress_percentage(self) -> float:
        if self.status == self.Status.COMPLETED:
            return 100.0
        return min(99.9, round(100 * self.position / self.size, 1)) if self.size else 0.0

    def _move(self, status: str, *, owner: uuid.UUID | None = None, **fields: Any) -> None:
        """By compare-and-set; with ``owner`` only while that one holds it. Raises WrongState."""
        mine = LibraryImport.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status])
        if owner is not None:
            mine = mine.filter(lease_owner=owner)
        moved = mine.update(status=status, **fields)
        self.refresh_from_db()
        if not moved:
            raise WrongState(f"This import is {self.get_status_display().lower()} by now.")

    def start(self, owner: uuid.UUID) -> bool:
        """Take it up; False while another import of the workspace runs. Raises WrongState if it is not waiting."""
        try:
            with transaction.atomic():
                self._move(
                    self.Status.RUNNING,
                    lease_owner=owner,
                    lease_until=timezone.now() + lease(),
                    attempts=F("attempts") + 1,
                )
        except IntegrityError:
            return False
        return True

    def settle(self, owner: uuid.UUID, report: Report, position: int) -> None:
        """Rows are kept or refused; in their transaction. Raises WrongState if somebody else has it by now."""
        mine = LibraryImport.objects.filter(pk=self.pk, status=self.Status.RUNNING, lease_owner=owner)
        settled = mine.update(
            created=report.created,
            changed=report.changed,
            unchanged=report.unchanged,
            refused=report.refused,
            problems=report.problems,
            ignored_columns=report.ignored_columns,
            position=position,
            attempts=0,
            lease_until=timezone.now() + lease(),
        )
        if not settled:
            raise WrongState("Somebody else has this import.")

    def complete(self, owner: uuid.UUID, ignored_columns: list[str]) -> None:
        self._move(
            self.Status.COMPLETED,
            owner=owner,
            finished_at=timezone.now(),
            lease_owner=None,
            lease_until=None,
            ignored_columns=ignored_columns,
            position=self.size,
            error_code="",
            error_message="",
        )

    def put_back(self, *, code: str = "", message: str = "", owner: uuid.UUID | None = None) -> None:
        """Somebody goes on with it."""
        self._move(
            self.Status.PENDING,
            owner=owner,
            lease_owner=None,
            lease_until=None,
            error_code=code[:60],
            error_message=message[:500],
        )

    def fail(self, *, code: str, message: str, owner: uuid.UUID | None = None) -> None:
        """What was kept before stays; the same file may be brought in again."""
        self._move(
            self.Status.FAILED,
            owner=owner,
            finished_at=timezone.now(),
            lease_owner=None,
            lease_until=None,
            error_code=code[:60],
            error_message=message[:500],
        )
