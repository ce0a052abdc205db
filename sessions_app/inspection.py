"""What an import would do, as plain values: one shape for the API's dry run, ``manage.py inspect`` and the preview."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sessions_app.actions.imports import ReadUpload
from sessions_app.parsing.delimited import DELIMITER_NAMES
from sessions_app.parsing.intake import Reading
from sessions_app.parsing.tables import Finding


def report_of(reading: Reading, across: Iterable[Finding] = ()) -> dict[str, Any]:
    """{file, accepted, csv_type, encoding, delimiter, entities, dispositions, warnings, errors} and how it was
    recognised.

    ``across``: findings from reading all files together; those about this file are added to its warnings.
    """
    table, read, recognition = reading.table, reading.read, reading.recognition
    about = [*reading.warnings, *(finding for finding in across if finding.filename == reading.filename)]
    return {
        "file": reading.filename,
        "accepted": reading.accepted,
        "csv_type": reading.csv_type or None,
        "confidence": recognition.confidence if recognition else None,
        "encoding": table.encoding if table else None,
        "delimiter": table.delimiter if table else None,
        "delimiter_name": DELIMITER_NAMES.get(table.delimiter, "") if table else "",
        "header_line": table.header_line if table else None,
        "headers": list(table.headers) if table else [],
        "mapping": list(recognition.mapping) if recognition else [],
        "rows": len(read.rows) if read else 0,
        "entities": read.entity_count if reading.accepted and read else 0,
        "dispositions": read.dispositions if read else {},
        "warnings": [as_json(finding) for finding in about],
        "errors": [as_json(finding) for finding in reading.errors],
    }


def reports_of(uploads: Iterable[ReadUpload], across: Iterable[Finding] = ()) -> list[dict[str, Any]]:
    found = list(across)
    return [report_of(reading, found) for upload in uploads for reading in upload.readings]


def as_json(finding: Finding) -> dict[str, Any]:
    """The five things an error must say (row, line, column, value, expectation), its code and its sentence."""
    values = asdict(finding)
    del values["blocks"], values["filename"]
    return values


def grouped(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings by cause, most frequent first: (code, its findings)."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.code, []).append(finding)
    return sorted(groups.items(), key=lambda pair: -len(pair[1]))
