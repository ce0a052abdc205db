"""An assessment's progress to browsers: the socket of a run (processing/consumers.py), about a batch."""

from __future__ import annotations

from typing import Any

from processing.consumers import Message, ProgressSocket

from .models import AssessmentBatch
from .progress import message_of, scores_of


class AssessmentConsumer(ProgressSocket):
    """``WS /ws/assessments/{id}/?after=N``: how far the judging is and which scores there are, until the batch ends."""

    things = AssessmentBatch
    id_in_address = "assessment_id"

    def _newest(self) -> AssessmentBatch | None:
        return AssessmentBatch.objects.filter(pk=self.thing_id).first()

    def _snapshot(self, told: AssessmentBatch, **fields: Any) -> Message:
        return message_of(told, "snapshot", scores=scores_of([told]).get(told.pk), **fields)
