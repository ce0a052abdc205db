"""A ranking as a download."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.text import slugify

from processing.assessment.models import AssessmentBatch, ScoringRun
from processing.assessment.reports import FORMATS


def file_response(batch: AssessmentBatch, run: ScoringRun, name: str) -> HttpResponse:
    """Raises Http404 for a format that there is not."""
    if name not in FORMATS:
        raise Http404(f"There is no such format. There are {', '.join(FORMATS)}.")
    content_type, write = FORMATS[name]
    response = HttpResponse(write(batch, run), content_type=content_type)
    filename = f"{slugify(batch.title)[:80] or 'assessment'}-ranking.{name}"
    response["Content-Disposition"] = content_disposition_header(True, filename)  # noqa: FBT003
    response["X-Content-Type-Options"] = "nosniff"
    return response
