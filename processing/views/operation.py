"""The status page: what an operator looks at when somebody says that it does not work."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from processing import status


def staff_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuses everybody else, whatever they ask for."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not request.user.is_staff:
            raise PermissionDenied("This page is for operators.")
        return view(request)

    return guarded


@staff_only
@require_safe
@never_cache
def operation(request: HttpRequest) -> HttpResponse:
    """Workers, queues, runs, errors, versions. For staff: it shows names of all workspaces."""
    context = {
        "queues": status.queues(),
        "workers": status.workers(),
        "tasks": status.unfinished_tasks(),
        "unsent": status.unsent_messages(),
        "errors": status.last_errors(),
        "versions": status.versions(),
        "now": timezone.now(),
    }
    return render(request, "processing/operation/page.html", context)
