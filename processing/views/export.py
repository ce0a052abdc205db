"""The backlog as a download."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from processing.export.files import FORMATS, filename
from sessions_app.models import Session
from sessions_app.views.access import session_or_404


def download(session: Session, name: str) -> HttpResponseBase:
    """The backlog in a format, as an attachment that no browser renders."""
    if name not in FORMATS:
        raise Http404(f"There is no format “{name[:20]}”. There are {', '.join(FORMATS)}.")
    chosen = FORMATS[name]
    body = b"".join(chosen.write(session))
    response = StreamingHttpResponse(iter([body]), content_type=chosen.content_type)
    response["Content-Disposition"] = content_disposition_header(True, filename(session, name))  # noqa: FBT003
    response["Content-Length"] = str(len(body))
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
@login_required
def export_file(request: HttpRequest, session_id: uuid.UUID, name: str) -> HttpResponseBase:
    return download(session_or_404(request, session_id), name)
