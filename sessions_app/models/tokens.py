"""When an API token was last used."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from knox.models import AbstractAuthToken

PRECISION: Final = timedelta(minutes=1)


class TokenUse(models.Model):
    """One row for each token that was ever used; it goes with its token. True to a minute, so that a busy program
    costs one write a minute and not one a request.
    """

    token = models.OneToOneField("knox.AuthToken", on_delete=models.CASCADE, primary_key=True, related_name="use")
    last_used_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.token_id} at {self.last_used_at:%Y-%m-%d %H:%M}"

    @staticmethod
    def note(token: AbstractAuthToken) -> None:
        """Remember that the token was used just now."""
        now = timezone.now()
        if TokenUse.objects.filter(token=token.pk, last_used_at__gt=now - PRECISION).exists():
            return
        try:
            with transaction.atomic():
                TokenUse.objects.bulk_create(
                    [TokenUse(token_id=token.pk, last_used_at=now)],
                    update_conflicts=True,
                    update_fields=["last_used_at"],
                    unique_fields=["token"],
                )
        except IntegrityError:
            pass  # revoked in this very moment: there is nothing left to remember
