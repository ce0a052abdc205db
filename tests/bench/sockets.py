"""Progress to thousands of sockets: one web process, one Redis, messages by the ordinary path (row, outbox, relay)."""

from __future__ import annotations

import json
import resource
import sys
import time
from bisect import bisect_left as bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from processing.engine import finish
from processing.engine.announcements import publish_progress
from processing.models import SessionTask
from sessions_app.models import Session
from tests.factories import make_session

from .figures import Figure, cpu_seconds, figure, percentile, size, workspace
from .stage import started, web_server

SOCKETS = 2_000
SECONDS = 15
PER_SECOND = 100
SPARE_FILES = 200


def one_session() -> Iterator[Figure]:
    """All sockets look at one run that announces 100 messages a second, and then is cancelled: the last word."""
    [task] = _running_tasks(1)
    count = _as_many_as_allowed(size(SOCKETS))
    with web_server() as (port, web), _clients(port, [task] * count) as (connected, collect):
        sent, rate, busy = _publish([task], size(SECONDS, at_least=4), web)
        finish.cancel(task)
        time.sleep(4)
        came = collect()
    late, lost, doubled, unended, most = _judge_one(came, sent, task.seq)
    yield figure(
        f"{count:,} sockets on one session, {rate:.0f} messages/s, p99 ms",
        1000 * percentile(late, 99),
        400,
        holds=not lost and not doubled and not unended and count == size(SOCKETS),
        note=f"{lost} lost, {doubled} twice, {unended} without the last word, "
        f"at most {most} frames a second to a socket; p50 {1000 * percentile(late, 50):.0f} ms; "
        f"web process {100 * busy:.0f} % of a core; {connected:.1f} s to connect all.",
    )


def many_sessions() -> Iterator[Figure]:
    """Each socket looks at a run of its own; 100 messages a second over all of them."""
    count = _as_many_as_allowed(size(SOCKETS))
    tasks = _running_tasks(count)
    with web_server() as (port, web), _clients(port, tasks) as (connected, collect):
        time.sleep(2)
        sent, rate, busy = _publish(tasks, size(2 * SECONDS, at_least=4), web)
        time.sleep(1)
        came = collect()
    late, lost = [], 0
    for task, socket in zip(tasks, came, strict=True):
        at = {seq: arrived for arrived, numbers, _ in socket["frames"] for seq in numbers}
        for seq, published in sent.get(str(task.pk), {}).items():
            if seq in at:
                late.append(at[seq] - published)
            else:
                lost += 1
    yield figure(
        f"{count:,} sockets on as many sessions, {rate:.0f} messages/s, p99 ms",
        1000 * percentile(late, 99),
        20,
        holds=not lost and count == size(SOCKETS),
        note=f"{lost} of {len(late) + lost} lost; p50 {1000 * percentile(late, 50):.1f} ms; "
        f"web process {100 * busy:.0f} % of a core; {connected:.1f} s to connect all.",
    )


Sent = dict[str, dict[int, float]]
"""Task -> number of a message -> when it was about to be written, in seconds since the epoch."""


def _publish(tasks: Sequence[SessionTask], seconds: float, web: int) -> tuple[Sent, float, float]:
    """Announce at an even pace; (what was sent, messages a second that were reached, share of a core that the web
    process used meanwhile).
    """
    used = cpu_seconds(web)
    sent: Sent = {str(task.pk): {} for task in tasks}
    began = time.monotonic()
    count = int(seconds * PER_SECOND)
    for number in range(count):
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        task = tasks[number % len(tasks)]
        moment = time.time()
        assert publish_progress(task, stage=f"Message {number}", force=True)
        sent[str(task.pk)][task.seq] = moment
    took = time.monotonic() - began
    return sent, count / took, (cpu_seconds(web) - used) / took


def _judge_one(came: list[dict[str, Any]], sent: Sent, last_seq: int) -> tuple[list[float], int, int, int, int]:
    """(seconds, lost, doubled, sockets without the last word, most frames within a second).

    Every message tells the whole state, and in a flood the latest wins. So the seconds are counted for every message
    and every socket, until it or a newer one arrived; lost is what nothing followed, and a last word that did not come.
    """
    [published] = sent.values()
    moments = sorted(published.items())
    late, lost, doubled, unended, most = [], 0, 0, 0, 0
    for socket in came:
        frames = socket["frames"]
        numbers = [seq for _, seqs, _ in frames for seq in seqs]
        doubled += len(numbers) - len(set(numbers))
        ended = bool(frames) and frames[-1][2] and numbers[-1] == last_seq and socket["code"] == 1000
        unended += not ended
        waiting = 0
        for arrived, seqs, _ in frames:
            while waiting < len(moments) and moments[waiting][0] <= max(seqs):
                late.append(arrived - moments[waiting][1])
                waiting += 1
        lost += len(moments) - waiting
        arrivals = [arrived for arrived, _, _ in frames[:-1]]
        most = max([most, *(bisect(arrivals, moment + 1) - place for place, moment in enumerate(arrivals))])
    return late, lost, doubled, unended, most


def _running_tasks(count: int) -> list[SessionTask]:
    """Runs under way, without workers: the sockets do not know the difference."""
    if count == 1:
        sessions = [make_session(workspace())]
    else:
        sessions = Session.objects.bulk_create(
            Session(workspace=workspace(), site_name=f"Site {number}", number=number)
            for number in range(10_000, 10_000 + count)
        )
    return SessionTask.objects.bulk_create(
        SessionTask(session=session, status=SessionTask.Status.RUNNING, total=1_000) for session in sessions
    )


def _as_many_as_allowed(count: int) -> int:
    """Sockets that the machine's limit of file descriptors allows one process to have."""
    return min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)


@contextmanager
def _clients(port: int, tasks: Sequence[SessionTask]) -> Iterator[tuple[float, Callable[[], list[dict[str, Any]]]]]:
    """One socket for each task, connected and with its snapshot: (seconds that took, what tells what came)."""
    browser = Client()
    workspace()
    browser.force_login(get_user_model().objects.get(username="bench"))
    plan = {
        "port": port,
        "cookie": f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}",
        "paths": [f"/ws/sessions/{task.session_id}/" for task in tasks],
    }
    file = Path(settings.VAR_DIR) / "sockets.json"
    file.write_text(json.dumps(plan))
    script = str(Path(__file__).with_name("socket_clients.py"))
    began = time.monotonic()
    with started(sys.executable, script, str(file), log="clients") as process:
        assert process.stdout and process.stdin
        assert process.stdout.readline() == "ready\n", "the sockets did not connect"

        def collect() -> list[dict[str, Any]]:
            came, _ = process.communicate("end\n", timeout=120)
            told: list[dict[str, Any]] = json.loads(came)
            return told

        yield time.monotonic() - began, collect
