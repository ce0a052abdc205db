"""``/api/sessions/{id}/files``: upload, preview, mapping."""

from __future__ import annotations

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.actions import imports
from sessions_app.errors import InvalidUpload
from sessions_app.inspection import report_of, reports_of
from sessions_app.models import UploadedFile
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.intake import Choices, Reading
from sessions_app.parsing.rows import read_rows

from .access import SessionView
from .pagination import PagedView
from .parsers import JSONParser
from .serializers import (
    DryRunSerializer,
    FileSerializer,
    ImportSerializer,
    MappingSerializer,
    PreviewSerializer,
    ReadingSerializer,
    UploadSerializer,
)

PREVIEW_ROWS = 50


class FileList(PagedView, SessionView):
    """The session's files."""

    parser_classes = [MultiPartParser, FormParser, JSONParser]

    @extend_schema(
        parameters=[OpenApiParameter("csv_type", str, enum=list(CSV_TYPES))], responses=FileSerializer(many=True)
    )
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        """The session's files, in the order in which they came."""
        files = self.session.files.order_by("uploaded_at", "filename", "pk")
        if wanted := request.query_params.get("csv_type"):
            files = files.filter(csv_type=wanted)
        return self.paged(request, files, lambda page: FileSerializer(page, many=True).data)

    @extend_schema(
        request=UploadSerializer,
        responses={201: ImportSerializer, 200: DryRunSerializer, 507: None},
    )
    def post(self, request: Request, session_id: uuid.UUID) -> Response:
        """Import files: CSV, TSV, XLSX, config.tar.gz, or a pasted table. Those that cannot be used are named with what
        is wrong; the others are kept.
        """
        serializer = UploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        given = [(upload.name or "", upload) for upload in wanted.get("files", [])]
        imports.check_limits(
            [(name, upload.size or 0) for name, upload in given] or [("", 0)] * bool(wanted.get("pasted"))
        )
        raw = [imports.Upload(name, upload.read()) for name, upload in given]
        if wanted.get("pasted"):
            raw.append(imports.Upload(wanted.get("name") or "pasted.tsv", wanted["pasted"].encode()))
        remembered = imports.remembered_mappings(self.session)
        uploads = [imports.read_upload(upload, remembered) for upload in raw]
        across = imports.findings_across(imports.read_together(self.session, uploads))
        reports = reports_of(uploads, across)
        if wanted["dry_run"]:
            return Response({"files": reports})
        if not any(report["accepted"] for report in reports):
            raise InvalidUpload("None of the files can be imported.", details={"files": reports})
        kept = imports.keep(self.session, uploads, by=request.user)
        return Response({"imported": FileSerializer(kept, many=True).data, "files": reports}, status=201)


class FileDetail(SessionView):
    """One file."""

    @extend_schema(responses=FileSerializer)
    def get(self, request: Request, session_id: uuid.UUID, file_id: uuid.UUID) -> Response:
        """How a file was read, and what became of its rows."""
        return Response(FileSerializer(self._file(file_id)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: uuid.UUID, file_id: uuid.UUID) -> Response:
        """Take it out of the session; its tickets stay until the next run."""
        imports.remove(self._file(file_id), by=request.user)
        return Response(status=204)

    def _file(self, file_id: uuid.UUID) -> UploadedFile:
        return get_object_or_404(self.session.files.select_related("session"), pk=file_id)


class FilePreview(FileDetail):
    """Raw beside mapped: the first rows of a file with what becomes of them."""

    http_method_names = ["get", "head", "options"]

    @extend_schema(responses=PreviewSerializer)
    def get(self, request: Request, session_id: uuid.UUID, file_id: uuid.UUID) -> Response:
        file = self._file(file_id)
        table = file.table()
        read = read_rows(table, file.csv_type, file.mapping, file.exclusions)
        rows = [
            {
                "row": row.number,
                "line": row.line,
                "raw": list(row.raw),
                "mapped": row.cells,
                "extra": row.extra,
                "disposition": row.disposition,
                "reason": row.reason,
            }
            for row in read.rows[:PREVIEW_ROWS]
        ]
        return Response({**FileSerializer(file).data, "shown": len(rows), "rows": rows})


class FileMapping(FileDetail):
    """Read the file with another type, mapping or filter."""

    http_method_names = ["put", "options"]

    @extend_schema(request=MappingSerializer, responses={200: ReadingSerializer, 422: None})
    def put(self, request: Request, session_id: uuid.UUID, file_id: uuid.UUID) -> Response:
        file = self._file(file_id)
        serializer = MappingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        choices = Choices(
            csv_type=wanted.get("csv_type", file.csv_type),
            mapping=tuple(wanted.get("mapping", () if "csv_type" in wanted else file.mapping)),
            exclusions=wanted.get("exclusions", file.exclusions),
        )
        if choices.mapping and len(choices.mapping) != len(file.headers):
            raise InvalidUpload(
                f"The mapping has {len(choices.mapping)} entries, the file {len(file.headers)} headers."
            )
        reading: Reading = imports.reread(file, choices)
        imports.remap(file, choices, by=request.user)
        return Response({**report_of(reading), "id": str(file.pk)})
