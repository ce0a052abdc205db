"""Comparative judgement: the monitor, callbacks, and fits with their memory."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from processing.assessment.callbacks import process_llm_callback
from processing.assessment.generating import generate_pairs_job
from processing.assessment.models import AssessmentBatch
from processing.assessment.monitor import BatchMonitor
from tests.assessments import make_batch

from .figures import Figure, figure, size, workspace


def monitor() -> list[Figure]:
    """A pass over so many stuck batches, half of them to be recovered, half to be failed with their events."""
    count = size(1_000)
    past = timezone.now() - timedelta(hours=1)
    AssessmentBatch.objects.bulk_create(
        AssessmentBatch(
            workspace=workspace(),
            title=f"Stuck {number}",
            question="Which?",
            state="WAITING_CALLBACKS",
            judges=[{"kind": "outside"}],
            total_budget=100,
            total_comparisons=100,
            completed_comparisons=85 if number % 2 else 40,
            deadline_at=past,
        )
        for number in range(count)
    )
    started = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        counts = BatchMonitor().check_stuck_batches()
    seconds = time.perf_counter() - started
    whole = counts["recovered"] == counts["failed"] == count // 2
    AssessmentBatch.objects.filter(title__startswith="Stuck").delete()
    note = f"{counts['recovered']} recovered, {counts['failed']} failed, {len(queries)} queries"
    return [figure(f"assessment monitor over {count:,} stuck batches, s", seconds, 2, holds=whole, note=note)]


def callbacks() -> list[Figure]:
    """Results counted a second, one after another, each in its own transaction."""
    count = size(2_000, at_least=200)
    texts = max(30, count // 20)
    batch = make_batch(workspace(), texts, total_budget=count, completion_threshold_pct=100)
    generate_pairs_job(str(batch.pk))
    keys = list(batch.comparison_pairs.values_list("request_correlation_id", flat=True))
    started = time.perf_counter()
    for key in keys:
        data = {"correlation_id": str(key), "winner": "essay_a"}
        process_llm_callback(batch.workspace, {"correlation_id": uuid.uuid4(), "data": data})
    seconds = time.perf_counter() - started
    batch.refresh_from_db()
    whole = batch.completed_comparisons == len(keys)
    return [figure(f"assessment results counted a second ({connection.vendor})", len(keys) / seconds, holds=whole)]


def fits() -> list[Figure]:
    """Scores with intervals and ranks, each in a process of its own."""
    found = []
    for items, comparisons, bar in ((100, 750, None), (1_000, 10_000, 2.0), (5_000, 37_500, None)):
        run = [sys.executable, "-m", "tests.bench.fit_once", str(items), str(comparisons)]
        seconds, megabytes = map(float, subprocess.run(run, capture_output=True, check=True).stdout.split())
        name = f"Bradley-Terry with intervals, {items:,} items x {comparisons:,} comparisons"
        found += [figure(f"{name}, s", seconds, bar), figure(f"{name}, peak MB of the process", megabytes)]
    return found
