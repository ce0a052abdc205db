"""Ways to read files in a test as the import does, without keeping anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from sessions_app.actions.imports import ReadUpload, Upload, findings_across, read_upload
from sessions_app.inspection import reports_of
from sessions_app.parsing.delimited import read_table
from sessions_app.parsing.entities import Entity, Sheet
from sessions_app.parsing.intake import Choices, Reading
from sessions_app.parsing.rows import ReadTable
from sessions_app.parsing.specification import Specification, read_specification

BUNDLES = ["Name", "Machine name", "Type", "Description"]
FIELDS = ["Bundle", "Field label", "Machine name", "Field type", "Ref. bundle", "Req'd", "Vals.", "Settings/notes"]
VIEWS = ["View name", "Machine name", "Base table", "Status", "Description"]
DISPLAYS = ["View", "Title", "Machine name", "Display plugin", "Notes", "View ID"]
STYLES = ["Style name", "Machine name", "Notes"]
EFFECTS = ["Image style", "Effect", "Summary"]
RESPONSIVE = ["Responsive style", "Machine Name", "Breakpoint Group", "Fallback Style", "Image Style Group(s)"]
VIEW_MODES = ["View Modes", "Entity Type", "Entities Used On", "Format"]
WORKFLOWS = ["Label", "Machine name", "X", "Type", "Notes"]
STATES = ["Workflow", "Label", "Machine name", "Notes"]
TRANSITIONS = ["Workflow", "Label", "Machine name", "From state", "To state", "Notes"]
MIGRATIONS = ["Migration name", "Machine name", "Source", "Destination", "Bundle", "Dependencies"]
ROLES = ["ID", "Name", "Machine name", "X", "Dev", "QA", "Notes"]

Rows = Sequence[Sequence[str]]


def sheet_text(*rows: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def read_one(data: bytes | str, filename: str = "Bundles.csv", **choices: Any) -> Reading:
    """The only tab of an upload."""
    content = data if isinstance(data, bytes) else data.encode()
    (reading,) = read_upload(Upload(filename, content, {"": Choices(**choices)})).readings
    return reading


def read_rows_of(reading: Reading) -> ReadTable:
    assert reading.read, [error.message for error in reading.errors]
    return reading.read


def labels(reading: Reading) -> list[str]:
    """What the used rows call their entity, machine name where there is one."""
    used = [row for row in read_rows_of(reading).rows if row.disposition == "used"]
    return [row.cells.get("Machine name") or row.cells.get("Name") or row.cells.get("Title", "") for row in used]


def codes(findings: Iterable[Any]) -> list[str]:
    return [finding.code for finding in findings]


def sheets_of(uploads: Iterable[ReadUpload]) -> list[Sheet]:
    return [
        Sheet(reading.filename, reading.csv_type, reading.read.rows)
        for upload in uploads
        for reading in upload.readings
        if reading.accepted and reading.read
    ]


def uploads_of(files: dict[str, bytes]) -> list[ReadUpload]:
    return [read_upload(Upload(name, data)) for name, data in files.items()]


def reports(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What an import of these files together would say of each."""
    uploads = uploads_of(files)
    return reports_of(uploads, findings_across(read_specification(sheets_of(uploads))))


def specified(**tabs: Rows) -> Specification:
    """``specified(Bundles=[BUNDLES, ["Article", "article", "Content type", ""]], …)``."""
    return read_specification(sheets_of(uploads_of({f"{n}.csv": sheet_text(*r).encode() for n, r in tabs.items()})))


def keys(specification: Specification) -> list[str]:
    return [entity.key for entity in specification.entities]


def needs(specification: Specification, *rules: str) -> set[tuple[str, str]]:
    """(source, target) of the dependencies of these rules."""
    return {(each.source, each.target) for each in specification.dependencies if each.rule in rules}


def entity(specification: Specification, key: str) -> Entity:
    return next(each for each in specification.entities if each.key == key)


def table(text: str, **options: Any) -> Any:
    return read_table(text, **options)
