"""What went wrong in a session, for the people who can mend it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import CheckConstraint, Q

from sessions_app.models import Session

from .tasks import SessionTask

if TYPE_CHECKING:
    from sessions_app.errors import AppError


class SessionError(models.Model):
    """One failure of a run or of one of its items.

    ``user_message`` and ``recovery_actions`` are for people; ``technical_details`` for operators. Neither holds
    secrets.
    """

    class Severity(models.TextChoices):
        BLOCKING = "blocking", "The run stopped"
        ITEM = "item", "One ticket is missing"

    class Category(models.TextChoices):
        USER_FIXABLE = "user_fixable", "You can mend it"
        ADMIN_REQUIRED = "admin_required", "An administrator is needed"
        TEMPORARY = "temporary", "Temporary"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="errors")
    task = models.ForeignKey(SessionTask, on_delete=models.CASCADE, related_name="errors", null=True)
    entity_key = models.CharField(max_length=240, blank=True)
    code = models.CharField(max_length=60)
    error_category = models.CharField(max_length=20, choices=Category.choices)
    severity = models.CharField(max_length=20, choices=Severity.choices, default=Severity.BLOCKING)
    operation_stage = models.CharField(max_length=20, default="processing")
    user_message = models.CharField(max_length=500)
    recovery_actions = models.JSONField(default=list)
    technical_details = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["session", "-created_at"])]
        constraints = [
            CheckConstraint(
                condition=Q(error_category__in=["user_fixable", "admin_required", "temporary"]),
                name="error_category_is_known",
            ),
            CheckConstraint(condition=Q(severity__in=["blocking", "item"]), name="error_severity_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.error_category}: {self.user_message}"

    @classmethod
    def drawn_from(
        cls, error: AppError, task: SessionTask, *, entity_key: str = "", severity: str = Severity.BLOCKING
    ) -> SessionError:
        """An unsaved record of ``error``."""
        return cls(
            session_id=task.session_id,
            task=task,
            entity_key=entity_key,
            code=error.code,
            error_category=str(error.category),
            severity=severity,
            operation_stage=task.task_type,
            user_message=error.message[:500],
            recovery_actions=list(error.recovery_actions),
            technical_details=getattr(error, "technical_details", {}),
        )
