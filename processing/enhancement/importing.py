"""Files of the library, brought in by workers: taken at the door, settled in portions, gone on with whatever dies.

The rows of a portion and the counts of their import are one transaction, so that a row is settled once; whoever goes on
begins behind what is settled.
"""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Final, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone

from processing.engine import queue, stopping
from sessions_app.errors import AppError, NoStorage, WrongState
from sessions_app.models import AuditEvent, Workspace

from .library import Report, bring_in_csv, check_csv, take_up_many
from .models import LibraryImport
from .models.imports import MOST_ATTEMPTS

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

logger = logging.getLogger("processing.enhancement")

JOB: Final = "processing.enhancement.jobs.import_library"
QUEUE: Final = "llm"
"""Beside other long work: tickets, which somebody waits for, go first."""
FOLDER: Final = "library"
ORPHAN: Final = timedelta(days=1)


def begin(
    workspace: Workspace, kind: str, upload: File[bytes], *, by: AbstractBaseUser | AnonymousUser | None = None
) -> LibraryImport:
    """Keep the file and have it brought in. Raises InvalidUpload where its header will not do, NoStorage."""
    check_csv(kind, upload)
    upload.seek(0)
    made = LibraryImport(
        workspace=workspace,
        kind=kind,
        filename=(upload.name or "file.csv").replace("\0", "")[-200:],
        size=upload.size or 0,
        asked_by_id=by.pk if by else None,
    )
    try:
        made.stored = default_storage.save(f"{FOLDER}/{workspace.pk}/{made.pk}.csv", upload)
    except OSError as error:
        logger.error("a file of the library cannot be stored: %s", error)
        raise NoStorage("The file cannot be stored just now.") from None
    with transaction.atomic():
        made.save(force_insert=True)
        wake(made)
    return made


def wake(given: LibraryImport) -> None:
    queue.enqueue(JOB, str(given.pk), queue=QUEUE, description=f"enhancement.import_library {given.kind}")


class Turn:
    """One worker's turn at one import: tells how far it is, and when to hand on."""

    def __init__(self, given: LibraryImport, owner: uuid.UUID, file: IO[bytes]) -> None:
        self.given, self.owner, self.file = given, owner, file
        self._over = time.monotonic() + settings.ENGINE["SLICE"]

    def settle(self, report: Report) -> None:
        self.given.settle(self.owner, report, self.file.tell())

    def goes_on(self) -> bool:
        return time.monotonic() < self._over and not stopping.requested()


def work_on(given: LibraryImport) -> None:
    """Bring it in, or as much of it as one turn takes. Whatever happens becomes a state."""
    owner = uuid.uuid4()
    try:
        if given.start(owner):
            _take_turn(given, owner)
    except WrongState:
        logger.info("import %s is in other hands", given.pk)
    except (DatabaseError, InterfaceError):
        logger.exception("import %s cannot go on now, the sweep will see to it", given.pk)
        connection.close()
        with suppress(DatabaseError, InterfaceError, WrongState):
            _try_again(given, "database", "The database did not answer as expected.", owner)
    _wake_next(given.workspace_id)


def _take_turn(given: LibraryImport, owner: uuid.UUID) -> None:
    report = Report(given.created, given.changed, given.unchanged, given.refused, list(given.problems))
    try:
        with default_storage.open(given.stored) as stored:
            file = cast("IO[bytes]", stored.file)
            turn = Turn(given, owner, file)
            is_whole = bring_in_csv(given.workspace, given.kind, file, report, turn)
    except WrongState:
        raise
    except AppError as error:
        _end(given, owner, error.code, error.message)
    except OSError:
        _end(given, owner, "file_gone", "The file is not in the storage any more. Bring it in again.")
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        logger.exception("import %s ended unexpectedly", given.pk)
        _end(
            given,
            owner,
            "internal",
            "Something went wrong that was not foreseen. An administrator finds it in the log.",
        )
    else:
        if is_whole:
            _complete(given, owner, report)
        else:
            given.put_back(owner=owner)


def _complete(given: LibraryImport, owner: uuid.UUID, report: Report) -> None:
    with transaction.atomic():
        given.complete(owner, report.ignored_columns)
        _note(given)
    take_up_many(given.kind, report)
    _forget(given)


def _end(given: LibraryImport, owner: uuid.UUID | None, code: str, message: str) -> None:
    with transaction.atomic():
        given.fail(code=code, message=message, owner=owner)
        _note(given)
    _forget(given)


def _note(given: LibraryImport) -> None:
    counts = {name: getattr(given, name) for name in ("created", "changed", "refused")}
    details = {"kind": given.kind, "import": str(given.pk), "status": str(given.status), **counts}
    AuditEvent.record("library.imported", given.workspace, by=given.asked_by, details=details)


def _forget(given: LibraryImport) -> None:
    """The file is not needed any more; what is left of one is pruned."""
    with suppress(OSError):
        default_storage.delete(given.stored)


def _try_again(given: LibraryImport, code: str, message: str, owner: uuid.UUID | None) -> None:
    given.refresh_from_db()
    if given.attempts >= MOST_ATTEMPTS:
        _end(given, owner, code, message)
    else:
        given.put_back(code=code, message=message, owner=owner)


def _wake_next(workspace_id: uuid.UUID) -> None:
    """The workspace's next one, or this one's next turn."""
    try:
        waiting = LibraryImport.objects.filter(workspace_id=workspace_id, status=LibraryImport.Status.PENDING)
        following = waiting.order_by("created_at").first()
        if following is not None:
            wake(following)
    except (DatabaseError, InterfaceError):
        logger.warning("the next import is not enqueued, the sweep will do it")


def sweep(now: datetime) -> int:
    """Take up what dead workers held, and wake workers for what waits. Returns how many imports were woken."""
    for given in LibraryImport.objects.abandoned(now).select_related("workspace"):
        with suppress(WrongState):
            _try_again(given, "worker_lost", "The worker died while it was brought in.", given.lease_owner)
    running = LibraryImport.objects.filter(status=LibraryImport.Status.RUNNING).values("workspace")
    waiting = LibraryImport.objects.filter(status=LibraryImport.Status.PENDING).exclude(workspace__in=running)
    with transaction.atomic():
        first = {given.workspace_id: given for given in waiting.order_by("-created_at")}
        for given in first.values():
            wake(given)
    return len(first)


def prune(before: datetime) -> int:
    """Forget imports that ended before that, and files of which nobody knows any more."""
    old = LibraryImport.objects.filter(status__in=("completed", "failed"), finished_at__lt=before)
    count = old.count()
    old.delete()
    known = set(LibraryImport.objects.filter(status__in=("pending", "running")).values_list("stored", flat=True))
    for folder in default_storage.listdir(FOLDER)[0] if default_storage.exists(FOLDER) else []:
        for name in default_storage.listdir(f"{FOLDER}/{folder}")[1]:
            path = f"{FOLDER}/{folder}/{name}"
            if path not in known and default_storage.get_modified_time(path) < timezone.now() - ORPHAN:
                default_storage.delete(path)
    return count
