"""What is searched for a workspace's tickets: how much there is, and bringing in more."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from processing.enhancement.forms import ImportForm
from processing.enhancement.importing import begin
from processing.enhancement.library import COLUMNS, KINDS, LABELS, MOST_ROWS
from processing.enhancement.models import LibraryImport
from sessions_app import limits
from sessions_app.errors import AppError
from sessions_app.models import Workspace
from sessions_app.models.workspaces import MAY_EDIT

from .access import workspace_or_404

PAGE = 50
IMPORTS = 5
"""The latest ones, on the page of the library."""


@require_safe
def library(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """``?kind=``: tickets, articles or assets; ``?q=`` in their ids and titles."""
    return _page(request, workspace_or_404(request, workspace_id))


@require_POST
def bring_in(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """A CSV file; then the page that shows what becomes of it."""
    workspace = workspace_or_404(request, workspace_id, needs="edit")
    limits.count(request, workspace)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, workspace, form, status=422)
    try:
        made = begin(workspace, form.cleaned_data["kind"], form.cleaned_data["file"], by=request.user)
    except AppError as error:
        messages.error(request, " ".join((error.message, *error.recovery_actions)))
        return _page(request, workspace, form, status=error.http_status)
    return redirect(made)


@require_safe
def import_detail(request: HttpRequest, workspace_id: uuid.UUID, import_id: uuid.UUID) -> HttpResponse:
    """How far an import is, and what became of its rows; ``?part=body`` is all but its head, while it changes."""
    workspace = workspace_or_404(request, workspace_id)
    given = get_object_or_404(LibraryImport.objects.select_related("asked_by"), workspace=workspace, pk=import_id)
    name = "_import" if request.GET.get("part") == "body" else "import"
    return render(request, f"enhancement/library/{name}.html", {"workspace": workspace, "given": given})


def _page(
    request: HttpRequest, workspace: Workspace, form: ImportForm | None = None, *, status: int = 200
) -> HttpResponse:
    kind = request.GET.get("kind", "") or (form.data.get("kind", "") if form else "")
    kind = kind if kind in KINDS else "tickets"
    words = request.GET.get("q", "").strip()[:100]
    rows = KINDS[kind]._default_manager.filter(workspace=workspace)
    if words:
        name = COLUMNS[kind][1]
        rows = rows.filter(Q(**{f"{name}__icontains": words}) | Q(external_id__icontains=words))
    context = {
        "workspace": workspace,
        "kinds": [
            (each, LABELS[each], KINDS[each]._default_manager.filter(workspace=workspace).count()) for each in KINDS
        ],
        "kind": kind,
        "label": LABELS[kind],
        "columns": COLUMNS,
        "needed": {each: COLUMNS[each][:2] for each in KINDS},
        "page": Paginator(rows.order_by("-pk"), PAGE).get_page(request.GET.get("page")),
        "words": words,
        "form": form or ImportForm(initial={"kind": kind}),
        "imports": workspace.library_imports.select_related("asked_by")[:IMPORTS],
        "may_edit": workspace.role_of(request.user) in MAY_EDIT,
        "most_rows": MOST_ROWS,
        "most_bytes": settings.UPLOAD_MAX_REQUEST_BYTES,
    }
    return render(request, "enhancement/library/page.html", context, status=status)
