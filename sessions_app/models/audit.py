"""Who did what, when. Rows outlive what they tell of, so they hold ids as values and no foreign keys."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.db import models

from sessions_app.correlation import correlation_id

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def of_workspace(self, workspace: models.Model) -> AuditEventQuerySet:
        """What happened in it, newest first."""
        return self.filter(workspace_id=workspace.pk).order_by("-at", "pk")


class AuditEvent(models.Model):
    """One thing that happened. ``details`` holds facts (counts, states, ids), never secrets or ticket text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    action = models.CharField(max_length=60, db_index=True)
    workspace_id = models.UUIDField(null=True, db_index=True)
    user_id = models.CharField(max_length=40, blank=True)
    user_name = models.CharField(max_length=150, blank=True)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40, db_index=True)
    object_name = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.user_name or 'system'} {self.action} {self.object_name}"

    @classmethod
    def record(
        cls,
        action: str,
        on: models.Model,
        *,
        by: AbstractBaseUser | AnonymousUser | None = None,
        details: dict[str, Any] | None = None,
    ) -> AuditEvent:
        """Write one event about ``on``, in the caller's transaction."""
        session = getattr(on, "session", on)
        return cls.objects.create(
            action=action,
            workspace_id=getattr(session, "workspace_id", None)
            or (on.pk if on._meta.model_name == "workspace" else None),
            user_id=str(by.pk) if by and by.pk else "",
            user_name=by.get_username() if by and by.pk else "",
            object_type=on._meta.model_name or "",
            object_id=str(on.pk),
            object_name=str(on)[:255],
            request_id=correlation_id.get()[:64],
            details=details or {},
        )
