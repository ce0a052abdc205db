"""The engineer's list: tickets of the help desk, newest first, and how many there are of each kind."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from processing.enhancement.models import EnhancementHistory
from processing.enhancement.models.history import Status
from sessions_app.models import Workspace

PAGE = 50
FILTERS = {"": "All", **{status.value: status.label for status in Status}}


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """``?status=``, ``?workspace=`` (a slug) and ``?q=`` (in id, title) narrow it down; ``?part=rows`` is the table."""
    mine = EnhancementHistory.objects.visible_to(request.user)
    workspaces = list(Workspace.objects.visible_to(request.user))
    wanted, words = request.GET.get("status", ""), request.GET.get("q", "").strip()[:100]
    chosen = next((each for each in workspaces if each.slug == request.GET.get("workspace")), None)
    if chosen:
        mine = mine.filter(workspace=chosen)
    if words:
        mine = mine.filter(Q(ticket_id__icontains=words) | Q(title__icontains=words))
    counts = dict(mine.order_by().values_list("status").annotate(count=Count("pk")))
    rows = mine.filter(status=wanted) if wanted in Status.values else mine
    rows = rows.select_related("workspace").defer("description", "payload")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "filters": [
            (value, label, counts.get(value, 0) if value else sum(counts.values())) for value, label in FILTERS.items()
        ],
        "wanted": wanted if wanted in Status.values else "",
        "words": words,
        "workspaces": workspaces,
        "chosen": chosen,
        "is_open": any(not run.is_finished for run in page),
    }
    name = "_rows" if request.GET.get("part") == "rows" else "list"
    return render(request, f"enhancement/tickets/{name}.html", context)
