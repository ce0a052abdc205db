"""All that a session has, in one ZIP: what is given to people before the session is removed.

session.json                 what was chosen
specification/Bundles.csv    each file as it was read, with its header; and what became of each row
tickets.json, tickets.md     the backlog
history.json                 versions and remarks of every ticket, decisions, runs, exports, the audit log
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any, Final

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils.text import slugify

from processing.export.backlog import session_header
from processing.export.files import FORMATS
from processing.models import SessionBundle
from sessions_app.models import AuditEvent, Session, TicketRevision, UploadedFile
from sessions_app.models.review import TicketComment
from sessions_app.safe_csv import safe_csv

FOLDER: Final = "bundles"
IN_MEMORY: Final = 8 * 1024 * 1024


def filename(title: str, key: str) -> str:
    """``northfield-university-s-12.zip``"""
    return f"{slugify(title)[:80] or 'site'}-{slugify(key)}.zip"


def write_bundle(session: Session, target: IO[bytes]) -> None:
    """Write the ZIP; a few hundred rows in memory at a time."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", _json({**session_header(session), "stage": session.stage}))
        _write_specification(session, archive)
        for name in ("json", "md"):
            with archive.open(f"tickets.{FORMATS[name].extension}", "w") as entry:
                entry.writelines(FORMATS[name].write(session))
        with archive.open("history.json", "w") as entry:
            entry.writelines(_history(session))


def _write_specification(session: Session, archive: zipfile.ZipFile) -> None:
    taken: set[str] = set()
    for file in session.files.order_by("filename", "csv_type"):
        name = _unique(re.sub(r"[^\w. -]+", "_", file.filename).strip(". ") or "file", taken)
        with archive.open(f"specification/{name}.csv", "w") as entry:
            entry.writelines(safe_csv([*file.headers, "(row)", "(what became of it)"], _rows_of(file)))


def _rows_of(file: UploadedFile) -> Iterator[list[str]]:
    width = len(file.headers)
    for row in file.rows.order_by("number").iterator(chunk_size=500):
        cells = [*map(str, row.data[:width]), *[""] * (width - len(row.data))]
        yield [*cells, str(row.number), f"{row.disposition}: {row.reason}" if row.reason else row.disposition]


def _unique(name: str, taken: set[str]) -> str:
    name = name.removesuffix(".csv")[:100]
    found, number = name, 1
    while found.lower() in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found.lower())
    return found


def _history(session: Session) -> Iterator[bytes]:
    """``{"versions": […], "comments": […], …}``, a row at a time."""
    revisions = TicketRevision.objects.filter(ticket__session=session).order_by("ticket__number", "version")
    comments = TicketComment.objects.filter(ticket__session=session).order_by("ticket__number", "pk")
    parts: dict[str, Any] = {
        "versions": revisions.values("ticket__key", *_fields_of(TicketRevision)),
        "comments": comments.values("ticket__key", *_fields_of(TicketComment)),
        "runs": session.tasks.order_by("created_at").values(
            "task_id", "task_type", "status", "provider", "llm_model", "total", "done", "failed", "cost", "created_at",
            "finished_at", "error",
        ),
        "errors": session.errors.order_by("created_at").values(
            "entity_key", "code", "error_category", "severity", "operation_stage", "user_message", "created_at"
        ),
        "exports": session.export_records.order_by("pk").values(
            "step", "item_key", "status", "remote_key", "remote_url", "changed_at"
        ),
        "audit": AuditEvent.objects.filter(object_id=str(session.pk)).order_by("at").values(
            "at", "action", "user_name", "request_id", "details"
        ),
    }  # fmt: skip
    yield b"{"
    for number, (name, rows) in enumerate(parts.items()):
        yield f"{',' if number else ''}\n{json.dumps(name)}: [".encode()
        for index, row in enumerate(rows.iterator(chunk_size=500)):
            yield (b",\n" if index else b"\n") + _json(row)
        yield b"]"
    yield b"\n}\n"


def forget_bundle(bundle: SessionBundle) -> None:
    bundle.delete()
    default_storage.delete(bundle.name)


def _fields_of(model: Any) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if field.name not in ("id", "ticket")]


def _json(value: Any) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).encode()


def keep_bundle(session: Session) -> SessionBundle:
    """The bundle in the file storage, and its row. Doing it again replaces both."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as written:
        write_bundle(session, written)
        size = written.tell()
        written.seek(0)
        digest = hashlib.file_digest(written, "sha256").hexdigest()
        written.seek(0)
        name = default_storage.save(f"{FOLDER}/{session.workspace_id}/{session.pk}.zip", File(written))
    with transaction.atomic():
        before = SessionBundle.objects.filter(session_id=session.pk).first()
        kept, _ = SessionBundle.objects.update_or_create(
            session_id=session.pk,
            defaults={
                "workspace_id": session.workspace_id,
                "session_key": session.short_key,
                "title": session.site_name,
                "tickets": session.tickets.count(),
                "name": name,
                "size": size,
                "sha256": digest,
            },
        )
        if before and before.name != name:
            transaction.on_commit(lambda: default_storage.delete(before.name))
    return kept
