"""A link that lets one person into a workspace, once."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from .workspaces import Role, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

VALID_FOR: Final = timedelta(days=7)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Those that still let somebody in."""
        return self.filter(used_at=None, expires_at__gt=timezone.now())

    def of_token(self, token: str) -> InvitationQuerySet:
        return self.filter(digest=digest_of(token))


def digest_of(token: str) -> str:
    """What is kept of a token; 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


class Invitation(models.Model):
    """open -> used; an open one ends by its time or is withdrawn (deleted). The token itself is kept nowhere."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=20, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            CheckConstraint(
                condition=Q(role__in=["owner", "editor", "reviewer", "viewer"]), name="invitation_role_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"Invitation to {self.workspace} as {self.role}"

    @classmethod
    def make(cls, workspace: Workspace, role: str, *, by: AbstractBaseUser | AnonymousUser) -> tuple[Invitation, str]:
        """(the invitation, its token, which cannot be had again)."""
        token = secrets.token_urlsafe(32)
        expires_at = timezone.now() + VALID_FOR
        made = cls.objects.create(
            workspace=workspace, role=role, digest=digest_of(token), made_by_id=by.pk, expires_at=expires_at
        )
        return made, token

    def take(self, *, by: AbstractBaseUser | AnonymousUser) -> bool:
        """Use it up; False if somebody else has, or its time is over."""
        mine = Invitation.objects.open().filter(pk=self.pk)
        return bool(mine.update(used_at=timezone.now(), used_by_id=by.pk))
