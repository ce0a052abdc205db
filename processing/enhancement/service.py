"""Taking jobs in, asking for them again, adopting tickets. What works on them is ``runner``."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from processing.engine import queue
from processing.errors import ProcessingError
from sessions_app.correlation import correlation_id
from sessions_app.errors import WrongState
from sessions_app.models import AuditEvent, Session, Ticket, TicketRevision, Workspace
from sessions_app.parsing.text import storable

from . import figures
from .models import EnhancementHistory, WriteBack
from .models.history import Origin, Status
from .payload import EnhancementJob, InvalidJob, job_of, raw_field

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

QUEUE = "enhancement"
JOB = "processing.enhancement.jobs.enhance_ticket"
ENOUGH_WAITING = 4
"""Jobs in the queue beyond which no more are put there: each works on all that is due."""
INVALID = "invalid_job"


class JobRefused(ProcessingError):
    """The payload is not a job; ``details["errors"]`` names the fields."""

    code = INVALID
    http_status = 422

    def __init__(self, error: InvalidJob, enhancement: EnhancementHistory | None = None) -> None:
        details: dict[str, Any] = {"errors": error.errors}
        if enhancement is not None:
            details["enhancement_id"] = str(enhancement.pk)
        super().__init__(f"The job is not valid. {error}"[:900], details=details)


class EnhancementService:
    """Takes jobs in the name of ``by``."""

    def __init__(self, *, by: AbstractBaseUser | AnonymousUser | None = None) -> None:
        self.by = by if by is not None and by.pk else None

    def accept(
        self,
        workspace: Workspace,
        data: Any,
        origin: str,
        *,
        linked_ticket: Ticket | None = None,
        wakes: bool = True,
    ) -> tuple[EnhancementHistory, bool]:
        """Record the job and wake a worker: (its run, whether it is new). A second delivery of a job is the first one.
        ``wakes`` is off for who works on it at once.

        Raises JobRefused; what was wrong is recorded as a failed run, which nobody tries again (requirement D-37).
        """
        with transaction.atomic(savepoint=False):  # nothing here is undone alone
            try:
                job = job_of(data)
                if job.tenant_id != workspace.slug:
                    raise InvalidJob([{"field": "tenant_id", "message": "This is not the workspace that sent it."}])
            except InvalidJob as error:
                invalid: InvalidJob | None = error
            else:
                invalid = None
                run, is_new = self._recorded(workspace, job, origin, linked_ticket)
                if is_new and wakes:
                    wake(run)
            if invalid is not None:
                failed = record_invalid(workspace, data, invalid, origin, by=self.by)
        if invalid is not None:
            raise JobRefused(invalid, failed)
        return run, is_new

    def _recorded(
        self, workspace: Workspace, job: EnhancementJob, origin: str, linked_ticket: Ticket | None
    ) -> tuple[EnhancementHistory, bool]:
        fields = {
            "ticket_id": job.ticket_id,
            "title": job.title,
            "description": job.description,
            "priority": job.priority,
            "url": job.url,
            "sent_at": job.timestamp,
            "payload": {**job.model_dump(mode="json"), "job_id": job.key},
            "text_hash": job.text_hash,
            "origin": origin,
            "correlation_id": job.trace_id or correlation_id.get()[:64],
            "asked_by_id": self.by.pk if self.by else None,
        }
        run = EnhancementHistory(
            workspace=workspace, job_id=job.key, linked_ticket=linked_ticket, result_summary=_initiated(job), **fields
        )
        EnhancementHistory.objects.bulk_create([run], ignore_conflicts=True)
        present = EnhancementHistory.objects.select_related("workspace").get(workspace=workspace, job_id=job.key)
        is_new = present.pk == run.pk
        if not is_new and present.status == Status.FAILED and present.error_code == INVALID:
            present.ask_again(**fields)  # it was not well-formed before; now it is
            is_new = True
        if is_new:
            figures.say(logging.INFO, "enhancement accepted", present, origin=origin)
        return present, is_new

    def retry(self, run: EnhancementHistory) -> None:
        """A person asks for a failed run again. Raises WrongState."""
        if run.error_code == INVALID:
            raise WrongState("What was sent is not valid; it has to be sent again, corrected.", recovery_actions=())
        if run.status != Status.FAILED:
            raise WrongState(f"This run is {run.get_status_display().lower()}; only a failed one is run again.")
        with transaction.atomic():
            run.ask_again(asked_by_id=self.by.pk if self.by else None)
            AuditEvent.record("enhancement.retry", run, by=self.by, details={"ticket": run.ticket_id})
            wake(run)

    def for_ticket(self, ticket: Ticket) -> tuple[EnhancementHistory, bool]:
        """Find context for a ticket of a session, as it is now; the same version of it is one job."""
        workspace = ticket.session.workspace
        job = {
            "job_id": f"ticket-{ticket.pk}-{ticket.version}",
            "ticket_id": f"{ticket.session.short_key}/{ticket.short_key}",
            "title": ticket.title,
            "description": ticket.description[:100_000],
            "priority": "none",
            "tenant_id": workspace.slug,
            "timestamp": ticket.updated_at.isoformat(),
        }
        return self.accept(workspace, job, Origin.PAGE, linked_ticket=ticket)

    def adopt(self, run: EnhancementHistory, session: Session) -> Ticket:
        """Make the help-desk ticket a ticket of a session, with what was found. Once: raises WrongState then."""
        with transaction.atomic():
            locked = EnhancementHistory.objects.select_for_update().get(pk=run.pk)
            if locked.linked_ticket_id:
                raise WrongState("This ticket belongs to a session already.")
            if session.workspace_id != locked.workspace_id:
                raise WrongState("This session belongs to another workspace.")
            if locked.status != Status.COMPLETED:
                raise WrongState("Only a ticket whose enhancement is completed can be adopted.")
            number = session.next_ticket_number()
            ticket = Ticket.objects.create(
                session=session,
                number=number,
                position=number,
                key=f"helpdesk:{locked.ticket_id}"[:200] + f":{str(locked.pk)[:8]}",
                csv_type="custom",
                entity_group="Custom",
                provider="offline",
                generated_by_task=None,
                **_texts(locked),
            )
            TicketRevision.of(ticket, editor=self.by)
            EnhancementHistory.objects.filter(pk=locked.pk).update(linked_ticket=ticket)
            details = {"enhancement": str(locked.pk), "help_desk_ticket": locked.ticket_id}
            AuditEvent.record("enhancement.adopted", ticket, by=self.by, details=details)
            session.touch()
        run.refresh_from_db()
        return ticket

    def write_again(self, note: WriteBack) -> None:
        """A person wants a note that failed to be tried again."""
        from .writeback.sending import wake as wake_sender

        with transaction.atomic():
            note.ask_again()
            AuditEvent.record("enhancement.write_again", note.enhancement, by=self.by)
            wake_sender(note)


def _initiated(job: EnhancementJob) -> str:
    """What lists say until there is a result (requirement B-031)."""
    return f"Enhancement processing initiated for ticket {job.ticket_id}"


def _texts(run: EnhancementHistory) -> dict[str, str]:
    """The ticket's four texts. What strangers wrote stays text: Markdown of ours holds it as code or quotes."""
    title = " ".join((run.title or run.description.strip().split("\n")[0]).split())[:240] or run.ticket_id
    quoted = "\n".join(f"> {line}" for line in run.description[:20_000].splitlines())
    found = "\n".join(f"- {item.label}: {item.title} ({item.external_id})" for item in run.items.all())
    claims = run.synthesis.claims if hasattr(run, "synthesis") else []
    said = "\n".join(f"- {claim['text']} ({', '.join(claim['cites']) or 'no source'})" for claim in claims)
    analysis = f"### Reported\n\n{quoted}\n\n### What was found\n\n{found or 'Nothing.'}"
    return {
        "title": title,
        "user_story": f"As the requester of {run.ticket_id}, I want this to be solved, so that I can go on working.",
        "analysis": f"{analysis}\n\n### Put together\n\n{said}" if said else analysis,
        "verification": "1. Ask the requester of the help-desk ticket whether the problem is gone.",
    }


def record_invalid(
    workspace: Workspace,
    data: Any,
    error: InvalidJob,
    origin: str,
    *,
    by: AbstractBaseUser | AnonymousUser | None = None,
) -> EnhancementHistory:
    """A failed run for what is no job, under its own id where that is free; the same one again is the same row."""
    digest = hashlib.sha256(data if isinstance(data, bytes) else _as_text(data).encode()).hexdigest()[:32]
    job_id = raw_field(data, "job_id") or f"invalid-{digest}"
    now = timezone.now()
    message = str(error)[:1000]
    with transaction.atomic():
        row = EnhancementHistory(
            workspace=workspace,
            job_id=job_id,
            ticket_id=raw_field(data, "ticket_id"),
            title=raw_field(data, "title"),
            origin=origin,
            status=Status.FAILED,
            error_code=INVALID,
            error_message=message,
            result_summary=message[:500],
            processing_time_ms=0,
            finished_at=now,
            correlation_id=correlation_id.get()[:64],
            asked_by_id=by.pk if by else None,
            payload=_kept(data),
        )
        EnhancementHistory.objects.bulk_create([row], ignore_conflicts=True)
        present = EnhancementHistory.objects.select_related("workspace").get(workspace=workspace, job_id=job_id)
        if present.pk == row.pk:
            figures.say(logging.ERROR, "enhancement refused", present, error_type=INVALID, error_message=message)
            figures.count("failed", raw_field(data, "tenant_id") or None, 0.0)
    return present


def _kept(data: Any) -> dict[str, Any]:
    """The beginning of what came, for the page that shows why it failed."""
    text = data.decode(errors="replace") if isinstance(data, bytes) else _as_text(data)
    return {"received": storable(text).replace("\\u0000", "")[:4_000]}


def _as_text(data: Any) -> str:
    try:
        return json.dumps(data, default=str, sort_keys=True)
    except (TypeError, ValueError, RecursionError):  # keys of several kinds, endless numbers, too deep
        return "(what came cannot be shown)"


def wake(run: EnhancementHistory) -> None:
    """Tell a worker, once the transaction commits. A lost word is found by the sweep."""
    payload, name = run.payload, run.ticket_id

    def tell() -> None:
        try:
            if queue.waiting(QUEUE) < ENOUGH_WAITING:
                queue.enqueue(
                    JOB,
                    payload,
                    queue=QUEUE,
                    timeout=int(settings.ENHANCEMENT["HARD_LIMIT"]),
                    description=f"enhancement.enhance_ticket {name}",
                )
        except redis.RedisError as error:
            figures.say(logging.WARNING, "enhancement not enqueued, the sweep will do it", run, error=str(error))

    transaction.on_commit(tell)
