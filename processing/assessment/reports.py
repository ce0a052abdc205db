"""A ranking as a file, and as values for the API."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any, Final, TypedDict

from sessions_app.safe_csv import BOM, formula_safe

from .models import AssessmentBatch, ScoringRun

COLUMNS: Final = (
    "rank",
    "essay_id",
    "title",
    "score",
    "error",
    "low",
    "high",
    "best",
    "worst",
    "scale",
    "one_sided",
    "infit",
    "comparisons",
    "anchor",
)


def latest(batch: AssessmentBatch) -> ScoringRun | None:
    """The final scores, or the provisional ones while there are no others."""
    runs = {run.kind: run for run in batch.scoring_runs.all()}
    return runs.get(ScoringRun.Kind.FINAL) or runs.get(ScoringRun.Kind.PROVISIONAL)


class RankingValue(TypedDict):
    """``kind``: final, or provisional while more results are waited for. ``rankings`` by rank, with ``essay_id``,
    ``score`` and its interval; ``panel``: how far to trust them.
    """

    cj_assessment_job_id: str
    entity_ref: str
    question: str
    kind: str
    completion_mode: str
    comparisons: int
    scored_at: str
    rankings: list[dict[str, Any]]
    panel: dict[str, Any]
    disagreements: list[dict[str, Any]]


def ranking_value(batch: AssessmentBatch, run: ScoringRun) -> RankingValue:
    return {
        "cj_assessment_job_id": str(batch.pk),
        "entity_ref": batch.outside_id or str(batch.pk),
        "question": batch.question,
        "kind": run.kind,
        "completion_mode": batch.completion_mode,
        "comparisons": run.comparisons,
        "scored_at": run.created_at.isoformat(),
        "rankings": run.rankings,
        "panel": run.panel,
        "disagreements": run.disagreements,
    }


def as_json(batch: AssessmentBatch, run: ScoringRun) -> bytes:
    return json.dumps(ranking_value(batch, run), ensure_ascii=False, indent=2).encode()


def as_csv(batch: AssessmentBatch, run: ScoringRun) -> bytes:
    """For spreadsheets: with a byte order mark, and no cell that would be a formula."""
    columns = (
        COLUMNS
        if batch.kind == AssessmentBatch.Kind.RANKING
        else ("rank", "variant", "name", "wins", "share", "low", "high")
    )
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(columns)
    for row in run.rankings:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return (BOM + written.getvalue()).encode()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return formula_safe(value.replace("\0", "")) if isinstance(value, str) else value


Writer = Callable[[AssessmentBatch, ScoringRun], bytes]
FORMATS: Final[dict[str, tuple[str, Writer]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
}
