"""Importing a specification: read, preview, keep, re-read, remove."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from sessions_app.errors import InvalidUpload, TooLarge
from sessions_app.limits import require_room
from sessions_app.models import AuditEvent, ColumnMapping, Session, SourceRow, UploadedFile
from sessions_app.parsing.config_export import read_config_export
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.delimited import read_table
from sessions_app.parsing.encodings import decode
from sessions_app.parsing.entities import Sheet
from sessions_app.parsing.formats import Format, detect, display_name
from sessions_app.parsing.intake import Choices, Reading, header_signature, read_tab, refused
from sessions_app.parsing.recognition import recognise
from sessions_app.parsing.specification import Specification, backlog, cycle_findings, input_hash, read_specification
from sessions_app.parsing.tables import Finding, Table, UnreadableFile
from sessions_app.spreadsheets import read_workbook

from .sessions import refuse_while_running

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

Remembered = Mapping[str, tuple[str, tuple[str, ...]]]
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it came in. ``choices``: per tab (``""`` for a file that is one table) what a person decided."""

    filename: str
    data: bytes
    choices: Mapping[str, Choices] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadUpload:
    """An upload with the tabs that were found in it."""

    filename: str
    data: bytes
    readings: tuple[Reading, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def remembered_mappings(session: Session) -> Remembered:
    """How this workspace read header rows before."""
    return {
        each.header_signature: (each.csv_type, tuple(each.mapping))
        for each in ColumnMapping.objects.filter(workspace=session.workspace_id)
    }


def read_upload(upload: Upload, remembered: Remembered | None = None) -> ReadUpload:
    """Read one file without keeping anything. A file that cannot be read becomes a reading with one error."""
    filename = display_name(upload.filename, longest=120)
    try:
        tabs = _tables(upload, filename)
    except UnreadableFile as error:
        return ReadUpload(filename, upload.data, (refused(filename, error),))
    several = len(tabs) > 1
    readings = []
    for tab, table in tabs:
        name = filename if not tab or not several else f"{filename} › {display_name(tab, longest=31)}"
        readings.append(read_tab(table, name, upload.choices.get(tab, Choices()), remembered))
    return ReadUpload(filename, upload.data, tuple(_without_strange_sheets(readings)))


def _tables(upload: Upload, filename: str) -> list[tuple[str, Table]]:
    """(tab, table) pairs: one for text, one per worksheet, one per tab of a configuration export."""
    match detect(upload.data, filename):
        case Format.CONFIG_EXPORT:
            export = read_config_export(upload.data)
            tabs = [(table.csv_type, table) for table in export.tables]
            if tabs and export.warnings:
                name, first = tabs[0]
                tabs[0] = (name, _with_warnings(first, export.warnings))
            return tabs
        case Format.WORKBOOK:
            return [(table.sheet, table) for table in read_workbook(upload.data)]
        case Format.TEXT:
            choices = upload.choices.get("", Choices())
            text, encoding = decode(upload.data, choices.encoding)
            table = read_table(text, delimiter=choices.delimiter)
            return [
                (
                    "",
                    Table(
                        table.headers, table.rows, table.header_line, encoding, table.delimiter, warnings=table.warnings
                    ),
                )
            ]


def _with_warnings(table: Table, warnings: tuple[Finding, ...]) -> Table:
    return Table(
        table.headers,
        table.rows,
        table.header_line,
        table.encoding,
        table.delimiter,
        table.sheet,
        table.csv_type,
        warnings,
    )


def _without_strange_sheets(readings: list[Reading]) -> list[Reading]:
    """In a workbook with at least one good tab, sheets that are no tab at all (an overview, diagrams) are passed
    over.
    """
    strange = {"type_unknown", "no_entities"}
    good = [reading for reading in readings if not {error.code for error in reading.errors} & strange]
    return good if any(reading.accepted for reading in good) else readings


def read_together(session: Session, uploads: Iterable[ReadUpload]) -> Specification:
    """The specification as it would be with these uploads beside (or instead of) what is kept already."""
    uploads = list(uploads)
    gone = {kept.pk for kept in _replaced(session, uploads)}
    sheets = list(_sheets_of(session, without=gone))
    sheets += [
        Sheet(reading.filename, reading.csv_type, reading.read.rows)
        for _, reading in _accepted(uploads)
        if reading.read
    ]
    return read_specification(sheets)


def _accepted(uploads: Iterable[ReadUpload]) -> list[tuple[ReadUpload, Reading]]:
    """The tabs that can be imported, each once. Of two different files of one name the second becomes ``a (2).csv``."""
    tabs = {
        (reading.filename, upload.sha256): (upload, reading)
        for upload in uploads
        for reading in upload.readings
        if reading.accepted
    }
    taken: set[str] = set()
    accepted = []
    for upload, reading in tabs.values():
        stem, dot, extension = reading.filename.rpartition(".")
        numbered = (f"{stem} ({n}){dot}{extension}" if dot else f"{extension} ({n})" for n in count(2))
        name = next(each for each in chain([reading.filename], numbered) if each not in taken)
        taken.add(name)
        accepted.append((upload, replace(reading, filename=name)))
    return accepted


def _replaced(session: Session, uploads: list[ReadUpload]) -> list[UploadedFile]:
    """What is kept already under the name of an accepted tab, and tabs that an archive or a workbook has lost since."""
    accepted = _accepted(uploads)
    names = {reading.filename for _, reading in accepted}
    sources = {upload.filename for upload, _ in accepted}
    refused_names = {reading.filename for upload in uploads for reading in upload.readings} - names
    return [
        kept
        for kept in session.files.all()
        if kept.filename in names
        or (kept.filename.partition(" › ")[0] in sources and kept.filename not in refused_names)
    ]


def specification_of(session: Session) -> Specification:
    """All files of a session read together."""
    return read_specification(_sheets_of(session))


def _sheets_of(session: Session, without: Collection[UUID] = ()) -> Iterator[Sheet]:
    """In the order of the files, by one query for the rows of all; a file without rows says nothing."""
    files = {file.pk: file for file in session.files.all() if file.pk not in without}
    rows = SourceRow.objects.filter(file__session=session)
    stored = rows.order_by("file__uploaded_at", "file__filename", "file_id", "id").read()
    for file_id, of_one in groupby(stored, key=itemgetter(0)):
        if file_id in files:
            yield files[file_id].sheet(row for _, row in of_one)


def findings_across(specification: Specification) -> list[Finding]:
    """What only shows when all files are read together: references, storages, labels, cycles."""
    return [*specification.findings, *cycle_findings(backlog(specification))]


def check_limits(uploads: Iterable[tuple[str, int]]) -> None:
    """Refuse too many or too large files; ``uploads``: (name, size in bytes)."""
    sizes = list(uploads)
    if not sizes:
        raise InvalidUpload("Choose at least one file.")
    if len(sizes) > settings.UPLOAD_MAX_FILES:
        raise TooLarge(f"{len(sizes)} files at once; at most {settings.UPLOAD_MAX_FILES} are accepted.")
    for name, size in sizes:
        if size > settings.UPLOAD_MAX_BYTES:
            limit = settings.UPLOAD_MAX_BYTES // 1024 // 1024
            raise TooLarge(f"{display_name(name)} has {size / 1024 / 1024:.1f} MB; a file may have {limit} MB at most.")


def keep(
    session: Session, uploads: Iterable[ReadUpload], *, by: AbstractBaseUser | AnonymousUser | None
) -> list[UploadedFile]:
    """Import every accepted tab of these uploads, all or nothing; what has the same name is replaced.

    Raises InvalidUpload when not one tab can be imported.
    """
    uploads = list(uploads)
    accepted = _accepted(uploads)
    if not accepted:
        raise InvalidUpload("None of the files can be imported.")
    with transaction.atomic():
        Session.objects.select_for_update().get(pk=session.pk)
        refuse_while_running(session)
        for replaced in _replaced(session, uploads):
            replaced.delete()
        require_room(session.workspace, sum(len(upload.data) for upload, _ in accepted))
        kept = [_keep_tab(session, upload, reading, by) for upload, reading in accepted]
        if session.stage == Session.Stage.SETUP:
            session.move_to(Session.Stage.UPLOAD, by=by)
        session.touch()
        AuditEvent.record(
            "files.imported",
            session,
            by=by,
            details={"files": [file.filename for file in kept], "entities": sum(f.entity_count for f in kept)},
        )
    return kept


def _keep_tab(
    session: Session, upload: ReadUpload, reading: Reading, by: AbstractBaseUser | AnonymousUser | None
) -> UploadedFile:
    table, read, recognition = reading.table, reading.read, reading.recognition
    if table is None or read is None or recognition is None:
        raise InvalidUpload(f"{reading.filename} cannot be imported.")
    file = UploadedFile.objects.create(
        session=session,
        filename=reading.filename,
        csv_type=reading.csv_type,
        encoding=table.encoding,
        delimiter=table.delimiter,
        header_line=table.header_line,
        headers=list(table.headers),
        mapping=list(recognition.mapping),
        exclusions={header: list(values) for header, values in reading.exclusions.items()},
        sha256=upload.sha256,
        size=len(upload.data),
        uploaded_by_id=by.pk if by else None,
        **_outcome(reading),
    )
    SourceRow.objects.bulk_create(
        (
            SourceRow(
                file=file,
                number=row.number,
                line=row.line,
                origin=row.origin[:255],
                data=list(row.raw),
                row_hash=hashlib.sha256("\x1f".join(row.raw).encode("utf-8", "surrogatepass")).hexdigest(),
                disposition=row.disposition,
                reason=row.reason[:255],
            )
            for row in read.rows
        ),
        batch_size=ROWS_AT_ONCE,
    )
    _remember(session, file, table)
    return file


def _outcome(reading: Reading) -> dict[str, Any]:
    read = reading.read
    assert read is not None  # noqa: S101 - accepted readings are read
    return {
        "validation_status": "warnings" if reading.warnings else "valid",
        "row_count": len(read.rows),
        "entity_count": read.entity_count,
        "dispositions": read.dispositions,
        "findings": [asdict(finding) for finding in reading.warnings[:500]],
    }


def _remember(session: Session, file: UploadedFile, table: Table) -> None:
    """The next file with this header row is read as a person had this one read.

    What the headers and the name tell by themselves is not remembered: ``Menus.csv`` may have the headers of
    ``Roles.csv``.
    """
    key: dict[str, Any] = {"workspace_id": session.workspace_id, "header_signature": header_signature(file.headers)}
    chosen = (file.csv_type, tuple(file.mapping))
    found_out = recognise(table, file.filename)
    if chosen != (found_out.csv_type, found_out.mapping):
        defaults = {"csv_type": file.csv_type, "mapping": file.mapping}
        ColumnMapping.objects.update_or_create(**key, defaults=defaults)
        return
    for known in ColumnMapping.objects.filter(**key):
        if (known.csv_type, tuple(known.mapping)) != chosen:
            known.delete()


def reread(file: UploadedFile, choices: Choices) -> Reading:
    """What the file would become with another type, mapping or filter; keeps nothing."""
    return read_tab(file.table(), file.filename, choices)


def remap(file: UploadedFile, choices: Choices, *, by: AbstractBaseUser | AnonymousUser | None) -> UploadedFile:
    """Read a kept file again with another type, mapping or filter, and keep that. Raises InvalidUpload if it no
    longer fits.
    """
    reading = reread(file, choices)
    if not reading.accepted or reading.read is None or reading.recognition is None:
        raise InvalidUpload(
            "With this mapping the file cannot be imported.",
            details={"errors": [asdict(error) for error in reading.errors]},
        )
    with transaction.atomic():
        session = Session.objects.select_for_update().get(pk=file.session_id)
        refuse_while_running(session)
        rows = list(file.rows.all())
        for row, read in zip(rows, reading.read.rows, strict=True):
            row.disposition, row.reason = read.disposition, read.reason[:255]
        SourceRow.objects.bulk_update(rows, ["disposition", "reason"], batch_size=ROWS_AT_ONCE)
        file.csv_type = reading.csv_type
        file.mapping = list(reading.recognition.mapping)
        file.exclusions = {header: list(values) for header, values in choices.exclusions.items()}
        for name, value in _outcome(reading).items():
            setattr(file, name, value)
        file.save(update_fields=["csv_type", "mapping", "exclusions", *_outcome(reading)])
        _remember(session, file, file.table())
        session.touch()
        AuditEvent.record("file.remapped", session, by=by, details={"file": file.filename, "csv_type": file.csv_type})
    return file


def remove(file: UploadedFile, *, by: AbstractBaseUser | AnonymousUser | None) -> None:
    """Take a file and its rows out of the session. Tickets stay until the next run marks them."""
    with transaction.atomic():
        refuse_while_running(file.session)
        AuditEvent.record("file.removed", file.session, by=by, details={"file": file.filename})
        file.session.touch()
        file.delete()


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import would change against what is kept: labels by kind of change."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int


def changes(session: Session, uploads: Iterable[ReadUpload]) -> Changes:
    """Compare the specification as it is kept with what these uploads would make of it."""
    before = _hashes(specification_of(session))
    after = _hashes(read_together(session, uploads))
    added = [name for key, (name, _) in after.items() if key not in before]
    changed = [name for key, (name, digest) in after.items() if key in before and before[key][1] != digest]
    removed = [name for key, (name, _) in before.items() if key not in after]
    return Changes(tuple(added), tuple(changed), tuple(removed), len(after) - len(added) - len(changed))


def _hashes(specification: Specification) -> dict[str, tuple[str, str]]:
    return {
        item["key"]: (f"{item['data']['label']} ({CSV_TYPES[item['type']].noun})", input_hash(item))
        for item in backlog(specification)
    }
