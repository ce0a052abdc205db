"""Views of the list of tickets that a person named: keep one, take it away, show them above the table."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from sessions_app.errors import AppError
from sessions_app.filters import FILTERS, LONGEST, list_address, sent_filters
from sessions_app.models import SavedView, Session
from sessions_app.models.saved_views import LONGEST_NAME

from .access import session_or_404


class ViewForm(forms.Form):
    """What a view is called."""

    name = forms.CharField(max_length=LONGEST_NAME)


def views_beside(request: HttpRequest, session: Session) -> dict[str, Any]:
    """For the list's template: the person's views, which of them is shown, and whether another could be kept."""
    wanted = {name: request.GET.get(name, "").strip()[:LONGEST] for name in FILTERS}
    wanted = {name: value for name, value in wanted.items() if value}
    views = list(session.saved_views.filter(user=request.user.pk))
    return {
        "views": [(view, list_address(session, view.filters), view.filters == wanted) for view in views],
        "shown_view": next((view for view in views if view.filters == wanted), None),
        "is_filtered": bool(wanted),
        "longest_name": LONGEST_NAME,
    }


@require_POST
def view_keep(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Give the list's filters (``filter-<name>``) a ``name``; then the list with them."""
    session = session_or_404(request, session_id)
    filters = sent_filters(request.POST)
    form = ViewForm(request.POST)
    if not filters:
        messages.error(request, "Nothing is filtered: search or choose a filter first, then give it a name.")
    elif not form.is_valid():
        messages.error(request, f"A view needs a name of at most {LONGEST_NAME} characters.")
    else:
        try:
            view = SavedView.objects.keep(session, cast("User", request.user), form.cleaned_data["name"], filters)
        except AppError as error:
            messages.error(request, " ".join((error.message, *error.recovery_actions)))
        else:
            messages.success(request, f"Kept as “{view.name}”. Only you see it.")
    return redirect(list_address(session, filters))


@require_POST
def view_remove(request: HttpRequest, session_id: uuid.UUID, view_id: uuid.UUID) -> HttpResponse:
    """The name goes; no ticket does."""
    session = session_or_404(request, session_id)
    view = get_object_or_404(session.saved_views, pk=view_id, user=request.user.pk)
    view.delete()
    messages.success(request, f"The view “{view.name}” is gone. Its tickets stay.")
    return redirect(list_address(session, view.filters))
