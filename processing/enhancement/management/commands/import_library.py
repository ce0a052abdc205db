"""``manage.py import_library``: what is searched, from CSV files of any size, within this process.

Killed in the middle it leaves whole portions behind; the same command again mends the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from processing.enhancement.library import KINDS, Report, import_csv
from sessions_app.errors import AppError
from sessions_app.models import Workspace

TOLD_EVERY = 20_000
"""Rows; a multiple of the rows of a portion."""


class Told:
    """Says how far it is, a line now and then."""

    def __init__(self, command: Command, path: Path) -> None:
        self.command, self.path = command, path

    def settle(self, report: Report) -> None:
        if report.rows % TOLD_EVERY == 0:
            self.command.stdout.write(f"{self.path}: {report.rows:,} rows")

    def goes_on(self) -> bool:
        return True


class Command(BaseCommand):
    help = (
        "Adds or changes solved tickets, articles or assets of a workspace, by their external_id; any number of times."
    )

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
                    report = import_csv(workspace, options["kind"], file, turns=Told(self, path))
            except (AppError, OSError) as error:
                raise CommandError(f"{path}: {error}") from None
            self.stdout.write(
                f"{path}: {report.created:,} new, {report.changed:,} changed, {report.unchanged:,} as before, "
                f"{report.refused:,} refused"
            )
            for problem in report.problems[:20]:
                self.stderr.write(
                    f"  line {problem['line']:,}, {problem['column']} “{problem['value']}”: {problem['message']}"
                )
