"""The processes that a figure is taken with: model server, workers, web server. All of them end with their block."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import django_rq
from django.conf import settings
from django.db import connection
from rq import Worker

from processing.generation.service import ProcessingService
from processing.models import SessionTask
from sessions_app.models import Session
from tests.processes import ROOT, product_environment, wait_for
from ticketgen.dev import kill_session, web_answers
from ticketgen.embedded_redis import die_with_parent, free_port

PATIENCE = 120
"""Seconds that a process has to start in, on a machine that may have other things to do."""
MODEL_PORT = "BENCH_MODEL_PORT"
"""Environment variable: the port that all model servers take in turn; settings name it before Django starts."""


@contextmanager
def started(*command: str, log: str = "", **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process with the bench's database and Redis; it and all that it forked are killed at the end."""
    output = (Path(settings.VAR_DIR) / f"{log or 'processes'}.log").open("ab")
    with output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=product_environment(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if log else output,
            stderr=output,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the bench has one thread
        )
    try:
        yield process
    finally:
        kill_session(process.pid)
        process.wait(10)


@dataclass(frozen=True, slots=True)
class ModelServer:
    """``manage.py fake_llm`` in a process of its own."""

    port: int
    pid: int = 0

    def counts(self) -> dict[str, int]:
        """Calls by what became of them (``calls``: all that came in; ``ok``: answered)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=5) as answer:
            told: dict[str, int] = json.load(answer)
            return told

    def answers(self) -> bool:
        try:
            self.counts()
        except (urllib.error.URLError, OSError):
            return False
        return True


@contextmanager
def model_server(latency: float) -> Iterator[ModelServer]:
    port = int(os.environ[MODEL_PORT])
    command = (sys.executable, "manage.py", "fake_llm", "--port", str(port), "--latency", str(latency))
    with started(*command) as process:
        server = ModelServer(port, process.pid)
        wait_for(server.answers, "the model server answers", PATIENCE)
        yield server


@contextmanager
def workers(count: int, **environment: str) -> Iterator[list[int]]:
    """So many ``manage.py rqworker``, ready for jobs; their process ids."""
    before = {worker.name for worker in all_workers()}
    with ExitStack() as stack:
        command = (sys.executable, "manage.py", "rqworker", "--verbosity", "0")
        pids = [stack.enter_context(started(*command, **environment)).pid for _ in range(count)]
        are_there = "the workers are there"
        wait_for(lambda: len({worker.name for worker in all_workers()} - before) == count, are_there, PATIENCE)
        yield pids
    for worker in all_workers():
        if worker.name not in before:
            worker.register_death()  # killed, so it could not say so itself


def all_workers() -> list[Worker]:
    return Worker.all(connection=django_rq.get_connection("llm"))


@contextmanager
def web_server(**environment: str) -> Iterator[tuple[int, int]]:
    """``ticketgen.serve`` (Daphne) as in production, alone; its port and process id."""
    port = free_port()
    command = (sys.executable, "-m", "ticketgen.serve", "-b", "127.0.0.1", "-p", str(port))
    # One account looks on through thousands of sockets.
    with started(*command, **{"SOCKETS_PER_USER": "0", **environment}) as process:
        wait_for(lambda: web_answers(port), "the web server answers", PATIENCE)
        yield port, process.pid


@dataclass(frozen=True, slots=True)
class Run:
    """A run from the request to its last ticket; ``seconds`` include planning and putting in order."""

    seconds: float
    tickets: int
    task: SessionTask


def run_to_the_end(session: Session, seconds: float = 600) -> Run:
    """Ask for tickets as a person does, and wait for the workers."""
    began = time.monotonic()
    task = SessionTask.objects.get(pk=ProcessingService().generate_tickets(session)["task_id"])
    return wait_for_end(task, began, seconds)


def wait_for_end(task: SessionTask, began: float, seconds: float = 600) -> Run:
    while not task.is_finished:
        assert time.monotonic() - began < seconds, f"not finished after {seconds} s: {task.done} of {task.total}"
        time.sleep(0.05)
        task.refresh_from_db()
    took = time.monotonic() - began
    assert task.status == task.Status.COMPLETED, f"the run is {task.status}: {task.error}"
    tickets = task.session.tickets.count()
    connection.close()
    return Run(took, tickets, task)
