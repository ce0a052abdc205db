"""Pages of assessments: list, make, look at, start, stop, take away."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from processing.assessment import service
from processing.assessment.backlog import sort_backlog
from processing.assessment.forms import TextsForm
from processing.assessment.models import AssessmentBatch, RubricScore
from processing.assessment.people import waiting_for_people
from processing.assessment.plot import plot
from processing.assessment.reports import latest
from sessions_app import limits
from sessions_app.errors import AppError
from sessions_app.models import Workspace
from sessions_app.models.workspaces import MAY_EDIT, MAY_REVIEW

from .files import file_response

PER_PAGE = 50
ROWS = 200


def batch_or_404(request: HttpRequest, assessment_id: uuid.UUID, *, needs: str = "view") -> AssessmentBatch:
    """The batch if the user may see it. ``needs``: view, edit or review. Carries the role for templates."""
    mine = AssessmentBatch.objects.visible_to(request.user).select_related("workspace", "session")
    batch = get_object_or_404(mine, pk=assessment_id)
    role = batch.workspace.role_of(request.user)
    allowed = {"view": True, "edit": role in MAY_EDIT, "review": role in MAY_REVIEW}
    if not allowed[needs]:
        raise PermissionDenied("Your role in this workspace does not allow that.")
    limits.count(request, batch.workspace)
    batch.may_edit, batch.may_review = allowed["edit"], allowed["review"]  # type: ignore[attr-defined]
    return batch


@require_safe
def assessment_list(request: HttpRequest) -> HttpResponse:
    batches = AssessmentBatch.objects.visible_to(request.user).select_related("workspace")
    page = Paginator(batches, PER_PAGE).get_page(request.GET.get("page"))
    may_create = Workspace.objects.editable_by(request.user).exists()
    return render(request, "assessment/assessments/list.html", {"page": page, "may_create": may_create})


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Texts from a box or a file."""
    if not Workspace.objects.editable_by(request.user).exists():
        if request.method == "POST":
            raise PermissionDenied("You may look at assessments here but not make them.")
        return redirect("assessments:list")
    form = TextsForm(request.POST or None, request.FILES or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        limits.count(request, form.cleaned_data["workspace"])
        try:
            batch, _ = service.create_batch(
                form.cleaned_data["workspace"], form.values(), by=request.user, source="texts", and_start=True
            )
        except AppError as error:
            form.add_error("total_budget", error.message)
        else:
            return redirect(batch)
    status = 422 if form.is_bound else 200
    return render(request, "assessment/assessments/form.html", {"form": form}, status=status)


@require_safe
def detail(request: HttpRequest, assessment_id: uuid.UUID) -> HttpResponse:
    """Where it stands; scores as a drawing and as a table; how far to trust them."""
    batch = batch_or_404(request, assessment_id)
    run = latest(batch)
    context: dict[str, Any] = {"batch": batch, "run": run, "waiting_people": waiting_for_people(batch)}
    if run is not None:
        rankings = _with_tickets(batch, run.rankings)
        page = Paginator(rankings, ROWS).get_page(request.GET.get("page"))
        is_ab = batch.kind == AssessmentBatch.Kind.AB
        context |= {"page": page, "plot": None if is_ab else plot(run.rankings), "is_ab": is_ab}
    context["failures"] = batch.comparison_pairs.filter(winner="error").order_by("-completed_at")[:10]
    context["part"] = "_status.html" if request.GET.get("part") == "status" else ""
    name = "_status.html" if context["part"] else "detail.html"
    return render(request, f"assessment/assessments/{name}", context)


def _with_tickets(batch: AssessmentBatch, rankings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their ticket, if they are of one, and its INVEST rating."""
    if batch.session is None or batch.kind == AssessmentBatch.Kind.AB:
        return rankings
    items = batch.items.filter(ticket__isnull=False).select_related("ticket")
    tickets = {
        str(item.pk): item for item in items.only("ticket__session_id", "ticket__version", "ticket_version", "batch_id")
    }
    ratings = {row.ticket_id: row for row in RubricScore.objects.filter(ticket__session=batch.session)}
    rows = []
    for row in rankings:
        item = tickets.get(row["item"])
        ticket = item.ticket if item else None
        extra = {
            "ticket": ticket,
            "invest": ratings.get(ticket.pk) if ticket else None,
            "edited_since": bool(item and ticket and ticket.version != item.ticket_version),
        }
        rows.append({**row, **extra})
    return rows


@require_safe
def ranking_file(request: HttpRequest, assessment_id: uuid.UUID, name: str) -> HttpResponse:
    batch = batch_or_404(request, assessment_id)
    run = latest(batch)
    if run is None:
        raise Http404("There are no scores yet.")
    return file_response(batch, run, name)


@require_POST
def act(request: HttpRequest, assessment_id: uuid.UUID, verb: str) -> HttpResponse:
    """start, cancel, resume, delete; sort: the session's backlog by the ranking."""
    batch = batch_or_404(request, assessment_id, needs="edit")
    if verb == "delete":
        service.delete(batch, by=request.user)
        messages.success(request, "The assessment is gone.")
        return redirect("assessments:list")
    if verb == "sort":
        sort_backlog(batch, by=request.user)
        messages.success(request, "The backlog is in the order of this ranking, as far as dependencies allow.")
        return redirect("sessions:order", batch.session_id)
    if verb not in VERBS:
        raise Http404
    VERBS[verb](batch, by=request.user)
    return redirect(batch)


VERBS = {"start": service.start, "cancel": service.cancel, "resume": service.go_on}
