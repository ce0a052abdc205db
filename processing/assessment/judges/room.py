"""Models at work on a batch: many calls in one asyncio loop, beside it a thread that claims pairs and writes results.

As the engine's drainers, for comparisons: a claim is a lease that is renewed, calls and results are one transaction
with the ledger, failures that may pass are tried again later, and a limit of money is asked before each claim.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from processing import figures
from processing.assessment import counting, progress
from processing.assessment.counting import Result
from processing.assessment.models import AssessmentBatch, ComparisonPair
from processing.assessment.models.batches import TAKING, TERMINAL
from processing.assessment.models.comparisons import JudgeKind, Winner
from processing.engine import money, stopping
from processing.engine.queue import enqueue
from processing.errors import LLMError, ProcessingError, delay_after
from processing.llm.base import Allowance, Call
from processing.llm.remote import RemoteProvider
from processing.llm.service import LLMService
from processing.metrics import Tally
from processing.models import LLMCall
from processing.models.tasks import lease
from sessions_app.correlation import along, correlation_id
from sessions_app.models import Workspace

from . import questions

logger = logging.getLogger(__name__)
Returned = TypeVar("Returned")

JOB: Final = "processing.assessment.judges.room.judge_job"
WRITE_AT: Final = 64
"""Results that are written without waiting for more."""
WRITE_EVERY: Final = 0.1
"""Seconds that a result waits at most: what a crash costs beside the calls in flight."""
PATIENCE: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
TOKENS_ANSWERED: Final = 700
"""What is set aside for an answer, several times an ordinary one."""
_VOTE: Final = {"first": Winner.ESSAY_A, "second": Winner.ESSAY_B, "tie": Winner.TIE}
_TURNED: Final = {"first": Winner.ESSAY_B, "second": Winner.ESSAY_A, "tie": Winner.TIE}


@dataclass(slots=True)
class Verdict:
    """What came of one pair: a result, or an error. ``calls``, each with whether it asked in the turned order, go to
    the ledger always.
    """

    pair: ComparisonPair
    result: Result | None = None
    error: LLMError | None = None
    calls: list[tuple[bool, Call]] = field(default_factory=list)


def judge_job(batch_id: str) -> None:
    """Judge what waits for a model, for a slice of time. Any number of these may work on one batch."""
    batch = AssessmentBatch.objects.select_related("workspace").filter(pk=uuid.UUID(batch_id)).first()
    if batch is None or batch.state not in TAKING or batch.is_finalising or batch.hold_reason:
        return
    token = correlation_id.set(batch.request_id or str(batch.event_correlation_id))
    try:
        JudgeRoom(batch).run()
    finally:
        correlation_id.reset(token)


class JudgeRoom:
    """One worker's share of a batch."""

    def __init__(self, batch: AssessmentBatch) -> None:
        self.batch = batch
        self.owner = uuid.uuid4()
        self.services: dict[int, LLMService] = {}
        self.trouble: LLMError | None = None
        self.finished: list[Verdict] = []
        self.paid: dict[str, dict[str, Any]] = {}
        self.concurrency = int(settings.ENGINE["CONCURRENCY"])
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge-db", initializer=along())

    def run(self) -> None:
        try:
            self._make_services()
        except ProcessingError as error:
            hold(self.batch, error.message)
            return
        _close_connection()  # not needed on this thread, and it may not live so long
        try:
            asyncio.run(self._judge())
        finally:
            self.thread.submit(_close_connection).result()
            self.thread.shutdown()

    def _make_services(self) -> None:
        """A client for each model that judges. Raises ProcessingError where one cannot be made; keys are read here."""
        for place, judge in enumerate(self.batch.judges):
            if judge["kind"] != JudgeKind.MODEL:
                continue
            service = LLMService(
                default_provider=judge.get("provider", "offline"),
                model=judge.get("model", ""),
                workspace=self.batch.workspace,
            )
            self.concurrency = min(self.concurrency, service.provider().concurrency)
            self.services[place] = service

    async def _db(self, function: Callable[..., Returned], *args: Any) -> Returned:
        """Database work beside the loop; a database that restarts is waited for with the answers in hand."""
        loop = asyncio.get_running_loop()
        for wait in PATIENCE:
            try:
                return await loop.run_in_executor(self.thread, function, *args)
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database is away, trying again in %.2g s: %s", wait, error)
                await loop.run_in_executor(self.thread, _close_connection)
                await asyncio.sleep(wait)
        return await loop.run_in_executor(self.thread, function, *args)

    async def _judge(self) -> None:
        started = beaten = written = time.monotonic()
        in_flight: set[asyncio.Task[Verdict]] = set()
        empty = False
        try:
            while True:
                now = time.monotonic()
                if now - beaten >= settings.ENGINE["HEARTBEAT"]:
                    await self._db(self._renew)
                    beaten = now
                batch = await self._db(self._taking)
                if batch is None:
                    break
                # What is in flight is paid for, so that even a batch that is held waits for the answers.
                stop = stopping.requested() or now - started >= settings.ENGINE["SLICE"] or bool(batch.hold_reason)
                if not stop and len(in_flight) <= self.concurrency // 2:
                    claimed = await self._db(self._claim, self.concurrency - len(in_flight))
                    empty = not claimed
                    in_flight |= {asyncio.create_task(self._one(pair)) for pair in claimed}
                if not in_flight:
                    if stop or empty:
                        break
                    continue
                done, in_flight = await asyncio.wait(
                    in_flight, timeout=WRITE_EVERY, return_when=asyncio.FIRST_COMPLETED
                )
                self.finished += [task.result() for task in done]
                if len(self.finished) >= WRITE_AT or not in_flight or now - written >= WRITE_EVERY:
                    await self._write_finished()
                    written = now
        finally:
            for task in in_flight:
                task.cancel()
            await asyncio.gather(*in_flight, return_exceptions=True)
            await self._write_finished()
            await self._db(self._give_back)
            for service in self.services.values():
                await service.close()
        await self._db(self._hand_over)

    async def _one(self, pair: ComparisonPair) -> Verdict:
        """Ask about one pair: once, or in both orders; then a different answer is a tie."""
        verdict = Verdict(pair)
        try:
            winner, first = await self._asked(pair, verdict, turned=False)
            votes = [winner]
            if self.batch.both_orders:
                other, _ = await self._asked(pair, verdict, turned=True)
                votes.append(other)
            settled = votes[0] if len(set(votes)) == 1 else Winner.TIE
            verdict.result = Result(
                winner=settled,
                confidence=first.get("confidence"),
                reason=str(first.get("reason", "")),
                votes=[str(vote) for vote in votes] if self.batch.both_orders else [],
            )
        except LLMError as error:
            verdict.error = error
        except Exception as error:
            logger.exception("comparison %s failed unexpectedly", pair.pk)
            verdict.error = LLMError(
                f"The comparison failed for a reason that was not foreseen: {type(error).__name__}."
            )
        return verdict

    async def _asked(self, pair: ComparisonPair, verdict: Verdict, *, turned: bool) -> tuple[str, dict[str, Any]]:
        """(winner, answer) in one order; what an earlier attempt at this pair was answered is not paid for again."""
        content = self.paid.get(_name(pair, turned=turned)) or await self._told(pair, verdict, turned=turned)
        answer = questions.checked_judgement(content)
        return (_TURNED if turned else _VOTE)[answer["winner"]], answer

    async def _told(self, pair: ComparisonPair, verdict: Verdict, *, turned: bool) -> dict[str, Any]:
        texts = [pair.essay_a.text_content, pair.essay_b.text_content]
        if turned:
            texts.reverse()
        allowance = Allowance(most=2)
        asked = questions.judgement(self.batch.question, *texts)
        try:
            completion = await self.services[pair.judge_place].ask(asked, allowance)
        finally:
            verdict.calls += [(turned, call) for call in allowance.calls]
        return completion.content

    # Database work, on the thread

    def _taking(self) -> AssessmentBatch | None:
        """The batch as it is now, or None if it takes no more results."""
        taking = AssessmentBatch.objects.filter(pk=self.batch.pk, state__in=TAKING, is_finalising=False)
        return taking.only("hold_reason").first()

    def _claim(self, count: int) -> list[ComparisonPair]:
        """Take due pairs, as many as can be paid for."""
        now = timezone.now()
        with transaction.atomic():
            count = self._affordable(count)
            if not count:
                return []
            skip = connection.features.has_select_for_update_skip_locked
            due = ComparisonPair.objects.for_model(now).filter(batch=self.batch, attempts_left__gt=0)
            locked = due.order_by("position").select_for_update(skip_locked=skip)
            keys = list(locked.values_list("pk", flat=True)[:count])
            ComparisonPair.objects.filter(pk__in=keys).update(
                lease_owner=self.owner, lease_until=now + lease(), attempts_left=F("attempts_left") - 1
            )
        self._bury()
        mine = ComparisonPair.objects.filter(pk__in=keys).select_related("essay_a", "essay_b")
        claimed = list(mine.order_by("position"))
        self._remember(claimed)
        return claimed

    def _remember(self, pairs: list[ComparisonPair]) -> None:
        """The answers of earlier attempts: in both orders one may have been answered before the other failed."""
        names = [_name(pair, turned=turned) for pair in pairs for turned in (False, True)]
        answers = LLMCall.objects.answers(self.batch.workspace_id, names)
        self.paid |= dict(answers.values_list("input_hash", "response"))

    def _bury(self) -> None:
        """Pairs whose worker died each time they were asked count as failed."""
        spent = ComparisonPair.objects.for_model(timezone.now()).filter(batch=self.batch, attempts_left=0)
        for key in spent.values_list("pk", flat=True)[:100]:
            counting.record(Result(Winner.ERROR, error_code="WORKER_DIED"), pk=key)

    def _affordable(self, count: int) -> int:
        """As many calls as the batch's and the workspace's limits allow; holds the batch where they allow none."""
        workspace = Workspace.objects.get(pk=self.batch.workspace_id)
        if self.batch.budget is None and workspace.monthly_budget is None:
            return count
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        batch = AssessmentBatch.objects.get(pk=self.batch.pk)
        left: list[Decimal] = []
        if batch.budget is not None:
            left.append(batch.budget - batch.cost)
        if workspace.monthly_budget is not None:
            left.append(money.left_this_month(workspace)[0])
        each = self._reserve(batch)
        held = ComparisonPair.objects.waiting().filter(batch=batch, lease_until__gte=timezone.now()).count()
        free = min(left) - held * each
        affordable = min(count, max(0, int(free / each))) if each else count * int(min(left) > 0)
        if not affordable and not held and batch.comparison_pairs.waiting().filter(judge_kind="model").exists():
            hold(batch, "Paused at a limit of money. Raise the limit, then go on.")
        return affordable

    def _reserve(self, batch: AssessmentBatch) -> Decimal:
        """What one comparison may cost, from the price of a typical one or the batch's own average if that is more."""
        calls = 2 if batch.both_orders else 1
        item = batch.items.order_by("?").only("text_content", "batch_id")[:20]
        lengths = [len(each.text_content) for each in item] or [0]
        tokens = 2 * max(lengths) // 3 + 500
        providers = [service.provider() for service in self.services.values()]
        prices = [each.cost(tokens, TOKENS_ANSWERED) for each in providers if isinstance(each, RemoteProvider)]
        known = [price for price in prices if price is not None]
        average = batch.cost / batch.processed if batch.processed >= money.TRUST_AFTER else Decimal(0)
        return max(calls * max(known, default=Decimal(0)), average)

    def _renew(self) -> None:
        ComparisonPair.objects.waiting().filter(lease_owner=self.owner).update(lease_until=timezone.now() + lease())

    def _give_back(self) -> None:
        ComparisonPair.objects.waiting().filter(lease_owner=self.owner).update(
            lease_owner=None, lease_until=None, attempts_left=F("attempts_left") + 1
        )

    async def _write_finished(self) -> None:
        if self.finished:
            verdicts, self.finished = self.finished, []
            await self._db(self._write, verdicts)

    def _write(self, verdicts: list[Verdict]) -> None:
        """Ledger, results and counts in one transaction; safe to be repeated."""
        with transaction.atomic(), Tally() as tally:
            rows = [
                self._ledger(verdict.pair, call, place, turned=turned)
                for verdict in verdicts
                for place, (turned, call) in enumerate(verdict.calls)
            ]
            known = set(LLMCall.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
            new = [row for row in rows if row.pk not in known]
            results: dict[uuid.UUID, Result] = {}
            for verdict in verdicts:
                result = verdict.result or self._failed(verdict)
                if result is not None:
                    results[verdict.pair.pk] = result
            counting.record_many(self.batch, results)
            LLMCall.objects.bulk_create(new)
            figures.calls_made(tally, new)
            cost = sum((row.cost for row in new if row.cost is not None), Decimal(0))
            if cost:
                AssessmentBatch.objects.filter(pk=self.batch.pk).update(cost=F("cost") + cost)
            self._watch(verdicts)

    def _failed(self, verdict: Verdict) -> Result | None:
        """None if it is tried again: later, or once a person has mended what stops every call."""
        pair, error = verdict.pair, verdict.error
        if error is None:
            return None
        if error.stops_run or error.pauses_run or (error.retryable and pair.attempts_left > 0):
            used = int(settings.ENGINE["ATTEMPTS"]) - pair.attempts_left
            delay = delay_after(error, used)
            ComparisonPair.objects.filter(pk=pair.pk, lease_owner=self.owner).update(
                lease_owner=None,
                lease_until=None,
                not_before=timezone.now() + timedelta(seconds=delay),
                attempts_left=max(pair.attempts_left, int(error.stops_run or error.pauses_run)),
                error_code=error.code,
            )
            return None
        return Result(Winner.ERROR, error_code=error.code, error_detail=counting.error_detail(error))

    def _watch(self, verdicts: list[Verdict]) -> None:
        """Five equal failures in a row hold the batch, and so does one that every call must share."""
        batch = AssessmentBatch.objects.get(pk=self.batch.pk)
        row, cause = batch.equal_failures, batch.last_failure_cause
        worst: LLMError | None = None
        for verdict in verdicts:
            if verdict.error is None:
                row, cause = 0, ""
            else:
                row = row + 1 if verdict.error.cause == cause else 1
                cause, worst = verdict.error.cause, verdict.error
                if worst.stops_run:
                    row = int(settings.ENGINE["BREAKER"])
        AssessmentBatch.objects.filter(pk=batch.pk).update(equal_failures=row, last_failure_cause=cause)
        if worst is not None and row >= settings.ENGINE["BREAKER"]:
            hold(batch, f"Paused: {worst.message}")

    def _ledger(self, pair: ComparisonPair, call: Call, place: int, *, turned: bool) -> LLMCall:
        """A row whose id follows from pair, attempt and call, so that writing it again changes nothing."""
        name = f"{pair.request_correlation_id}:{pair.attempts_left}:{self.owner}:{place}"
        return LLMCall.drawn_from(
            call,
            pk=uuid.uuid5(pair.request_correlation_id, name),
            workspace_id=self.batch.workspace_id,
            task_id=self.batch.pk,
            entity_key=f"comparison:{pair.pk}",
            input_hash=_name(pair, turned=turned),
        )

    def _hand_over(self) -> None:
        """Another turn, if something is due now; what is due later is woken by the schedule."""
        batch = self._taking()
        if batch is None or batch.hold_reason:
            return
        if ComparisonPair.objects.for_model(timezone.now()).filter(batch=self.batch).exists():
            enqueue(JOB, str(self.batch.pk), queue="llm")


def _name(pair: ComparisonPair, *, turned: bool) -> str:
    """What an answer is kept under. No two comparisons share one: each is judged for itself."""
    return hashlib.sha256(f"comparison:{pair.request_correlation_id}:{turned}".encode()).hexdigest()


def _close_connection() -> None:
    """The connection of the thread that calls this."""
    connection.close()


def hold(batch: AssessmentBatch, reason: str) -> None:
    """Models rest until a person says to go on."""
    with transaction.atomic():
        free = AssessmentBatch.objects.filter(pk=batch.pk, hold_reason="").exclude(state__in=TERMINAL)
        if free.update(hold_reason=reason[:300]):
            progress.announce(AssessmentBatch.objects.get(pk=batch.pk))
