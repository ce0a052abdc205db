"""What operators are told, and what is kept of sessions that were removed."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.db.models import Q

from sessions_app.models import Workspace

QUIET: Final = timedelta(hours=1)
"""Administrators hear of one cause once in so long."""


class AdminNotice(models.Model):
    """One cause that needs an administrator. ``told_at`` is moved on, by compare-and-set, by whoever tells of it."""

    cause = models.CharField(max_length=64, unique=True)
    told_at = models.DateTimeField(null=True, blank=True)
    told_until = models.DateTimeField(null=True, blank=True)
    """When the newest error that administrators have heard of happened."""
    times_told = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-told_at"]

    def __str__(self) -> str:
        return f"{self.cause[:8]} told {self.times_told} times"

    def claim(self, now: datetime) -> bool:
        """True for the one who may tell now; nobody may again before an hour is over."""
        due = AdminNotice.objects.filter(Q(told_at__isnull=True) | Q(told_at__lte=now - QUIET), pk=self.pk)
        return bool(due.update(told_at=now))

    def told(self, until: datetime) -> None:
        AdminNotice.objects.filter(pk=self.pk).update(told_until=until, times_told=models.F("times_told") + 1)

    def give_back(self, now: datetime) -> None:
        """Nobody could be told: the next pass tries again."""
        AdminNotice.objects.filter(pk=self.pk, told_at=now).update(told_at=None)


class BundleQuerySet(models.QuerySet["SessionBundle"]):
    def visible_to(self, user_id: int | None) -> BundleQuerySet:
        return self.filter(workspace__memberships__user_id=user_id) if user_id else self.none()


class SessionBundle(models.Model):
    """What was kept of a session that expired: a ZIP in the file storage. Holds ids as values, as the session is gone.

    ``name`` in the storage is ours; ``title`` is what the session was called.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="bundles")
    session_id = models.UUIDField(unique=True)
    session_key = models.CharField(max_length=20)
    title = models.CharField(max_length=200)
    tickets = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = BundleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.title} ({self.session_key})"
