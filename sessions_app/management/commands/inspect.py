"""``manage.py inspect SOURCE…``: what an import would do, by the same code as the preview. Keeps nothing."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.actions.imports import ReadUpload, Upload, findings_across, read_upload
from sessions_app.inspection import reports_of
from sessions_app.parsing.entities import Sheet
from sessions_app.parsing.specification import read_specification
from sessions_app.sources import NoSuchSource, find_sources


class Command(BaseCommand):
    help = (
        "Say what an import of these files would do: type, encoding, rows and what becomes of them, warnings, errors."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", nargs="+", help="CSV, TSV or XLSX files, a folder of them, or a config.tar.gz")
        parser.add_argument("--json", action="store_true", help="one JSON object per file and line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits 0 if every file can be imported, 1 if not."""
        try:
            sources = find_sources(options["source"])
        except NoSuchSource as error:
            raise CommandError(str(error), returncode=2) from None
        uploads = [read_upload(Upload(source.path.name, source.path.read_bytes())) for source in sources]
        reports = reports_of(uploads, findings_across(read_specification(_sheets(uploads))))
        for report in reports:
            self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else _in_words(report))
        if not all(report["accepted"] for report in reports):
            raise SystemExit(1)


def _sheets(uploads: list[ReadUpload]) -> list[Sheet]:
    return [
        Sheet(reading.filename, reading.csv_type, reading.read.rows)
        for upload in uploads
        for reading in upload.readings
        if reading.accepted and reading.read
    ]


def _in_words(report: dict[str, Any]) -> str:
    if not report["accepted"]:
        return "\n".join([f"{report['file']}: refused", *(f"  {error['message']}" for error in report["errors"])])
    counts = ", ".join(f"{count} {name}" for name, count in report["dispositions"].items() if count)
    where = ", ".join(filter(None, (report["encoding"], report["delimiter_name"])))
    lines = [f"{report['file']}: {report['csv_type']}, {report['entities']} entities ({counts}) {where}".rstrip()]
    for warning in report["warnings"][:20]:
        place = f"row {warning['row']}, line {warning['line']}: " if warning["row"] else ""
        lines.append(f"  {place}{warning['message']}")
    if len(report["warnings"]) > 20:
        lines.append(f"  … and {len(report['warnings']) - 20} more")
    return "\n".join(lines)
