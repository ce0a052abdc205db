"""Rows with sensible defaults."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from sessions_app.actions import imports
from sessions_app.actions.sessions import create_session
from sessions_app.models import Session, Ticket, Workspace

BUNDLE_HEADERS = ["Name", "Machine name", "Type", "Description", "X"]
FIELD_HEADERS = ["Bundle", "Field label", "Machine name", "Field type", "Ref. bundle", "Req'd", "Vals.", "X"]


def as_csv(headers: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",") -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerows([headers, *rows])
    return written.getvalue().encode()


def bundles(count: int, start: int = 0) -> bytes:
    """A Bundles.csv with ``count`` content types."""
    rows = [[f"Kind {n}", f"kind_{n}", "Content type", f"About {n}.", "a"] for n in range(start, start + count)]
    return as_csv(BUNDLE_HEADERS, rows)


def fields(count: int, of_bundles: int = 1, start: int = 0) -> bytes:
    """A Fields.csv with ``count`` plain fields spread over ``of_bundles`` content types of :func:`bundles`."""
    rows = [
        [f"Kind {start + n % of_bundles} (Content type)", f"Field {n}", f"field_{n}", "Text (plain)", "", "n", "1", "a"]
        for n in range(count)
    ]
    return as_csv(FIELD_HEADERS, rows)


def make_session(workspace: Workspace, **fields: Any) -> Session:
    return create_session(workspace, by=None, **{"site_name": "Northfield University", **fields})


def import_files(session: Session, **files: bytes) -> None:
    """``import_files(session, Bundles=bundles(3))``."""
    uploads = [imports.read_upload(imports.Upload(f"{name}.csv", data)) for name, data in files.items()]
    imports.keep(session, uploads, by=None)


def make_specified_session(
    workspace: Workspace, bundle_count: int = 2, field_count: int = 4, **fields_: Any
) -> Session:
    """A session with content types and fields uploaded."""
    session = make_session(workspace, **fields_)
    import_files(session, Bundles=bundles(bundle_count), Fields=fields(field_count, bundle_count))
    return session


def make_ticket(session: Session, number: int = 1, **fields: Any) -> Ticket:
    defaults: dict[str, Any] = {
        "key": f"bundles:node.kind_{number}",
        "csv_type": "bundles",
        "entity_group": "Content",
        "title": f"Create content type Kind {number}",
        "user_story": "As an editor, I want it.",
        "analysis": "### What to build\n\nIt.",
        "verification": "1. Look.",
        "position": number,
        "provider": "offline",
    }
    return Ticket.objects.create(session=session, number=number, **{**defaults, **fields})
