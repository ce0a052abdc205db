"""The product's own sample specification, to try an import with."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

SAMPLE = Path(__file__).parent.parent / "sample_spec"


def sample_files() -> list[tuple[str, bytes]]:
    """(name, bytes) of each sample CSV."""
    return [(path.name, path.read_bytes()) for path in sorted(SAMPLE.glob("*.csv"))]


@require_safe
def sample_zip(request: HttpRequest) -> HttpResponse:
    """All sample CSVs in one archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sample_files():
            archive.writestr(name, data)
    response = HttpResponse(packed.getvalue(), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, "sample-specification.zip")  # noqa: FBT003
    return response
