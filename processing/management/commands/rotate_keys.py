"""``manage.py rotate_keys``: encrypt all stored keys with the first of FIELD_ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from processing.models.encrypted import EncryptedTextField, WrongEncryptionKey


class Command(BaseCommand):
    help = "Encrypts stored keys anew with the first of FIELD_ENCRYPTION_KEYS; then the older ones can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            count = sum(_rotated(model, name) for model, name in _secrets())
        self.stdout.write(f"{count} keys are encrypted with the first key now.")


def _secrets() -> list[tuple[type[models.Model], str]]:
    """Every encrypted field of every table."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


def _rotated(model: type[models.Model], name: str) -> int:
    """Encrypt all secrets of a table anew; returns how many there are."""
    rows = [row for row in model._default_manager.select_for_update().select_related("workspace") if getattr(row, name)]
    for row in rows:
        try:
            secret = getattr(row, name).reveal()
        except WrongEncryptionKey as error:
            raise CommandError(f"{row}: {error.message} {' '.join(error.recovery_actions)}") from None
        model._default_manager.filter(pk=row.pk).update(**{name: secret})
    return len(rows)
