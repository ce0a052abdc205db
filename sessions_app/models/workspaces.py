"""The tenant and who belongs to it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> WorkspaceQuerySet:
        """Workspaces that the user is a member of; none for nobody."""
        return self.filter(memberships__user_id=user.pk) if user.is_authenticated else self.none()

    def editable_by(self, user: AbstractBaseUser | AnonymousUser) -> WorkspaceQuerySet:
        """Those in which the user may make sessions."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(memberships__user_id=user.pk, memberships__role__in=MAY_EDIT)


class Workspace(models.Model):
    """A team and all it has. Every other row is reached through one; ``slug`` is the ``tenant_id`` of outside
    systems; ``monthly_budget`` is what its runs may spend on models in a calendar month (UTC), in US dollars.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    monthly_budget = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            CheckConstraint(
                condition=Q(monthly_budget__isnull=True) | Q(monthly_budget__gte=0),
                name="monthly_budget_is_not_negative",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def role_of(self, user: AbstractBaseUser | AnonymousUser) -> str:
        """The user's role here, or ``""``."""
        membership = self.memberships.filter(user_id=user.pk).first() if user.is_authenticated else None
        return membership.role if membership else ""


class Role(models.TextChoices):
    OWNER = "owner"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


MAY_EDIT = frozenset({Role.OWNER.value, Role.EDITOR.value})
MAY_REVIEW = MAY_EDIT | {Role.REVIEWER.value}


class Membership(models.Model):
    """A user's role in a workspace. Owner and editor change things, a reviewer edits tickets, a viewer looks."""

    Role = Role

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["workspace", "user"], name="one_membership_per_user_and_workspace"),
            CheckConstraint(
                condition=Q(role__in=["owner", "editor", "reviewer", "viewer"]), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"
