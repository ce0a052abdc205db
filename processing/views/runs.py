"""The run of a session: start, watch, hold, stop, repeat."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from processing.errors import ProcessingError
from processing.export.files import FORMATS
from processing.generation.estimate import estimate
from processing.generation.service import ProcessingService, latest_task, status_of
from processing.models.tasks import TaskStatus
from sessions_app.errors import AppError
from sessions_app.models import Session
from sessions_app.views.access import session_or_404

NEWEST = 8
RETRYABLE = (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.COMPLETED_WITH_ERRORS)


def run_context(session: Session) -> dict[str, object]:
    """What the run page shows, live or not."""
    task = latest_task(session)
    return {
        "session": session,
        "task": task,
        "status": status_of(session, task),
        "errors": ProcessingService().get_processing_errors(session, {"unresolved": True})[:20],
        "error_count": session.errors.filter(resolved_at__isnull=True).count(),
        "newest": session.tickets.filter(generated_by_task=task.pk).order_by("-number")[:NEWEST] if task else [],
        "may_retry": bool(task and task.status in RETRYABLE),
        "ticket_count": session.tickets.in_backlog().count(),
        "history": session.tasks.all()[:10],
        "formats": FORMATS.items(),
    }


@require_safe
def run(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """The run page; ``?part=status`` gives its changing part alone."""
    session = session_or_404(request, session_id)
    context = run_context(session)
    if request.GET.get("part") == "status":
        return render(request, "processing/runs/_status.html", context)
    unfinished = context["task"] is not None and not context["task"].is_finished  # type: ignore[attr-defined]
    context["estimate"] = None if unfinished or not session.files.exists() else estimate(session)
    return render(request, "processing/runs/detail.html", context)


class LimitForm(forms.Form):
    """A new limit of money for a paused run."""

    budget = forms.DecimalField(min_value=0, max_digits=10, decimal_places=2, required=False)


def _budget(request: HttpRequest) -> Decimal | None:
    form = LimitForm(request.POST)
    if not form.is_valid():
        raise ProcessingError("The limit is an amount in USD, for example 12.50.")
    amount: Decimal | None = form.cleaned_data["budget"]
    return amount


@require_POST
def act(request: HttpRequest, session_id: uuid.UUID, verb: str) -> HttpResponse:
    """start, cancel, pause, resume or retry; then the run page."""
    session = session_or_404(request, session_id, needs="edit")
    service = ProcessingService(by=request.user)
    verbs = {
        "start": service.generate_tickets,
        "cancel": service.cancel_processing,
        "pause": service.pause_processing,
        "resume": lambda session: service.resume_processing(session, _budget(request)),
        "retry": service.retry_processing,
    }
    if verb not in verbs:
        raise Http404("There is no such verb.")
    try:
        verbs[verb](session)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
    return redirect("runs:run", session.pk)
