"""``manage.py restore DIR``: what ``backup`` wrote, checked before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.backups import BackupError, restore


class Command(BaseCommand):
    help = "Put a backup back. Stop web, workers and schedules first; afterwards they take up what was under way."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--overwrite", action="store_true", help="even if there is something in the database here")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = restore(options["folder"], overwrite=options["overwrite"])
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from None
        call_command("migrate", interactive=False, verbosity=0)  # a backup of an older version, by SQLite
        self.stdout.write(f"The backup of {manifest['made_at']} is back, with {len(manifest['files'])} files.")
