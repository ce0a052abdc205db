"""What RQ calls, and what runs by the clock.

How a job comes here (requirement B-007): a help desk POSTs to ``/webhook/servicedesk``; the run is recorded and, when
that is committed, this job LPUSHed to the queue ``enhancement`` in Redis; a worker takes it from there (BRPOP) and
calls :func:`enhance_ticket` with the payload. Producers that know no webhooks LPUSH raw JSON to ``enhancement:queue``,
and ``manage.py drain_enhancement_queue`` brings it the same way.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from sessions_app.correlation import correlation_id
from sessions_app.errors import WrongState
from sessions_app.models import Workspace

from . import figures, importing
from .models import EnhancementHistory, LibraryImport, WriteBack
from .models.history import Origin, Status
from .payload import InvalidJob, job_of, raw_field
from .runner import Runner, result_of, take_back
from .service import EnhancementService, JobRefused, wake
from .writeback import sending

NAME = "enhancement.enhance_ticket"


def enhance_ticket(job_data: dict[str, Any] | str) -> dict[str, Any]:
    """Enhance one help-desk ticket (task name ``enhancement.enhance_ticket``).

    ``job_data``: an EnhancementJob (``payload.py``) as a dict or a JSON string. The run of this job is made if it is
    not there (requirement D-40: one per job_id, attempts are counted on it), worked on if it is due, and its result
    returned: {status, ticket_id, enhancement_id, processing_time_ms}; ``status`` is pending where it will be tried
    again, after 2, 4 and 8 seconds at most three times. Whatever else is due is worked on beside it.

    Raises JobRefused (422) at once for a payload that is not valid, recorded as failed and never retried. Nothing else
    is raised but the hard time limit: after 120 s the work-horse is ended, and the run is tried again or has failed.
    """
    token = correlation_id.set(raw_field(job_data, "trace_id") or raw_field(job_data, "job_id"))
    try:
        workspace = _workspace_of(job_data)
        run, _ = EnhancementService().accept(workspace, job_data, Origin.QUEUE, wakes=False)
        # Also where its own ticket was done by another job: for what came since, nobody may have been woken, as this
        # one was waiting.
        if not run.is_finished or EnhancementHistory.objects.due(timezone.now()).exists():
            Runner().run(run.pk)
            run.refresh_from_db()
        return result_of(run)
    finally:
        correlation_id.reset(token)


def _workspace_of(job_data: Any) -> Workspace:
    """Raises JobRefused where there is none: then there is no place for a record either, but the figures count it."""
    workspace = Workspace.objects.filter(slug=raw_field(job_data, "tenant_id")).first()
    if workspace is not None:
        return workspace
    figures.count("failed", None, 0.0)
    try:
        job_of(job_data)
        error = InvalidJob([{"field": "tenant_id", "message": "There is no such workspace."}])
    except InvalidJob as invalid:
        error = invalid
    figures.say(logging.ERROR, "enhancement refused", error_type="invalid_job", error_message=str(error)[:500])
    raise JobRefused(error)


def send_note(note_id: str) -> None:
    """Write a note back to the help desk."""
    note = WriteBack.objects.filter(pk=note_id).first()
    if note is not None:
        sending.send(note)


def import_library(import_id: str) -> None:
    """Bring a file into the library, or as much of it as one turn takes."""
    given = LibraryImport.objects.select_related("workspace").filter(pk=import_id).first()
    if given is not None:
        importing.work_on(given)


def sweep_enhancements() -> dict[str, int]:
    """Every half minute: take up what dead workers held, end what is over its deadline, wake workers for what is due.

    Safe beside workers and beside another sweep.
    """
    now = timezone.now()
    names = ("enhancements_taken_back", "enhancements_ended", "enhancements_woken", "notes_woken", "imports_woken")
    counts = dict.fromkeys(names, 0)
    for run in EnhancementHistory.objects.abandoned(now).select_related("workspace")[:500]:
        counts["enhancements_taken_back"] += take_back(run, "worker_lost", "The worker died during the attempt.")
    late = EnhancementHistory.objects.filter(status=Status.PENDING, deadline_at__lt=now).select_related("workspace")
    for run in late[:500]:
        counts["enhancements_ended"] += _end_late(run)
    due = EnhancementHistory.objects.due(timezone.now()).order_by("not_before").first()
    if due is not None:
        wake(due)
        counts["enhancements_woken"] = 1
    counts["notes_woken"] = sending.sweep(now)
    counts["imports_woken"] = importing.sweep(now)
    if any(counts.values()):
        figures.say(logging.INFO, "enhancement sweep", None, **counts)
    return counts


def _end_late(run: EnhancementHistory) -> bool:
    message = run.error_message or "It could not be finished in time."
    try:
        with transaction.atomic():
            run.fail(code="deadline", message=f"The time for all attempts is over. {message}")
            figures.count("failed", run.tenant_id, (run.processing_time_ms or 0) / 1000)
    except WrongState:  # somebody has taken it up
        return False
    return True
