"""How a workspace wants its help-desk tickets enhanced, where results go, and the ledger of what went there."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.utils import timezone

from processing.models import TrackerConnection
from processing.models.encrypted import EncryptedTextField, Secret
from processing.models.tasks import lease
from sessions_app.errors import WrongState
from sessions_app.models import Workspace

from .history import EnhancementHistory


class Target(models.TextChoices):
    NONE = "none", "Nowhere: read it here"
    SERVICEDESK = "servicedesk", "ServiceDesk Plus"
    SERVICEDESK_CLOUD = "servicedesk_cloud", "ServiceDesk Plus Cloud"
    JIRA = "jira", "Jira, as a comment"


class HelpDesk(models.Model):
    """One workspace's choices. ``categories``, ``priorities`` and ``assignees`` are all that may be suggested.

    ``show_to_requester`` is off: what is written back is an internal note. ``token`` is encrypted and never shown
    again.
    """

    Target = Target

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="help_desk")
    provider = models.CharField(max_length=40, default="offline")
    llm_model = models.CharField(max_length=120, blank=True)
    categories = models.JSONField(default=list, blank=True)
    priorities = models.JSONField(default=list, blank=True)
    assignees = models.JSONField(default=list, blank=True)
    target = models.CharField(max_length=20, choices=Target.choices, default=Target.NONE)
    base_url = models.URLField(max_length=300, blank=True)
    token = EncryptedTextField(blank=True, default="")
    token_hint = models.CharField(max_length=4, blank=True)
    connection = models.ForeignKey(
        TrackerConnection, null=True, blank=True, on_delete=models.SET_NULL, related_name="help_desks"
    )
    show_to_requester = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            CheckConstraint(
                condition=Q(target__in=["none", "servicedesk", "servicedesk_cloud", "jira"]),
                name="write_back_target_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"help desk of {self.workspace_id}"

    @classmethod
    def of(cls, workspace: Workspace) -> HelpDesk:
        """The workspace's, or the defaults (not saved)."""
        return cls.objects.select_related("connection").filter(workspace=workspace).first() or cls(workspace=workspace)

    @classmethod
    def target_of(cls, workspace: Workspace) -> str:
        """Where notes about its tickets go."""
        return cls.objects.filter(workspace=workspace).values_list("target", flat=True).first() or Target.NONE

    @property
    def is_servicedesk(self) -> bool:
        return self.target in (Target.SERVICEDESK, Target.SERVICEDESK_CLOUD)

    def set_token(self, token: str) -> None:
        """Replace the token (not saved yet)."""
        self.token = Secret.of(token)
        self.token_hint = token[-4:] if len(token) >= 12 else ""

    def clean(self) -> None:
        """Raises ValidationError where the fields do not fit together, or the address must not be called."""
        from processing.export.errors import NotSent
        from processing.export.wire import require_allowed

        self.base_url = self.base_url.rstrip("/")
        if self.is_servicedesk:
            if not self.base_url:
                raise ValidationError({"base_url": "Say where your ServiceDesk Plus is."})
            try:
                require_allowed(self.base_url)
            except NotSent as error:
                raise ValidationError({"base_url": error.message}) from None
            if not self.token:
                raise ValidationError("ServiceDesk Plus needs the key of a technician.")
        if self.target == Target.JIRA:
            if self.connection is None or self.connection.target != TrackerConnection.Target.JIRA:
                raise ValidationError({"connection": "Choose a connection to Jira."})
            if self.connection.workspace_id != self.workspace_id:
                raise ValidationError({"connection": "This connection belongs to another workspace."})


class WriteBackQuerySet(models.QuerySet["WriteBack"]):
    def due(self, now: datetime) -> WriteBackQuerySet:
        return self.filter(status=WriteBack.Status.PENDING, not_before__lte=now)

    def abandoned(self, now: datetime) -> WriteBackQuerySet:
        """Being sent by somebody who has given no sign of life."""
        return self.filter(status=WriteBack.Status.IN_FLIGHT, lease_until__lt=now)


class WriteBack(models.Model):
    """One note in the help desk: of one text of one ticket, so that it is written once.

    pending -> in_flight -> written | failed;  in_flight -> pending to be tried again;  failed -> pending.
    ``may_be_there``: an answer was lost, or a worker died; the note is looked for by its ``marker`` before it is sent.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "To do"
        IN_FLIGHT = "in_flight", "Being sent"
        WRITTEN = "written", "Written"
        FAILED = "failed", "Failed"

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.PENDING: (Status.IN_FLIGHT, Status.FAILED),
        Status.IN_FLIGHT: (Status.PENDING,),
        Status.WRITTEN: (Status.IN_FLIGHT,),
        Status.FAILED: (Status.IN_FLIGHT, Status.PENDING),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    enhancement = models.ForeignKey(EnhancementHistory, on_delete=models.CASCADE, related_name="write_backs")
    target = models.CharField(max_length=20, choices=Target.choices)
    ticket_id = models.CharField(max_length=120)
    text_hash = models.CharField(max_length=64)
    marker = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    may_be_there = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    remote_id = models.CharField(max_length=100, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    written_at = models.DateTimeField(null=True, blank=True)

    objects = WriteBackQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["status", "not_before"])]
        constraints = [
            UniqueConstraint(
                fields=["workspace", "target", "ticket_id", "text_hash"], name="one_note_per_text_of_a_ticket"
            ),
            CheckConstraint(
                condition=Q(status__in=["pending", "in_flight", "written", "failed"]), name="write_back_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"note on {self.ticket_id} ({self.status})"

    def _move(self, status: str, **fields: Any) -> None:
        moved = WriteBack.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status]).update(status=status, **fields)
        self.refresh_from_db()
        if not moved:
            raise WrongState(f"This note is {self.get_status_display().lower()} by now.")

    def send(self) -> None:
        """The call goes out next. From now on it may be there."""
        self._move(
            self.Status.IN_FLIGHT, attempts=F("attempts") + 1, lease_until=timezone.now() + lease(), may_be_there=True
        )

    def arrived(self, remote_id: str) -> None:
        self._move(
            self.Status.WRITTEN,
            remote_id=remote_id[:100],
            written_at=timezone.now(),
            lease_until=None,
            error_code="",
            error_message="",
        )

    def put_back(self, wait: float, *, code: str, message: str, may_be_there: bool) -> None:
        self._move(
            self.Status.PENDING,
            not_before=timezone.now() + timedelta(seconds=wait),
            lease_until=None,
            may_be_there=may_be_there,
            error_code=code[:60],
            error_message=message[:500],
        )

    def fail(self, *, code: str, message: str) -> None:
        self._move(self.Status.FAILED, lease_until=None, error_code=code[:60], error_message=message[:500])

    def ask_again(self) -> None:
        """A person wants it tried once more."""
        if self.status != self.Status.FAILED:
            raise WrongState(f"This note is {self.get_status_display().lower()}.")
        self._move(self.Status.PENDING, attempts=0, not_before=timezone.now())
