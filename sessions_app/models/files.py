"""An accepted file and all of its rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint

from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.entities import Sheet
from sessions_app.parsing.rows import read_rows
from sessions_app.parsing.tables import Row, Table

from .sessions import Session
from .workspaces import Workspace

ROWS_AT_ONCE = 1_000
CSV_TYPE_CHOICES = [(kind.name, kind.noun.capitalize() + "s") for kind in CSV_TYPES.values()]


class UploadedFile(models.Model):
    """One tab of a specification as it was accepted: what it was taken for and how its columns are read.

    ``mapping`` has one entry per header (a column of the tab, or ``""``); ``exclusions`` maps headers to the values
    whose rows were left out; ``findings`` are the warnings and errors of the import. A configuration export becomes
    several of these.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="files")
    filename = models.CharField(max_length=160)
    csv_type = models.CharField(max_length=40, choices=CSV_TYPE_CHOICES)
    encoding = models.CharField(max_length=40, blank=True)
    delimiter = models.CharField(max_length=4, blank=True)
    header_line = models.PositiveIntegerField(default=1)
    headers = models.JSONField(default=list)
    mapping = models.JSONField(default=list)
    exclusions = models.JSONField(default=dict)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(default=0)
    validation_status = models.CharField(max_length=20, default="valid")
    row_count = models.PositiveIntegerField(default=0)
    entity_count = models.PositiveIntegerField(default=0)
    dispositions = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["uploaded_at", "filename"]
        constraints = [
            UniqueConstraint(fields=["session", "filename", "csv_type"], name="one_file_per_name_and_type"),
            CheckConstraint(
                condition=Q(validation_status__in=["valid", "warnings"]), name="file_validation_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def parsed_content(self) -> dict[str, Any]:
        """``{headers, rows}`` as requirement A-026 has it: rows that make tickets, as header -> cell."""
        headers = [header or f"Column {index + 1}" for index, header in enumerate(self.headers)]
        used = self.rows.filter(disposition__in=["used", "folded"])
        return {"headers": headers, "rows": [dict(zip(headers, row.data, strict=False)) for row in used]}

    def table(self) -> Table:
        """The table as it was read, from the stored rows."""
        return self._table(row for _, row in self.rows.read())

    def sheet(self, rows: Iterable[Row]) -> Sheet:
        """The file for the reading of the whole specification; ``rows`` as they are stored."""
        read = read_rows(self._table(rows), self.csv_type, self.mapping, self.exclusions)
        return Sheet(self.filename, self.csv_type, read.rows)

    def _table(self, rows: Iterable[Row]) -> Table:
        return Table(tuple(self.headers), tuple(rows), self.header_line, self.encoding, self.delimiter)


class SourceRowQuerySet(models.QuerySet["SourceRow"]):
    def read(self) -> Iterator[tuple[uuid.UUID, Row]]:
        """(id of the file, row as it was read), a portion at a time."""
        columns = ("file_id", "number", "line", "data", "origin")
        for file_id, number, line, data, origin in self.values_list(*columns).iterator(chunk_size=ROWS_AT_ONCE):
            yield file_id, Row(number, line, tuple(data), origin)


class SourceRow(models.Model):
    """One row of a file, with what became of it: used, folded, filtered or dropped, and why."""

    file = models.ForeignKey(UploadedFile, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    origin = models.CharField(max_length=255, blank=True)
    data = models.JSONField(default=list)
    row_hash = models.CharField(max_length=64)
    disposition = models.CharField(max_length=10)
    reason = models.CharField(max_length=255, blank=True)

    objects = SourceRowQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["file", "number"])]
        constraints = [
            CheckConstraint(
                condition=Q(disposition__in=["used", "folded", "filtered", "dropped"]), name="row_disposition_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file.filename} row {self.number}"


class ColumnMapping(models.Model):
    """How a workspace read a header row before, so that the next file of the same shape is read the same way."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="column_mappings")
    header_signature = models.CharField(max_length=64)
    csv_type = models.CharField(max_length=40)
    mapping = models.JSONField(default=list)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["workspace", "header_signature"], name="one_mapping_per_header_row")]

    def __str__(self) -> str:
        return f"{self.csv_type} mapping of {self.workspace}"
