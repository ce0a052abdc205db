"""Secrets that outside systems sign with, and which of their deliveries have been here."""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.utils import timezone

from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent, Workspace

from .encrypted import EncryptedTextField, Secret

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

AT_ONCE: Final = 2
"""Secrets of one purpose that are valid at a time: the old one until all senders have the new one."""
NOTED_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use of a secret is known; each use would be a write."""


class Purpose(models.TextChoices):
    SERVICEDESK = "servicedesk", "Help desk"
    ASSESSMENT = "assessment", "Assessment callbacks"


class WebhookSecretQuerySet(models.QuerySet["WebhookSecret"]):
    def valid(self) -> WebhookSecretQuerySet:
        return self.filter(revoked_at__isnull=True)


class WebhookSecret(models.Model):
    """One secret of a workspace for one purpose. Encrypted; shown once, when it is made.

    Two may be valid at once (``slot`` 1 and 2), so that it can be rotated without a gap: make a second, change the
    senders, revoke the first.
    """

    Purpose = Purpose

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhook_secrets")
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    slot = models.PositiveSmallIntegerField()
    secret = EncryptedTextField()
    hint = models.CharField(max_length=4)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookSecretQuerySet.as_manager()

    class Meta:
        ordering = ["purpose", "-made_at"]
        constraints = [
            CheckConstraint(condition=Q(purpose__in=Purpose.values), name="webhook_purpose_is_known"),
            CheckConstraint(condition=Q(slot__in=[1, 2]), name="two_webhook_secrets_at_once"),
            UniqueConstraint(
                fields=["workspace", "purpose", "slot"],
                condition=Q(revoked_at__isnull=True),
                name="one_valid_webhook_secret_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}, ends in {self.hint}"

    @classmethod
    def make(
        cls, workspace: Workspace, purpose: str, *, by: AbstractBaseUser | AnonymousUser | None = None
    ) -> tuple[WebhookSecret, str]:
        """A new secret and its text, which is not to be had again. Raises WrongState where two are valid already."""
        text = f"whsec_{secrets.token_urlsafe(32)}"
        with transaction.atomic():
            Workspace.objects.select_for_update().get(pk=workspace.pk)
            taken = set(cls.objects.valid().filter(workspace=workspace, purpose=purpose).values_list("slot", flat=True))
            free = [slot for slot in range(1, AT_ONCE + 1) if slot not in taken]
            if not free:
                raise WrongState(
                    "Two secrets are valid already.", recovery_actions=("Revoke the older one, then make a new one.",)
                )
            made = cls.objects.create(
                workspace=workspace,
                purpose=purpose,
                slot=free[0],
                secret=Secret.of(text),
                hint=text[-4:],
                made_by_id=by.pk if by else None,
            )
            details = {"secret": str(made.pk), "purpose": purpose}
            AuditEvent.record("webhook.secret_made", workspace, by=by, details=details)
        return made, text

    def revoke(self, *, by: AbstractBaseUser | AnonymousUser | None = None) -> None:
        """What is signed with it is refused from now on. Raises WrongState the second time."""
        with transaction.atomic():
            valid = WebhookSecret.objects.valid().filter(pk=self.pk)
            if not valid.update(revoked_at=timezone.now(), secret=Secret("")):
                raise WrongState("This secret was revoked already.")
            details = {"secret": str(self.pk), "purpose": self.purpose}
            AuditEvent.record("webhook.secret_revoked", self.workspace, by=by, details=details)
        self.refresh_from_db()

    def note_use(self) -> None:
        now = timezone.now()
        if self.used_at is None or self.used_at < now - NOTED_EVERY:
            WebhookSecret.objects.filter(pk=self.pk).update(used_at=now)


class WebhookDelivery(models.Model):
    """A signed message that was taken, and what it was answered, so that it has one effect however often it comes.

    ``message`` is the digest of time and body: a message that comes under another id is still the same one. ``body`` is
    the digest of the body alone: a sender who tries again signs it anew, and the row of that signature ``repeats`` the
    first.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="webhook_deliveries")
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    delivery_id = models.CharField(max_length=100)
    message = models.CharField(max_length=64)
    body = models.CharField(max_length=64, default="", db_default="")
    repeats = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="repetitions")
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(default=dict)
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-received_at"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            CheckConstraint(condition=Q(purpose__in=Purpose.values), name="webhook_delivery_purpose_is_known"),
            UniqueConstraint(
                fields=["workspace", "purpose", "delivery_id"],
                condition=Q(repeats=None),
                name="one_first_delivery_per_id",
            ),
            UniqueConstraint(fields=["workspace", "purpose", "message"], name="one_delivery_per_message"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.delivery_id} ({self.status})"
