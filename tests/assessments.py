"""Batches for tests, and judges whose truth is known."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Sequence
from typing import Any

from django.test import Client

from processing.assessment import service
from processing.assessment.models import AssessmentBatch, ComparisonPair
from sessions_app.models import Workspace
from tests.webhooks import signed_post

OUTSIDE = [{"kind": "outside"}]
PATH = "/callbacks/assessment"


def texts(count: int) -> list[dict[str, Any]]:
    return [
        {"essay_id": f"essay-{n}", "title": f"Essay {n}", "text_content": f"merit={n / 4} This is essay number {n}."}
        for n in range(count)
    ]


def make_batch(
    workspace: Workspace, count: int = 10, *, and_start: bool = True, session: Any = None, **values: Any
) -> AssessmentBatch:
    """A batch that outside judges are asked about, unless ``judges`` says otherwise."""
    wanted = {
        "title": "Essays",
        "question": "Which argues better?",
        "items": texts(count),
        "judges": OUTSIDE,
        **values,
    }
    batch, _ = service.create_batch(workspace, wanted, and_start=and_start, session=session)
    return batch


def pairs(batch: AssessmentBatch) -> list[ComparisonPair]:
    return list(batch.comparison_pairs.order_by("position").select_related("essay_a", "essay_b"))


def result_event(pair: ComparisonPair | uuid.UUID, **data: Any) -> dict[str, Any]:
    """LLMComparisonResultV1 in its envelope; ``essay_a`` wins unless ``data`` says otherwise."""
    key = pair if isinstance(pair, uuid.UUID) else pair.request_correlation_id
    said = data or {"winner": "essay_a"}
    return {
        "event_type": "llm_comparison.result.v1",
        "event_id": str(uuid.uuid4()),
        "source_service": "llm_provider_service",
        "correlation_id": str(uuid.uuid4()),
        "data": {"request_id": str(uuid.uuid4()), "correlation_id": str(key), **said},
    }


def error_event(pair: ComparisonPair) -> dict[str, Any]:
    return result_event(pair, error_code="PROVIDER_ERROR")


def send(secret: str, body: Any, workspace: str = "northfield", **more: Any) -> Any:
    return signed_post(Client(), PATH, body, secret=secret, workspace=workspace, **more)


def simulated(
    count: int, chosen: Sequence[tuple[int, int]], seed: int, spread: float = 1.3
) -> tuple[list[float], list[tuple[int, int, float]]]:
    """(True scores that add up to 0, what a judge that follows them says of the pairs)."""
    chance = random.Random(seed)
    truth = [chance.gauss(0, spread) for _ in range(count)]
    middle = sum(truth) / count
    truth = [each - middle for each in truth]
    said = [
        (one, other, float(chance.random() < 1 / (1 + math.exp(truth[other] - truth[one])))) for one, other in chosen
    ]
    return truth, said
