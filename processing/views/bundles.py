"""A session as one ZIP: of one that is there, and of those that were removed."""

from __future__ import annotations

import tempfile
import uuid

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from processing.bundles import IN_MEMORY, filename, write_bundle
from processing.models import SessionBundle
from sessions_app.views.access import session_or_404

NEWEST = 200


@require_safe
def bundle_list(request: HttpRequest) -> HttpResponse:
    """What was kept of the removed sessions of all of the user's workspaces."""
    bundles = SessionBundle.objects.visible_to(request.user.pk).select_related("workspace")[:NEWEST]
    return render(request, "processing/bundles/list.html", {"bundles": bundles})


@require_safe
def bundle(request: HttpRequest, bundle_id: uuid.UUID) -> FileResponse:
    kept = get_object_or_404(SessionBundle.objects.visible_to(request.user.pk), pk=bundle_id)
    try:
        stored = default_storage.open(kept.name)
    except FileNotFoundError:
        raise Http404("The bundle is not there any more.") from None
    return FileResponse(stored, as_attachment=True, filename=filename(kept.title, kept.session_key))


@require_safe
def of_session(request: HttpRequest, session_id: uuid.UUID) -> FileResponse:
    """The bundle of a session as it is now."""
    session = session_or_404(request, session_id)
    written = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    write_bundle(session, written)
    written.seek(0)
    return FileResponse(written, as_attachment=True, filename=filename(session.site_name, session.short_key))


@require_POST
def keep(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Not to be removed yet: as if somebody had worked on it now."""
    session = session_or_404(request, session_id, needs="review")
    session.touch()
    messages.success(request, "This session is kept for another week without activity.")
    return redirect(session)
