"""``manage.py backup DIR``: every row and every file, with digests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.backups import BackupError, backup


class Command(BaseCommand):
    help = "Copy the database, as of one moment, and all files into a new folder. People may go on working."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = backup(options["folder"])
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{len(manifest['files'])} files and the database ({manifest['engine']}) are in the backup.")
