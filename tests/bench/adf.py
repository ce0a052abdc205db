"""Markdown to ADF and its check: an ordinary document, hostile ones, and a whole session's tickets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import sessions_app
from processing.generation.jobs import generate_tickets_job
from processing.generation.service import ProcessingService
from processing.models import TicketValidation
from processing.validation.adf import adf_of
from processing.validation.jobs import validate_adf_job
from processing.validation.schema import problems_of
from processing.validation.service import ReviewService
from sessions_app.models import Session
from tests.factories import import_files, make_session
from tests.processing.validation.hostile import HOSTILE

from .figures import Figure, figure, size, specified_session, workspace

LENGTH = 40_000


def adf() -> Iterator[Figure]:
    """Seconds and growth of the conversion with its check; tickets per second of a validation run."""
    ordinary = _ordinary()
    _seconds(ordinary)  # reads the schema
    yield figure("ADF of a 40 kB document with its check, ms", min(_seconds(ordinary) for _ in range(5)) * 1000, 150)
    times = {name: (_seconds(make(LENGTH)), _seconds(make(4 * LENGTH))) for name, make in HOSTILE.items()}
    slowest = max(times, key=lambda name: times[name][0])
    yield figure("ADF of the nastiest 40 kB, s", times[slowest][0], 2.5, note=slowest)
    growth = {name: long / short for name, (short, long) in times.items() if short > 0.02}
    steepest = max(growth, key=lambda name: growth[name])
    yield figure("ADF of 160 kB over 40 kB, hostile text", growth[steepest], 7, ideal=4, note=steepest)
    yield _run()


def _ordinary() -> str:
    """What the offline writer makes of the sample, one ticket after another, to 40 kB."""
    session = make_session(workspace(), site_name="Sample")
    folder = Path(sessions_app.__file__).parent / "sample_spec"
    import_files(session, **{path.stem: path.read_bytes() for path in folder.glob("*.csv")})
    _generate(session)
    text = "\n\n".join(ticket.description for ticket in session.tickets.in_order())
    return (text * (LENGTH // len(text) + 1))[:LENGTH]


def _run() -> Figure:
    session = specified_session(size(2_000))
    _generate(session)
    tickets = session.tickets.count()
    started = ReviewService().validate_session(session)
    begin = time.perf_counter()
    validate_adf_job(str(session.pk), started["task_id"])
    took = time.perf_counter() - begin
    valid = TicketValidation.objects.valid_and_current(session).count()
    return figure("validation, one worker, tickets/s", tickets / took, holds=valid == tickets)


def _generate(session: Session) -> None:
    started = ProcessingService().generate_tickets(session)
    generate_tickets_job(str(session.pk), started["task_id"])


def _seconds(text: str) -> float:
    """Of the processor, whatever else the machine does."""
    begin = time.process_time()
    problems_of(adf_of(text))
    return time.process_time() - begin
