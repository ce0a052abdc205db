"""Writing notes: recorded before the call, looked for after a lost answer, tried again after 2, 4 and 8 seconds."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from processing.engine import queue, stopping
from processing.enhancement import figures
from processing.enhancement.backoff import wait_after
from processing.enhancement.models import EnhancementHistory, HelpDesk, WriteBack
from processing.enhancement.models.desk import Target
from processing.enhancement.models.history import MOST_ATTEMPTS
from processing.errors import ProcessingError
from processing.export.errors import Lost, NotSent, SlowDown
from sessions_app.correlation import correlation_id
from sessions_app.errors import WrongState

from .note import marker_of
from .targets import target_of

JOB: Final = "processing.enhancement.jobs.send_note"
WAITED_FOR: Final = 12.0
"""Seconds that a worker waits itself for the next try; what takes longer is woken by the sweep."""
WOKEN_AT_ONCE: Final = 200


def note_for(run: EnhancementHistory) -> WriteBack | None:
    """The note about a run that has just been completed, to be written; in its transaction.

    None where the workspace writes nothing back, the ticket is none of the help desk's, or its text has a note already:
    that is also what ends a circle of our own note coming back as news.
    """
    target = HelpDesk.target_of(run.workspace)
    if target == Target.NONE or run.origin == EnhancementHistory.Origin.PAGE or not run.ticket_id:
        return None
    note = WriteBack(
        workspace=run.workspace,
        enhancement=run,
        target=target,
        ticket_id=run.ticket_id,
        text_hash=run.text_hash,
        marker=marker_of(run.workspace_id, target, run.ticket_id, run.text_hash),
    )
    WriteBack.objects.bulk_create([note], ignore_conflicts=True)
    if not WriteBack.objects.filter(pk=note.pk).exists():
        return None
    wake(note)
    return note


def wake(note: WriteBack) -> None:
    queue.enqueue(JOB, str(note.pk), queue="export", description=f"enhancement.write_back {note.ticket_id}")


def send(note: WriteBack) -> None:
    """Write it, trying again as long as that may help. Delivered twice it is written once."""
    run = note.enhancement
    token = correlation_id.set(run.correlation_id)
    try:
        while _once(note, run):
            time.sleep(0.01)
    except WrongState:
        figures.say(logging.INFO, "note is in other hands", run)
    finally:
        correlation_id.reset(token)


def _once(note: WriteBack, run: EnhancementHistory) -> bool:
    """One try; True if the next one is due now."""
    may_be_there = note.may_be_there
    note.send()
    began = time.monotonic()
    try:
        desk = HelpDesk.of(note.workspace)
        if desk.target != note.target:
            note.fail(code="target_changed", message="The workspace writes its notes elsewhere by now.")
            return False
        target = target_of(desk)
        remote = target.find(note.ticket_id, note.marker) if may_be_there else ""
        note.arrived(remote or target.write(run, note.marker))
    except (NotSent, Lost) as error:
        return _failed_for_now(note, run, error, may_be_there=may_be_there or isinstance(error, Lost))
    except ProcessingError as error:
        note.fail(code=error.code, message=_in_words(error))
        figures.say(logging.ERROR, "note refused", run, error_type=error.code, error_message=error.message)
        return False
    figures.say(logging.INFO, "note written", run, duration_ms=int(1000 * (time.monotonic() - began)))
    return False


def _failed_for_now(note: WriteBack, run: EnhancementHistory, error: ProcessingError, *, may_be_there: bool) -> bool:
    if note.attempts >= MOST_ATTEMPTS:
        note.fail(code=error.code, message=_in_words(error))
        figures.say(logging.ERROR, "note failed", run, error_type=error.code, error_message=error.message)
        return False
    asked_for = error.seconds if isinstance(error, SlowDown) else 0.0
    delay = wait_after(note.attempts, first=settings.ENHANCEMENT["RETRY_DELAY"], asked_for=asked_for)
    note.put_back(delay, code=error.code, message=_in_words(error), may_be_there=may_be_there)
    figures.say(logging.WARNING, "Retrying note", run, wait_seconds=round(delay, 2), error_type=error.code)
    if delay > WAITED_FOR:
        return False
    until = time.monotonic() + delay
    while time.monotonic() < until:
        if stopping.requested():
            return False
        time.sleep(min(0.2, max(0.0, until - time.monotonic())))
    return True


def _in_words(error: ProcessingError) -> str:
    """The wire speaks of trackers; here it is a help desk."""
    return error.message.replace("tracker", "help desk")


def sweep(now: datetime) -> int:
    """Take up what died while it was sent, and wake workers for what is due. Returns how many were woken."""
    for note in WriteBack.objects.abandoned(now)[:WOKEN_AT_ONCE]:
        try:
            if note.attempts >= MOST_ATTEMPTS:
                note.fail(code="worker_lost", message="The worker died while this was sent.")
            else:
                note.put_back(0, code="worker_lost", message="The worker died while this was sent.", may_be_there=True)
        except WrongState:
            continue
    due = list(WriteBack.objects.due(timezone.now())[:WOKEN_AT_ONCE])
    with transaction.atomic():
        for note in due:
            wake(note)
    return len(due)
