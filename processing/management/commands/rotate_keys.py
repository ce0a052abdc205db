"""``manage.py rotate_keys``: encrypt all stored keys with the first of FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from processing.models import ProviderSettings
from processing.models.encrypted import WrongEncryptionKey


class Command(BaseCommand):
    help = "Encrypts stored keys anew with the first of FIELD_ENCRYPTION_KEYS; then the older ones can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            rows = [row for row in ProviderSettings.objects.select_for_update().select_related("workspace") if row.key]
            for row in rows:
                try:
                    row.key = row.key.reveal()
                except WrongEncryptionKey as error:
                    raise CommandError(f"{row}: {error.message} {' '.join(error.recovery_actions)}") from None
                row.save(update_fields=["key"])
        self.stdout.write(f"{len(rows)} keys are encrypted with the first key now.")
