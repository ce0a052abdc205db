"""One kept file: what it holds, how it is read, what became of its rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from sessions_app.actions import imports
from sessions_app.inspection import grouped
from sessions_app.models import UploadedFile
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.intake import Choices
from sessions_app.parsing.rows import OWN_COLUMN, Disposition, ReadRow
from sessions_app.parsing.tables import Finding
from sessions_app.safe_csv import safe_csv

from .access import file_or_404, session_or_404
from .imports import choices_from, value_counts

ROWS_PER_PAGE = 50


@require_safe
def file_detail(request: HttpRequest, session_id: uuid.UUID, file_id: uuid.UUID) -> HttpResponse:
    """Raw beside mapped, with the disposition of every row; the mapping and the filter can be changed here."""
    session = session_or_404(request, session_id)
    file = file_or_404(session, file_id)
    reading = imports.reread(file, Choices(file.csv_type, mapping=tuple(file.mapping), exclusions=file.exclusions))
    only = request.GET.get("rows", "")
    all_rows = reading.read.rows if reading.read else ()
    rows = [row for row in all_rows if not only or row.disposition == only]
    page = Paginator(rows, ROWS_PER_PAGE).get_page(
        request.GET.get("page") or _page_with(rows, request.GET.get("row", ""))
    )
    context = {
        "session": session,
        "file": file,
        "headers": list(zip(file.headers, file.mapping, strict=False)),
        "columns": CSV_TYPES[file.csv_type].column_names,
        "csv_types": CSV_TYPES.values(),
        "page": page,
        "only": only,
        "dispositions": [(each.value, file.dispositions.get(each.value, 0)) for each in Disposition],
        "statuses": value_counts(reading, request.GET.get("by", "")),
        "filter_headers": [header for header in file.headers if header],
        "warnings": [
            (code, found[:20], len(found)) for code, found in grouped(Finding(**finding) for finding in file.findings)
        ],
    }
    return render(request, "sessions_app/files/detail.html", context)


def _page_with(rows: Sequence[ReadRow], number: str) -> int:
    """The page on which row ``number`` stands; the first without one."""
    place = next((at for at, row in enumerate(rows) if str(row.number) == number), 0)
    return place // ROWS_PER_PAGE + 1


@require_POST
def file_mapping(request: HttpRequest, session_id: uuid.UUID, file_id: uuid.UUID) -> HttpResponse:
    """Read the file with another type, mapping or filter."""
    session = session_or_404(request, session_id, needs="edit")
    file = file_or_404(session, file_id)
    chosen = choices_from(request)
    csv_type = chosen.get("csv_type", file.csv_type)
    mapping = tuple(chosen.get("mapping", ())) or (tuple(file.mapping) if csv_type == file.csv_type else ())
    exclusions = {**file.exclusions, **chosen.get("exclusions", {})}
    imports.remap(file, Choices(csv_type, mapping=mapping, exclusions=exclusions), by=request.user)
    messages.success(request, f"{file.filename} was read again: {file.entity_count:,} entities.")
    return redirect("sessions:file", session.pk, file.pk)


@require_POST
def file_delete(request: HttpRequest, session_id: uuid.UUID, file_id: uuid.UUID) -> HttpResponse:
    session = session_or_404(request, session_id, needs="edit")
    file = file_or_404(session, file_id)
    imports.remove(file, by=request.user)
    messages.success(request, f"{file.filename} was taken out. Its tickets stay until the next run marks them.")
    return redirect(session)


@require_safe
def file_rows(request: HttpRequest, session_id: uuid.UUID, file_id: uuid.UUID, which: str) -> HttpResponse:
    """Rows that made no ticket (``failed``) or all of them (``all``), as a CSV with what became of each and why."""
    session = session_or_404(request, session_id)
    file = file_or_404(session, file_id)
    if which not in ("failed", "all"):
        raise Http404
    stem = file.filename.rpartition(".")[0] or file.filename
    response = HttpResponse(b"".join(_rows_as_csv(file, which)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"{stem}-{which}-rows.csv")  # noqa: FBT003
    return response


def _rows_as_csv(file: UploadedFile, which: str) -> Iterator[bytes]:
    rows = file.rows.all() if which == "all" else file.rows.filter(disposition=Disposition.DROPPED)
    header = [*file.headers, *(OWN_COLUMN + name for name in ("row", "line", "what became of it", "why"))]
    cells = (
        [
            *row.data,
            *[""] * (len(file.headers) - len(row.data)),
            str(row.number),
            str(row.line),
            row.disposition,
            row.reason,
        ]
        for row in rows
    )
    return safe_csv(header, cells)
