"""Generation against a model server on loopback: as fast as the model allows, and as fast as the machine allows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import openai
from django.conf import settings

from processing.generation.kind import site_context
from processing.llm import prompts
from processing.llm.registry import import_sdks
from processing.models import WorkItem

from . import peers
from .figures import Figure, figure, size, specified_session
from .stage import ModelServer, Run, model_server, run_to_the_end, workers

ENTITIES = 2_000
SLOW, FAST = 2.0, 0.05
"""Seconds in which the model answers: an ordinary one, and one that is never waited for."""
ROUNDS = 3


def model_bound() -> Iterator[Figure]:
    """2 s a call, 128 at once for each worker: nearly all the time is the model's."""
    import_sdks()  # as the web process has, which takes the order
    entities, concurrency = size(ENTITIES, at_least=256), 128
    ideal = entities * SLOW / concurrency
    with model_server(SLOW) as server:
        one = _generate(server, entities, 1, concurrency)
        two = _generate(server, entities, 2, concurrency)
        sample = 10
        in_turn = _one_after_another(server, one, sample)
    name = f"{entities:,} entities, 2 s a call, {concurrency} at once"
    yield figure(
        f"{name}, one worker, s (ideal N*L/C; ratio of it)",
        one.seconds,
        0.92,
        at_most=False,
        ratio=ideal / one.seconds,
        ideal=ideal,
    )
    yield figure(
        f"{name} each, two workers, s (ratio to one)",
        two.seconds,
        1.8,
        at_most=False,
        ratio=one.seconds / two.seconds,
        ideal=ideal / 2,
    )
    yield figure(
        f"{name}, against one call after another, s",
        one.seconds,
        50,
        at_most=False,
        ratio=in_turn * entities / one.seconds,
        peers={"in turn": round(in_turn * entities)},
        note=f"In turn: {sample} calls of {in_turn:.3f} s measured, times {entities:,}; storing nothing.",
    )


def machine_bound() -> Iterator[Figure]:
    """50 ms a call, 256 at once: what the machine can do, beside libraries that only call and store nothing."""
    import_sdks()
    entities, concurrency = size(ENTITIES, at_least=256), 256
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in peers.PEERS}
    failures: dict[str, str] = {}
    with model_server(FAST) as server:
        for _ in range(size(ROUNDS)):
            run = _generate(server, entities, 1, concurrency)
            ours.append(entities / run.seconds)
            asked = requests_of(run)
            for name in theirs.keys() - failures.keys():
                try:
                    theirs[name].append(entities / peers.seconds_of(name, server, asked, concurrency))
                except peers.Unavailable as problem:
                    failures[name] = str(problem)
        in_turn = _one_after_another(server, run, size(100))
    name = f"{entities:,} entities, 50 ms a call, {concurrency} at once"
    mine = statistics.median(ours)
    for peer, rates in theirs.items():
        yield figure(
            f"{name}, calls/s against {peer}",
            mine,
            1.5,
            at_most=False,
            ratio=mine / statistics.median(rates) if rates else 0.0,
            ideal=concurrency / FAST,
            peers={peer: round(statistics.median(rates), 1) if rates else "none"},
            note=failures.get(peer, "")
            or f"Medians of {len(ours)} rounds in turn: ours {_shown(ours)}, theirs {_shown(rates)}.",
        )
    yield figure(
        f"{name}, against one call after another, calls/s",
        mine,
        ratio=mine * in_turn,
        peers={"in turn": round(1 / in_turn, 1)},
    )


def _shown(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


def _generate(server: ModelServer, entities: int, count: int, concurrency: int) -> Run:
    """One run of so many workers; everything it made is checked, and every call was made once."""
    session = specified_session(entities, llm_provider_choice="openai")
    before = server.counts().get("calls", 0)
    limits = {"ENGINE_CONCURRENCY": str(concurrency), "OPENAI_CONCURRENCY": str(concurrency * count)}
    with workers(count, **limits):
        run = run_to_the_end(session)
    calls = server.counts()["calls"] - before
    assert run.tickets == entities, f"{run.tickets} tickets for {entities} entities"
    assert calls == entities, f"{calls} calls for {entities} entities"
    return run


def requests_of(run: Run) -> list[dict[str, Any]]:
    """What the product sent for each entity of a run: the model and messages."""
    site = site_context(run.task.session)
    system = {"role": "system", "content": prompts.system_prompt()}
    payloads = WorkItem.objects.filter(task=run.task).values_list("payload", flat=True)
    return [
        {
            "model": run.task.llm_model or "gpt-5.4-mini",
            "messages": [system, {"role": "user", "content": prompts.user_prompt(payload, site)}],
        }
        for payload in payloads
    ]


def _one_after_another(server: ModelServer, run: Run, sample: int) -> float:
    """Seconds of a call when each waits for the one before, as the seeds describe it; a mean."""
    asked = requests_of(run)[: sample + 1]
    answer_form = {"type": "json_schema", "json_schema": {"name": "ticket", "strict": True, "schema": prompts.SCHEMA}}
    with openai.OpenAI(api_key="none", base_url=settings.LLM_PROVIDERS["openai"]["BASE_URL"], max_retries=0) as client:
        client.chat.completions.create(**asked[0], response_format=answer_form)  # connects
        began = time.perf_counter()
        for request in asked[1:]:
            client.chat.completions.create(**request, response_format=answer_form)
        return (time.perf_counter() - began) / len(asked[1:])
