"""Assessments that ended for a reason that only an administrator can mend, for processing/notices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from processing.assessment.models.batches import AssessmentBatch, State
from processing.notices import Trouble
from sessions_app.errors import Category


def of_assessments(since: datetime) -> Iterable[Trouble]:
    """Those that failed after ``since``, oldest first. Titles of assessments are people's words and stay here."""
    failed = AssessmentBatch.objects.filter(
        state=State.FAILED, finished_at__gt=since, error_detail__category=Category.ADMIN_REQUIRED.value
    )
    for batch in failed.select_related("workspace").order_by("finished_at").iterator(chunk_size=500):
        code, where = str(batch.error_detail.get("error_code", "")), f"{batch.workspace.name}, assessment {batch.pk}"
        yield Trouble(code, "assessment", batch.error_message, where, batch.finished_at or batch.created_at)
