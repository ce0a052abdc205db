"""``manage.py import_library``: what is searched, from CSV files of any size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.enhancement.library import KINDS, import_csv
from sessions_app.errors import AppError
from sessions_app.models import Workspace


class Command(BaseCommand):
    help = "Adds or changes solved tickets, articles or assets of a workspace, by their external_id."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--workspace", required=True, help="its slug")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}.")
        for path in options["files"]:
            try:
                with path.open("rb") as file:
                    report = import_csv(workspace, options["kind"], file)
            except (AppError, OSError) as error:
                raise CommandError(f"{path}: {error}") from None
            self.stdout.write(
                f"{path}: {report.created:,} new, {report.changed:,} changed, {report.unchanged:,} as before, "
                f"{report.refused:,} refused"
            )
            for problem in report.problems[:20]:
                self.stderr.write(f"  line {problem['line']}, {problem['column']}: {problem['message']}")
