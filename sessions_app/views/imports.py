"""Bringing a specification in: drop, look, confirm. Nothing is kept before the confirmation."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from sessions_app import staging
from sessions_app.actions import imports
from sessions_app.errors import InvalidUpload
from sessions_app.inspection import grouped
from sessions_app.models import Session
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.delimited import DELIMITER_NAMES, Limits
from sessions_app.parsing.encodings import OFFERED
from sessions_app.parsing.intake import Choices, Reading
from sessions_app.parsing.rows import Disposition
from sessions_app.parsing.specification import Specification
from sessions_app.parsing.tables import Finding
from sessions_app.parsing.text import normal

from .access import session_or_404

PREVIEW_ROWS = 8
MOST_VALUES = 40
"""Values of a column that the filter offers."""


def limits() -> dict[str, Any]:
    """What the page states and the server enforces."""
    table = Limits()
    return {
        "file_mb": settings.UPLOAD_MAX_BYTES // 1024 // 1024,
        "files": settings.UPLOAD_MAX_FILES,
        "rows": table.rows,
        "columns": table.columns,
    }


@require_POST
def upload(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Take files or a pasted table in for a preview."""
    session = session_or_404(request, session_id, needs="edit")
    given = [(file.name or "", file) for file in request.FILES.getlist("files")]
    pasted = request.POST.get("pasted", "")
    if not given and not pasted.strip():
        raise InvalidUpload(
            "Choose at least one file, or paste a table.", recovery_actions=("Go back and choose a file.",)
        )
    imports.check_limits([(name, file.size or 0) for name, file in given] or [("pasted.tsv", len(pasted))])
    uploads = [(name, file.read()) for name, file in given]
    if pasted.strip():
        uploads.append(("pasted.tsv", pasted.encode()))
    batch = staging.stage(session.pk, uploads)
    return redirect("sessions:import", session.pk, batch.id)


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, session_id: uuid.UUID, batch_id: uuid.UUID) -> HttpResponse:
    """What an import would do: raw beside mapped, every row accounted for, errors and warnings; choices can be
    changed.
    """
    session = session_or_404(request, session_id, needs="edit")
    batch = _batch(session, batch_id)
    if request.method == "POST":
        _take_choices(request, batch)
        batch.save()
        return redirect(_back_to_tab(request, session, batch))
    uploads = _read(session, batch)
    specification = imports.read_together(session, uploads)
    across = imports.findings_across(specification)
    changes = imports.changes(session, uploads) if session.files.exists() else None
    by = request.GET.get("by", "")
    tabs = [
        _tab(staged, index, upload, reading, across, by=by)
        for staged, upload in zip(batch.files, uploads, strict=True)
        for index, reading in enumerate(upload.readings)
    ]
    context = {
        "session": session,
        "batch": batch,
        "tabs": tabs,
        "accepted": sum(tab["reading"].accepted for tab in tabs),
        "refused": sum(not tab["reading"].accepted for tab in tabs),
        "entities": _entities_of(specification, {tab["reading"].filename for tab in tabs if tab["reading"].accepted}),
        "changes": changes,
        "csv_types": CSV_TYPES.values(),
        "encodings": OFFERED,
        "delimiters": DELIMITER_NAMES.items(),
        "opened": request.GET.get("open", ""),
    }
    return render(request, "sessions_app/imports/preview.html", context)


@require_POST
def confirm(request: HttpRequest, session_id: uuid.UUID, batch_id: uuid.UUID) -> HttpResponse:
    """Keep what the preview showed."""
    session = session_or_404(request, session_id, needs="edit")
    batch = _batch(session, batch_id)
    kept = imports.keep(session, _read(session, batch), by=request.user)
    batch.discard()
    entities = sum(file.entity_count for file in kept)
    messages.success(
        request, f"Imported {len(kept)} {'file' if len(kept) == 1 else 'files'} with {entities:,} entities."
    )
    return redirect(session)


@require_POST
def discard(request: HttpRequest, session_id: uuid.UUID, batch_id: uuid.UUID) -> HttpResponse:
    """Forget the batch."""
    session = session_or_404(request, session_id, needs="edit")
    _batch(session, batch_id).discard()
    messages.info(request, "Nothing was imported.")
    return redirect(session)


def _entities_of(specification: Specification, filenames: set[str]) -> int:
    """Entities that stand in these files; one that stands in two counts once."""
    return sum(
        entity.filename in filenames or bool(filenames & set(entity.other_files)) for entity in specification.entities
    )


def _batch(session: Session, batch_id: uuid.UUID) -> staging.Batch:
    batch = staging.load(session.pk, batch_id)
    if batch is None:
        raise Http404("This preview is over.")
    return batch


def _read(session: Session, batch: staging.Batch) -> list[imports.ReadUpload]:
    remembered = imports.remembered_mappings(session)
    return [
        imports.read_upload(
            imports.Upload(
                staged.filename,
                batch.bytes_of(staged),
                {tab: _choices(chosen) for tab, chosen in staged.choices.items()},
            ),
            remembered,
        )
        for staged in batch.files
    ]


def _choices(chosen: dict[str, Any]) -> Choices:
    return Choices(
        csv_type=chosen.get("csv_type", ""),
        encoding=chosen.get("encoding", ""),
        delimiter=chosen.get("delimiter", ""),
        mapping=tuple(chosen.get("mapping", ())),
        exclusions=chosen.get("exclusions", {}),
    )


def _take_choices(request: HttpRequest, batch: staging.Batch) -> None:
    """Read the form of one tab into the batch; unknown values are ignored."""
    number = request.POST.get("file", "")
    staged = next((each for each in batch.files if str(each.number) == number), None)
    if staged is None:
        raise Http404("There is no such file in this preview.")
    tab = request.POST.get("tab", "")
    chosen, before = choices_from(request), staged.choices.get(tab, {})
    chosen["exclusions"] = {**before.get("exclusions", {}), **chosen.get("exclusions", {})}
    staged.choices[tab] = chosen


_DECIDES_HEADERS = {"csv_type": "type", "encoding": "encoding", "delimiter": "delimiter"}
"""Where one of these changes, the posted mapping belongs to another table and is found out anew."""


def choices_from(request: HttpRequest) -> dict[str, Any]:
    """Type, encoding, delimiter, mapping and exclusions from a form (also used by the file page)."""
    posted = request.POST
    chosen: dict[str, Any] = {}
    if posted.get("csv_type") in CSV_TYPES:
        chosen["csv_type"] = posted["csv_type"]
    if posted.get("encoding") in OFFERED:
        chosen["encoding"] = posted["encoding"]
    if posted.get("delimiter") in DELIMITER_NAMES:
        chosen["delimiter"] = posted["delimiter"]
    same_table = all(posted.get(name, "") == posted.get(f"was_{was}", "") for name, was in _DECIDES_HEADERS.items())
    if same_table and posted.getlist("mapping"):
        chosen["mapping"] = posted.getlist("mapping")
    column = posted.get("filter_column", "")
    if column:
        seen, wanted = posted.getlist("filter_seen"), set(posted.getlist("filter_wanted"))
        unwanted = [value.replace("\0", "") for value in seen if value not in wanted]
        chosen["exclusions"] = {column.replace("\0", ""): unwanted}
    return chosen


def _back_to_tab(request: HttpRequest, session: Session, batch: staging.Batch) -> str:
    """The preview with the tab open whose choices were sent."""
    address = reverse("sessions:import", args=[session.pk, batch.id])
    anchor = request.POST.get("anchor", "")
    return f"{address}?open={anchor}#tab-{anchor}" if re.fullmatch(r"\d{1,4}-\d{1,4}", anchor) else address


def _tab(
    staged: staging.StagedFile,
    index: int,
    upload: imports.ReadUpload,
    reading: Reading,
    across: list[Finding],
    *,
    by: str,
) -> dict[str, Any]:
    """Everything that the preview shows of one tab."""
    about = [*reading.warnings, *(finding for finding in across if finding.filename == reading.filename)]
    read = reading.read
    rows = [row for row in read.rows if row.number][:PREVIEW_ROWS] if read else []
    sheet = reading.table.sheet or reading.table.csv_type if reading.table else ""
    tab = sheet if len(upload.readings) > 1 or sheet else ""
    return {
        "number": staged.number,
        "anchor": f"{staged.number}-{index}",
        "tab": tab,
        "chosen": staged.choices.get(tab, {}),
        "reading": reading,
        "size": len(upload.data),
        "headers": _headers(reading),
        "columns": CSV_TYPES[reading.csv_type].column_names if reading.csv_type else (),
        "rows": rows,
        "raw_rows": reading.table.rows[:PREVIEW_ROWS] if reading.table and not read else [],
        "row_total": len(read.rows) if read else 0,
        "warnings": [(code, found[:10], len(found)) for code, found in grouped(about)],
        "statuses": value_counts(reading, by),
        "filter_headers": [header for header, _ in _headers(reading) if header] if reading.read else [],
    }


def _headers(reading: Reading) -> list[tuple[str, str]]:
    """(header, column that it is mapped to) per column of the file."""
    if not reading.table or not reading.recognition:
        return []
    return list(zip(reading.table.headers, reading.recognition.mapping, strict=True))


def value_counts(reading: Reading, by: str = "") -> list[tuple[str, str, int, bool]]:
    """(header, value, rows, wanted) for each value of a column, most frequent first; [] without that column.

    ``by`` names a header of the file; the column X is taken where it is empty.
    """
    at = _column_index(reading, by)
    if at is None or not reading.read or not reading.table:
        return []
    header = reading.table.headers[at]
    excluded = {normal(value) for value in reading.exclusions.get(header, ())}
    counts: dict[str, int] = {}
    for row in reading.read.rows:
        if row.disposition != Disposition.DROPPED:
            value = row.raw[at].strip() if at < len(row.raw) else ""
            counts[value] = counts.get(value, 0) + 1
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])[:MOST_VALUES]
    return [(header, value, count, normal(value) not in excluded) for value, count in ranked]


def _column_index(reading: Reading, by: str) -> int | None:
    if not reading.table or not reading.recognition:
        return None
    if by:
        return reading.table.headers.index(by) if by in reading.table.headers else None
    return reading.recognition.mapping.index("X") if "X" in reading.recognition.mapping else None
