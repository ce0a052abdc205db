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
from processing.models import SessionTask

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
    worst = max(rounds, key=lambda round_: round_[0] - round_[1])
    yield figure(
        f"kill -9 in a run of {entities} entities: calls paid twice (ideal: those in flight)",
        worst[0],
        0,
        ratio=worst[0] - worst[1],
        ideal=worst[1],
        note="Rounds (paid twice, in flight at the kill): "
        + "; ".join(f"{twice}, {flying}" for twice, flying in rounds),
    )


def _killed_once(entities: int) -> tuple[int, int]:
    """(calls beyond one per entity, calls that the server had and had not answered at the kill)."""
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
        in_flight = counts["calls"] - counts.get("ok", 0)
        while not task.is_finished:
            sweep()
            time.sleep(0.3)
            task.refresh_from_db()
        run = wait_for_end(task, began)
        assert run.tickets == entities, f"{run.tickets} tickets for {entities} entities"
        return server.counts()["calls"] - entities, in_flight
