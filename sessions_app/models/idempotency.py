"""Requests that must have one effect however often they are sent."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import UniqueConstraint

LONGEST_KEY: Final = 200


class IdempotencyKey(models.Model):
    """begun -> answered. A person's key names one request; ``status`` is empty while it is being worked on.

    A request that was refused or failed leaves no row, so it may be tried again under its key.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=LONGEST_KEY)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "key"], name="one_request_per_user_and_key")]

    def __str__(self) -> str:
        return self.key
