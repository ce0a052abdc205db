"""The help desk: searching a large library, webhooks answered, tickets carried to their end."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.utils import timezone

from processing import signatures
from processing.enhancement.context import gather
from processing.enhancement.library import import_objects
from processing.enhancement.models import EnhancementHistory, HelpDesk, ResolvedTicket
from processing.models import WebhookSecret

from .figures import Figure, cpu_seconds, figure, percentile, size, workspace
from .stage import all_workers, model_server, web_server, workers

TICKETS = 100_000
ARTICLES = 10_000
ASSETS = 5_000
SEARCHES = 300
PER_SECOND = 20
SECONDS = 30
MODEL_SECONDS = 0.5

_BEGINNINGS = ("print", "net", "mail", "log", "disk", "user", "serv", "back")
_ENDS = ("er", "work", "box", "in", "full", "name", "ice", "up")
_COMMON = [beginning + end for beginning in _BEGINNINGS for end in _ENDS]
"""The words that stand in nearly every text."""


def search() -> Iterator[Figure]:
    """All three places for a ticket of some 60 words, in a library of 115,000 texts and hosts."""
    chance = random.Random(5)
    took = _library(chance)
    rows = size(TICKETS) + size(ARTICLES) + size(ASSETS)
    yield figure(f"bringing in {rows:,} rows, rows/s", rows / took if took else 0.0, note=f"{took:.1f} s in all")
    desk = workspace()
    times = []
    for number in range(size(SEARCHES, at_least=20)):
        run = EnhancementHistory(workspace=desk, ticket_id=f"new-{number}", title=_text(chance, 8))
        run.description = f"{_text(chance, 50)} 10.{number % 250}.3.7 host-{number}"
        began = time.monotonic()
        found = gather(run)
        times.append(time.monotonic() - began)
        assert not found.is_partial, found.sources
        assert found.items
    yield figure(
        f"context of a ticket among {size(TICKETS):,} tickets and {size(ARTICLES):,} articles, p95 ms",
        1000 * percentile(times, 95),
        300,
        note=f"p50 {1000 * percentile(times, 50):.0f} ms, most {1000 * max(times):.0f} ms; {connection.vendor}",
    )


def webhooks() -> Iterator[Figure]:
    """Signed webhooks at an even pace, two workers, a model that answers in half a second."""
    desk = workspace()
    _library(random.Random(5))
    HelpDesk.objects.update_or_create(workspace=desk, defaults={"provider": "openai", "llm_model": "fake"})
    WebhookSecret.objects.filter(workspace=desk).delete()
    _, secret = WebhookSecret.make(desk, "servicedesk")
    seconds = size(SECONDS, at_least=5)
    with model_server(MODEL_SECONDS) as model, web_server() as (port, web), workers(2) as pids:
        watched = {"web": [web], "workers": pids, "model": [model.pid], "sender": ["self"]}
        used = {name: _cpu(each) for name, each in watched.items()}
        answers, mark = _send(port, secret, desk.slug, seconds), timezone.now()
        mine = EnhancementHistory.objects.filter(workspace=desk, origin="webhook")
        until = time.monotonic() + 120
        while mine.open().exists() and time.monotonic() < until:
            time.sleep(0.1)
        behind = (timezone.now() - mark).total_seconds()
        spans = [
            (run.finished_at - run.created_at).total_seconds()
            for run in mine.filter(status="completed").only("finished_at", "created_at")
        ]
        _wait_for_the_last_job()
        used = {name: _cpu(each) - used[name] for name, each in watched.items()}
    count = len(answers)
    yield figure(
        f"answer to a webhook at {PER_SECOND}/s, p95 ms",
        1000 * percentile(answers, 95),
        200,
        note=f"p50 {1000 * percentile(answers, 50):.0f} ms, most {1000 * max(answers):.0f} ms",
    )
    yield figure(
        f"webhook to completed at {PER_SECOND}/s, model {MODEL_SECONDS:g} s, two workers, p95 s",
        percentile(spans, 95),
        5,
        ideal=MODEL_SECONDS,
        holds=len(spans) == count,
        note=f"{len(spans)} of {count} completed, the last {behind:.1f} s after the last webhook; "
        f"p50 {percentile(spans, 50):.2f} s, most {max(spans, default=0):.2f} s; {connection.vendor}; "
        "processor ms a ticket: " + ", ".join(f"{name} {1000 * seconds / count:.0f}" for name, seconds in used.items()),
    )


def _cpu(pids: Sequence[int | str]) -> float:
    return sum(map(cpu_seconds, pids))


def _wait_for_the_last_job() -> None:
    """What a work-horse used is known when it has ended."""
    until = time.monotonic() + 30
    while any(worker.get_state() == "busy" for worker in all_workers()) and time.monotonic() < until:
        time.sleep(0.1)


def _library(chance: random.Random) -> float:
    """Make it once; the seconds that took."""
    desk = workspace()
    if ResolvedTicket.objects.filter(workspace=desk).exists():
        return 0.0
    began = time.monotonic()
    counted = itertools.count()
    rows: dict[str, Iterator[dict[str, Any]]] = {
        "tickets": (
            {
                "external_id": f"T-{next(counted)}",
                "title": _text(chance, 8),
                "description": _text(chance, 50),
                "resolution": _text(chance, 30),
                "category": "Printing",
            }
            for _ in range(size(TICKETS))
        ),
        "articles": (
            {"external_id": f"KB-{next(counted)}", "title": _text(chance, 6), "body": _text(chance, 200)}
            for _ in range(size(ARTICLES))
        ),
        "assets": (
            {
                "external_id": f"A-{number}",
                "name": f"host-{number}",
                "networks": f"10.{number % 250}.{number // 250}.7 10.{number % 250}.0.0/16",
            }
            for number in range(size(ASSETS))
        ),
    }
    for kind, each in rows.items():
        report = import_objects(desk, kind, each)
        assert not report.refused, report.problems[:3]
    return time.monotonic() - began


def _text(chance: random.Random, words: int) -> str:
    """Words as people use them: a few very often, most hardly ever."""
    return " ".join(_word(chance) for _ in range(words))


def _word(chance: random.Random) -> str:
    rank = int(chance.paretovariate(0.7))
    return _COMMON[rank - 1] if rank <= len(_COMMON) else f"term{min(rank, 60_000):x}"


def _send(port: int, secret: str, slug: str, seconds: float) -> list[float]:
    """One webhook after another at the pace, each in a thread of its own; how long each answer took."""
    chance = random.Random(11)
    answers: list[float] = []
    threads = []
    began = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        body = {
            "job_id": f"bench-{number}",
            "ticket_id": f"{number}",
            "title": _text(chance, 8),
            "description": f"{_text(chance, 50)} 10.{number % 250}.3.7",
            "priority": "high",
            "tenant_id": slug,
            "timestamp": timezone.now().isoformat(),
        }
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        thread = threading.Thread(target=_post, args=(port, secret, slug, number, body, answers))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return answers


def _post(port: int, secret: str, slug: str, number: int, body: dict[str, Any], answers: list[float]) -> None:
    raw = json.dumps(body).encode()
    headers = signatures.signed_headers(
        secret, workspace=slug, timestamp=int(time.time()), delivery_id=f"bench-{number}", body=raw
    )
    began = time.monotonic()
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    wire.request("POST", "/webhook/servicedesk", raw, {**headers, "Content-Type": "application/json"})
    status = wire.getresponse().status
    wire.close()
    assert status == 202, status
    answers.append(time.monotonic() - began)
