"""What a workspace says about model providers: its own keys, addresses, limits and prices."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from sessions_app.models import Workspace

from .encrypted import EncryptedTextField


class ProviderSettings(models.Model):
    """One provider of one workspace. What is empty comes from the environment.

    ``key`` is encrypted and never shown again; ``key_hint`` is its last four characters. ``rpm`` and ``tpm`` are
    requests and tokens a minute, ``concurrency`` calls in flight (0: as the server allows). ``price_in`` and
    ``price_out`` are US dollars per million tokens, for models that the price list does not know.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="provider_settings")
    provider = models.CharField(max_length=40)
    key = EncryptedTextField(blank=True, default="")
    key_hint = models.CharField(max_length=4, blank=True)
    base_url = models.URLField(max_length=300, blank=True)
    llm_model = models.CharField(max_length=120, blank=True)
    concurrency = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(1024)])
    rpm = models.PositiveIntegerField(default=0)
    tpm = models.PositiveIntegerField(default=0)
    price_in = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    price_out = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["provider"]
        verbose_name_plural = "provider settings"
        constraints = [
            UniqueConstraint(fields=["workspace", "provider"], name="one_setting_per_provider_and_workspace"),
            CheckConstraint(
                condition=(Q(price_in__isnull=True) | Q(price_in__gte=0))
                & (Q(price_out__isnull=True) | Q(price_out__gte=0)),
                name="provider_prices_are_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} of {self.workspace}"

    def set_key(self, key: str) -> None:
        """Replace the key (not saved yet); an empty one removes it."""
        self.key = key
        self.key_hint = key[-4:] if len(key) >= 12 else ""
