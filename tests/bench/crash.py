"""What a crash costs: a work-horse is killed in mid-run; how many calls are paid for a second time?"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.test import override_settings

from processing.engine.sweep import sweep
from processing.generation.service import ProcessingService
from processing.models import LLMCall, SessionTask

from .figures import Figure, figure, size, specified_session
from .stage import model_server, wait_for_end, workers

ENTITIES = 500
ROUNDS = 3
CONCURRENCY = 64
LATENCY = 0.3
SHORT_LEASES = {"LEASE": 3, "HEARTBEAT": 1}


def cost() -> Iterator[Figure]:
    """Kill -9 at a random point, let the sweep take the work up, count calls at the model server."""
    entities = size(ENTITIES, at_least=200)
    rounds = [_killed_once(entities) for _ in range(size(ROUNDS))]
    worst = max(rounds, key=lambda round_: round_[0] - sum(round_[1:]))
    yield figure(
        f"kill -9 in a run of {entities} entities, calls paid twice (ideal: those not written yet)",
        worst[0],
        1,
        ratio=worst[0] / sum(worst[1:]),
        ideal=sum(worst[1:]),
        note="Rounds (paid twice; unanswered at the kill; answered in the moment before and not written yet): "
        + "; ".join(", ".join(map(str, round_)) for round_ in rounds),
    )


def _killed_once(entities: int) -> tuple[int, int, int]:
    """(calls beyond one per entity; calls that the server had and had not answered at the kill; answers that were not
    in the ledger yet).
    """
    environment = {
        "ENGINE_CONCURRENCY": str(CONCURRENCY),
        "OPENAI_CONCURRENCY": str(CONCURRENCY),
        **{f"ENGINE_{name}": str(value) for name, value in SHORT_LEASES.items()},
    }
    session = specified_session(entities, llm_provider_choice="openai")
    kill_at = random.uniform(0.1, 0.8) * entities
    with (
        model_server(LATENCY) as server,
        workers(1, **environment) as [pid],
        override_settings(ENGINE={**settings.ENGINE, **SHORT_LEASES}),
    ):
        began = time.monotonic()
        task = SessionTask.objects.get(pk=ProcessingService().generate_tickets(session)["task_id"])
        while server.counts().get("ok", 0) < kill_at:
            time.sleep(0.005)
        [horse] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(horse), signal.SIGSTOP)  # so that nothing moves between counting and killing
        counts = server.counts()
        os.kill(int(horse), signal.SIGKILL)
        unanswered = counts["calls"] - counts.get("ok", 0)
        unwritten = counts.get("ok", 0) - LLMCall.objects.filter(task_id=task.pk).count()
        while not task.is_finished:
            sweep()
            time.sleep(0.3)
            task.refresh_from_db()
        run = wait_for_end(task, began)
        assert run.tickets == entities, f"{run.tickets} tickets for {entities} entities"
        return server.counts()["calls"] - entities, unanswered, unwritten
