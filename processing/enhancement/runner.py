"""Working on what is due: several tickets at once, each with its own clock, none left open whatever dies.

A work-horse takes runs for a short slice of time only, so that each of them has its full time before the hard limit of
the job. Every move is a compare-and-set by the owner's id: who has lost a run to the sweep writes nothing more.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connection, connections, transaction
from django.db.models import Min
from django.utils import timezone
from rq.timeouts import JobTimeoutException

from processing.engine import stopping
from processing.engine.turns import short_turns
from processing.errors import LLMError, LLMTimeoutError, ProcessingError
from processing.models.tasks import lease
from sessions_app.errors import AppError, WrongState

from . import figures
from .asking import Models, models
from .backoff import wait_after
from .context import Found, gather, searching_crew
from .crew import Crew
from .models import ContextItem, EnhancementAttempt, EnhancementHistory, HelpDesk, Suggestion, Synthesis
from .models.history import MOST_ATTEMPTS, Status
from .service import wake
from .synthesis import Draft, drawn_from, question_of
from .writeback.sending import note_for

TICK: Final = 0.2
"""Seconds between looks at the clock, at new work and at a request to stop."""
ROOM: Final = 2.0
"""Seconds kept for writing results down."""


class SoftTimeLimitExceeded(Exception):
    """The attempt has used its time (requirement B-015)."""


class TryLater(Exception):
    """The attempt cannot be finished now; ``seconds`` is what the other side asked to wait."""

    def __init__(self, error: LLMError) -> None:
        super().__init__(error.message)
        self.code = error.code
        self.seconds = error.retry_after or 0.0


class Clock:
    """The soft limit of one attempt."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._until - time.monotonic()

    def check(self) -> None:
        if self.left <= 0:
            raise SoftTimeLimitExceeded("The time for one attempt is over.")


class Runner:
    """One turn of one worker."""

    def __init__(self) -> None:
        self.owner = uuid.uuid4()
        self.most = int(settings.ENHANCEMENT["CONCURRENCY"])
        self._crew, self._searchers = Crew(self.most, "enhancement"), searching_crew()
        self._slice_over = time.monotonic() + settings.ENHANCEMENT["SLICE"]
        self._next_beat = time.monotonic() + settings.ENGINE["HEARTBEAT"]

    def run(self, first: uuid.UUID | None = None) -> None:
        """Work on ``first`` if it is due, and on all else that is. Returns when nothing is in hand any more."""
        try:
            with short_turns(), models() as asked:
                self._run(first, asked)
        finally:  # nobody is asked any more, so those that were let go have soon noted what they paid for
            self._crew.join(ROOM)
            self._searchers.join(ROOM)

    def _run(self, first: uuid.UUID | None, asked: Models) -> None:
        in_hand: set[Future[None]] = set()
        try:
            while True:
                if self._may_take():
                    for run, attempt in self._claim(self.most - len(in_hand), first):
                        work = partial(attempt_at, run, attempt, self.owner, self._searchers, asked)
                        in_hand.add(self._crew.submit(work))
                    first = None
                if not in_hand and not self._waits_for_the_next():
                    break
                if in_hand:
                    in_hand = wait(in_hand, timeout=TICK, return_when=FIRST_COMPLETED).not_done
                else:
                    time.sleep(TICK)
                self._beat()
                if stopping.requested() and self._patience_is_over():
                    self._let_go("stopped", "The worker was stopped.")
                    break
        except (JobTimeoutException, DatabaseError) as error:
            if not _has_rung(error):
                raise
            # The alarm may have rung in the middle of a commit, so what this connection believes may be wrong.
            connection.close()
            del connections[DEFAULT_DB_ALIAS]
            self._let_go("hard_limit", "The hard time limit was reached.")
            raise JobTimeoutException("The hard time limit was reached.") from error
        finally:
            self._crew.close()
            self._searchers.close()
            self._appoint_successor()

    def _may_take(self) -> bool:
        return time.monotonic() < self._slice_over and not stopping.requested()

    def _patience_is_over(self) -> bool:
        """In-hand attempts may end when a worker is stopped, but not for longer than the engine's grace."""
        if not hasattr(self, "_stop_seen"):
            self._stop_seen = time.monotonic()
        return time.monotonic() > self._stop_seen + settings.ENGINE["GRACE"]

    def _waits_for_the_next(self) -> bool:
        """Something waits for its retry within this slice."""
        if not self._may_take():
            return False
        due = EnhancementHistory.objects.filter(status=Status.PENDING).aggregate(first=Min("not_before"))["first"]
        if due is None:
            return False
        return bool(time.monotonic() + (due - timezone.now()).total_seconds() < self._slice_over)

    def _claim(self, room: int, first: uuid.UUID | None) -> list[tuple[EnhancementHistory, EnhancementAttempt]]:
        if room <= 0 or not EnhancementHistory.objects.due(timezone.now()).exists():
            return []  # without a transaction, which keeps other writers of SQLite away
        skip = connection.features.has_select_for_update_skip_locked
        with transaction.atomic():
            due = EnhancementHistory.objects.due(timezone.now()).select_related("workspace").order_by("not_before")
            due = due.select_for_update(skip_locked=skip, of=("self",) if skip else ())
            rows = list(due.filter(pk=first)[:1]) if first else []
            others = due.exclude(pk__in=[run.pk for run in rows])
            rows += list(others[: room - len(rows)]) if room > len(rows) else []
            return list(zip(rows, EnhancementHistory.start_all(rows, self.owner, figures.worker_id()), strict=True))

    def _beat(self) -> None:
        """A sign of life for everything in hand."""
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + settings.ENGINE["HEARTBEAT"]
        mine = EnhancementHistory.objects.filter(lease_owner=self.owner, status=Status.RUNNING)
        mine.update(lease_until=timezone.now() + lease())

    def _let_go(self, code: str, message: str) -> None:
        """Whoever comes next has it; what had its last attempt ends."""
        for run in EnhancementHistory.objects.filter(lease_owner=self.owner, status=Status.RUNNING):
            take_back(run, code, message)

    def _appoint_successor(self) -> None:
        due = EnhancementHistory.objects.due(timezone.now()).order_by("not_before").first()
        if due is not None:
            wake(due)


def _has_rung(error: BaseException | None) -> bool:
    """The alarm itself, or what PostgreSQL says of a transaction that the alarm has left open."""
    while error is not None and not isinstance(error, JobTimeoutException):
        error = error.__cause__ or error.__context__
    return error is not None


def attempt_at(
    run: EnhancementHistory, attempt: EnhancementAttempt, owner: uuid.UUID, searchers: Crew, asked: Models
) -> None:
    """One attempt from beginning to end; whatever happens becomes a state. Raises only where the database is lost."""
    clock = Clock(settings.ENHANCEMENT["SOFT_LIMIT"])
    figures.say(logging.INFO, "enhancement started", run, payload=figures.told(run.payload))
    try:
        with _step(run, "context"):
            found = gather(run, clock.left, searchers)
            _keep_context(run, attempt, owner, found)
        clock.check()
        with _step(run, "synthesis"):
            written = _synthesis(run, found, clock, asked)
        clock.check()
        _complete(run, attempt, owner, found, written)
    except WrongState:
        figures.say(logging.WARNING, "enhancement lost to another worker", run)
    except (DatabaseError, InterfaceError) as error:
        # Its transaction is rolled back. If the database is away for longer, the sweep takes the run up.
        connection.close()
        _end_badly(run, attempt, owner, error)
    except Exception as error:
        _end_badly(run, attempt, owner, error)


@contextmanager
def _step(run: EnhancementHistory, name: str) -> Iterator[None]:
    began = time.monotonic()
    figures.say(logging.DEBUG, f"{name} started", run, step=name)
    yield
    figures.say(logging.DEBUG, f"{name} done", run, step=name, duration_ms=int(1000 * (time.monotonic() - began)))


def _keep_context(run: EnhancementHistory, attempt: EnhancementAttempt, owner: uuid.UUID, found: Found) -> None:
    """At once, so that an engineer sees it while the model is still asked."""
    with transaction.atomic():
        mine = EnhancementHistory.objects.filter(pk=run.pk, lease_owner=owner, status=Status.RUNNING)
        if not mine.update(sources=found.sources):
            raise WrongState("Somebody else has this run.")
        if attempt.number > 1:
            run.items.all().delete()
        ContextItem.objects.bulk_create(found.items)


def _synthesis(run: EnhancementHistory, found: Found, clock: Clock, asked: Models) -> tuple[Synthesis, Draft]:
    """What the model makes of it. Where it fails the raw context has to do, and says so.

    What time may mend is tried again like any other failure, except on the last attempt; a model that does not answer
    in its time is not waited for twice.
    """
    desk = HelpDesk.of(run.workspace)
    question = question_of(run, found.items, desk)
    made = Synthesis(enhancement=run, provider=desk.provider, llm_model=desk.llm_model)
    made.system, made.prompt, made.prompt_version = question.form.system, question.text, question.form.prompt_version
    try:
        seconds = min(settings.ENHANCEMENT["SYNTHESIS_LIMIT"], clock.left - ROOM)
        if seconds <= 0:
            raise SoftTimeLimitExceeded("The time for one attempt is over.")
        answered = asked.ask(run, desk, question, seconds)
        if answered.error is not None:
            raise answered.error
    except LLMError as error:
        patient = error.retryable and not isinstance(error, LLMTimeoutError)
        if patient and run.attempts < MOST_ATTEMPTS:
            raise TryLater(error) from error
        return _without(made, error), Draft()
    except ProcessingError as error:
        return _without(made, error), Draft()
    made.provider, made.llm_model, made.answer = answered.provider, answered.model, answered.content
    draft = drawn_from(answered.content, run, found.items, desk)
    made.claims = list(draft.claims)
    return made, draft


def _without(made: Synthesis, error: AppError) -> Synthesis:
    made.failure = " ".join((error.message, *error.recovery_actions))[:500]
    return made


def _complete(
    run: EnhancementHistory,
    attempt: EnhancementAttempt,
    owner: uuid.UUID,
    found: Found,
    written: tuple[Synthesis, Draft],
) -> None:
    """Result, state, note to write back and figures: one transaction."""
    made, draft = written
    began = run.started_at or timezone.now()
    seconds = (timezone.now() - began).total_seconds()
    with transaction.atomic():
        run.complete(owner, summary=_summary(found, made), milliseconds=int(1000 * seconds))
        made.save(force_insert=True)
        Suggestion.objects.bulk_create(Suggestion(enhancement=run, **each) for each in draft.suggestions)
        attempt.end(EnhancementAttempt.Outcome.COMPLETED)
        note_for(run)
        figures.count("completed", run.tenant_id, seconds)
    figures.say(
        logging.INFO,
        "enhancement completed",
        run,
        status="success",
        duration_ms=int(1000 * seconds),
        partial=found.is_partial,
        synthesis=not made.failure,
    )


def _summary(found: Found, made: Synthesis) -> str:
    counts = {kind: sum(item.kind == kind for item in found.items) for kind in ContextItem.Kind.values}
    words = [
        f"{number} {one if number == 1 else many}"
        for number, one, many in (
            (counts["ticket"], "similar ticket", "similar tickets"),
            (counts["article"], "article", "articles"),
            (counts["asset"], "host or network", "hosts and networks"),
        )
        if number
    ]
    said = f"{', '.join(words) or 'Nothing'} found."
    if found.is_partial:
        missing = ", ".join(name for name, each in found.sources.items() if each["status"] != "ok")
        said += f" Not searched in time: {missing}."
    return f"{said} No synthesis: {made.failure}" if made.failure else said


def _end_badly(run: EnhancementHistory, attempt: EnhancementAttempt, owner: uuid.UUID, error: Exception) -> None:
    """To be tried again after 2, 4, 8 seconds, or the end."""
    code, message = _told(error)
    figures.say(
        logging.ERROR,
        "enhancement attempt failed",
        run,
        error_type=type(error).__name__,
        error_message=str(error)[:500],
        duration_ms=int(1000 * (timezone.now() - attempt.started_at).total_seconds()),
    )
    if not isinstance(error, TryLater | SoftTimeLimitExceeded | DatabaseError | InterfaceError):
        figures.logger.error("the attempt ended unexpectedly", exc_info=error)
    delay = wait_after(
        run.attempts, first=settings.ENHANCEMENT["RETRY_DELAY"], asked_for=getattr(error, "seconds", 0.0)
    )
    try:
        _after_failure(run, attempt, owner, code=code, message=message, delay=delay)
    except WrongState:
        figures.say(logging.WARNING, "enhancement lost to another worker", run)
    except (DatabaseError, InterfaceError):
        figures.logger.exception("run %s cannot be put back, the sweep will do it", run.pk)


def _told(error: Exception) -> tuple[str, str]:
    """Code and sentence for people: no internals (requirement B-036); these are in the log."""
    if isinstance(error, TryLater):
        return error.code, str(error)
    if isinstance(error, SoftTimeLimitExceeded):
        return "soft_limit", "The attempt took too long and was ended."
    if isinstance(error, DatabaseError | InterfaceError):
        return "database", "The database did not answer as expected."
    if isinstance(error, AppError):
        return error.code, error.message
    return "internal", "Something went wrong that was not foreseen. An administrator finds the details in the log."


def _after_failure(
    run: EnhancementHistory,
    attempt: EnhancementAttempt,
    owner: uuid.UUID | None,
    *,
    code: str,
    message: str,
    delay: float = 0.0,
    outcome: str = EnhancementAttempt.Outcome.FAILED,
) -> None:
    with transaction.atomic():
        if run.may_try_again():
            run.put_back(delay, code=code, message=message, owner=owner)
            attempt.end(outcome, code=code, message=message, wait=delay)
            retrying = True
        else:
            run.fail(code=code, message=message, owner=owner)
            attempt.end(outcome, code=code, message=message)
            seconds = (run.processing_time_ms or 0) / 1000
            figures.count("failed", run.workspace.slug, seconds)
            retrying = False
    if retrying:
        figures.say(logging.WARNING, "Retrying enhancement", run, wait_seconds=round(delay, 2), error_type=code)
    else:
        figures.say(logging.ERROR, "enhancement failed", run, error_type=code, error_message=message)


def take_back(run: EnhancementHistory, code: str, message: str) -> bool:
    """From a worker that is gone, or has to go: the next attempt at once, or the end. False if it moved meanwhile."""
    attempt = run.attempt_rows.filter(outcome=EnhancementAttempt.Outcome.RUNNING).last()
    if attempt is None:
        attempt = EnhancementAttempt(enhancement=run)
    try:
        lost = EnhancementAttempt.Outcome.LOST
        _after_failure(run, attempt, run.lease_owner, code=code, message=message, outcome=lost)
    except WrongState:
        return False
    return True


def result_of(run: EnhancementHistory) -> dict[str, Any]:
    """What the job returns (requirement B-030)."""
    return {
        "status": str(run.status),
        "ticket_id": run.ticket_id,
        "enhancement_id": str(run.pk),
        "processing_time_ms": run.processing_time_ms,
    }
