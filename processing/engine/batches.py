"""The economy mode: items of a run are asked for in batches, which a provider answers later, at half the price.

Nobody waits for a provider. Each turn (``tend``) looks at the open batches, collects what has ended, submits what is
due, and says when to look again; the sweep starts the next one. What a turn leaves unfinished, because it was killed or
the provider did not answer, the next one takes up: a batch is written down before it is submitted and found again by
its id; its answers have ids of their own in the ledger, so reading them twice changes nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from processing.errors import LLMError, TaskMoved
from processing.llm.batching import BatchPhase, BatchState, LLMUnanswered, SubmissionUnknown
from processing.llm.remote import Answer
from processing.models import LLMCall, ProviderBatch, SessionError, SessionTask, WorkItem
from processing.models.batches import BatchStatus
from processing.models.tasks import ItemStatus, TaskStatus, lease
from processing.portions import portions

from . import claims, finish, stopping
from .announcements import publish_progress
from .conversation import Conversation, conversation
from .drainer import enqueue_drainer
from .kinds import Outcome, batch_room_of, kind_of

logger = logging.getLogger(__name__)

AT_ONCE: Final = 64
"""Answers written in one transaction."""
LONGEST_NUMBER: Final = 18
"""Digits of an item's number; what is longer is none of ours."""
UPLOAD: Final = 300.0
"""Seconds that handing over a batch may take, or asking the fallbacks for what failed in it."""
LATER: Final = 60.0
"""Seconds until a batch that was not taken is tried again; doubles with each in a row."""
GIVE_UP_AFTER: Final = timedelta(hours=48)
"""Providers answer or let go within a day. A batch that cannot be looked at for so long is given up."""
UNANSWERED: Final = {
    BatchPhase.ENDED: "The provider left the question out.",
    BatchPhase.EXPIRED: "The provider did not answer within its time.",
    BatchPhase.CANCELLED: "The batch was cancelled at the provider.",
    BatchPhase.GONE: "The provider no longer knows the batch.",
}


def tend(task: SessionTask) -> None:
    """One turn over a run in economy mode, in whatever state it is. Safe beside another turn."""
    if task.is_finished:
        _give_up_old(task)
    with conversation() as talk:
        tender = Tender(task, talk)
        try:
            tender.turn()
        finally:
            talk.ask(tender.room.close())
    task.refresh_from_db()
    if task.status == TaskStatus.RUNNING and finish.finish_if_done(task):
        return
    task.look_again_in(settings.ENGINE["BATCH_POLL"])
    if tender.cut_short:
        enqueue_drainer(task)


class Tender:
    """Looks after the batches of one task. Database work stays on the caller's thread."""

    def __init__(self, task: SessionTask, talk: Conversation) -> None:
        self.task = task
        self.talk = talk
        self.kind = kind_of(task)
        self.room = batch_room_of(task)
        self.batches = self.room.batches
        self.trouble = ""
        self.cut_short = False
        self.end = time.monotonic() + settings.ENGINE["SLICE"]

    def turn(self) -> None:
        self._attend_all()
        if self._is_running():
            self._submit_what_is_due()
            if self._is_over():  # cancelled while a batch was on its way
                self._attend_all()
        self._tell()

    def _attend_all(self) -> None:
        for batch in self.task.batches.open():
            if not self._is_time_up() and batch.hold():
                self._attend(batch)

    def _is_time_up(self) -> bool:
        """Others wait for this worker, or it is being stopped: leave the rest to another turn."""
        self.cut_short = self.cut_short or stopping.requested() or time.monotonic() > self.end
        return self.cut_short

    # Batches that a provider has

    def _attend(self, batch: ProviderBatch) -> None:
        """Take one open batch as far as it will go now."""
        self.talk.beat = lambda: self._beat(batch)
        try:
            if batch.status == BatchStatus.SUBMITTING and not self._found(batch):
                return
            if self._is_over() and batch.cancel_asked_at is None:
                self.talk.ask(self.batches.cancel(batch.remote_id))
                ProviderBatch.objects.filter(pk=batch.pk).update(cancel_asked_at=timezone.now())
            state = self.talk.ask(self.batches.look(batch.remote_id))
            ProviderBatch.objects.filter(pk=batch.pk).update(looked_at=timezone.now(), answered=state.answered)
            self._act_on(batch, state)
        except LLMError as error:
            self._could_not_look(batch, error)
        except TaskMoved:
            logger.info("%s was closed by somebody else", batch)
        finally:
            batch.let_go()

    def _act_on(self, batch: ProviderBatch, state: BatchState) -> None:
        if state.phase is BatchPhase.OPEN:
            return
        if state.phase is BatchPhase.FAILED:
            self._refused(batch, state.error or LLMError("The provider refused the batch."))
            return
        if state.phase is not BatchPhase.GONE:
            for part in self.talk.slices(self.batches.results(batch.remote_id), AT_ONCE):
                self._keep(batch, dict(part))
                if self._is_time_up():
                    return
        self._leave_unanswered(batch, UNANSWERED[state.phase])
        batch.close(BatchStatus.CANCELLED if state.phase is BatchPhase.CANCELLED else BatchStatus.COLLECTED)

    def _found(self, batch: ProviderBatch) -> bool:
        """Whoever submitted this died or did not hear the answer: does the provider have it? If not, its items are
        free again.
        """
        found = self.talk.ask(self.batches.find(batch.pk.hex, batch.size, batch.created_at)) if batch.size else None
        if found:
            batch.submitted(found)
            return True
        with transaction.atomic():
            batch.close(BatchStatus.FAILED, "It was never submitted.")
            claims.give_back(batch.owner)
        return False

    def _keep(self, batch: ProviderBatch, answers: dict[str, Answer | LLMError]) -> None:
        """Write answers: tickets for items that are still waiting for them, and each call to the ledger, once."""
        asked = {custom_id: custom_id.removeprefix(f"{batch.pk.hex}-") for custom_id in answers}
        numbers = [number for number in asked.values() if number.isdecimal() and len(number) <= LONGEST_NUMBER]
        items = {str(item.pk): item for item in WorkItem.objects.filter(task=self.task, pk__in=numbers)}
        ids = {custom_id: uuid.uuid5(batch.pk, custom_id) for custom_id in answers}
        kept = set(LLMCall.objects.filter(pk__in=ids.values()).values_list("pk", flat=True))
        outcomes = [
            self.room.read(items[asked[custom_id]], answer, ids[custom_id])
            for custom_id, answer in answers.items()
            if asked[custom_id] in items and ids[custom_id] not in kept
        ]
        self._write(batch, outcomes)

    def _leave_unanswered(self, batch: ProviderBatch, message: str) -> None:
        """Items that the batch holds and that got no answer go back, or fail when their attempts are spent."""
        for part in portions(self._held_by(batch), AT_ONCE):
            self._write(batch, [Outcome(item, error=LLMUnanswered(message)) for item in part])

    def _could_not_look(self, batch: ProviderBatch, error: LLMError) -> None:
        logger.warning("%s cannot be looked at: %s", batch, error.message)
        self.trouble = error.message
        over = self._is_over()
        if timezone.now() - batch.created_at > GIVE_UP_AFTER:
            self._leave_unanswered(batch, error.message)
            batch.close(BatchStatus.FAILED, error.message)
        elif over and not error.retryable:
            batch.close(BatchStatus.FAILED, error.message)
        elif error.stops_run:
            finish.fail(self.task, error)

    # Items that nobody has asked for yet

    def _submit_what_is_due(self) -> None:
        """Batches until nothing is due, the money is set aside, the provider takes no more, or time is up."""
        if _earlier_batches(self.task).exists():
            self.trouble = "An earlier run's batch is being closed"
            return
        while not self._is_time_up():
            batch, items = self._claim()
            if not items or not self._submit(batch, items):
                break

    def _claim(self) -> tuple[ProviderBatch, Sequence[WorkItem]]:
        """A batch and the items that it holds, written in one transaction."""
        batch = ProviderBatch(task=self.task, provider=self.task.provider, held_until=timezone.now() + lease())
        with transaction.atomic():
            items = claims.claim(self.task, batch.owner, int(settings.ENGINE["BATCH_ITEMS"]))
            if items:
                batch.save()
        return batch, items

    def _submit(self, batch: ProviderBatch, items: Sequence[WorkItem]) -> bool:
        """Hand over the questions that nobody has paid for yet. True if there may be more to do."""
        self.talk.beat = lambda: self._beat(batch)
        self.room.prepare(items)
        known = [(item, self.room.paid_for(item)) for item in items]
        for part in portions([Outcome(item, result=result) for item, result in known if result is not None], AT_ONCE):
            self._write(batch, part)
        questions = self._questions(batch, [item for item, result in known if result is None])
        if not questions:
            batch.delete()
            return True
        ProviderBatch.objects.filter(pk=batch.pk).update(size=len(questions))
        try:
            remote_id = self.talk.ask(self._handed_over(batch, questions), seconds=UPLOAD + 10)
        except SubmissionUnknown as error:
            logger.warning("%s: %s", batch, error.message)  # found again when nobody has held it for a lease's time
            return False
        except LLMError as error:
            self._refused(batch, error)
            return False
        try:
            batch.submitted(remote_id)
        except TaskMoved:  # we were away for so long that its items were given to somebody else
            self.talk.ask(self.batches.cancel(remote_id))
            return False
        batch.let_go()
        return True

    async def _handed_over(self, batch: ProviderBatch, questions: dict[str, dict[str, Any]]) -> str:
        try:
            async with asyncio.timeout(UPLOAD):
                return await self.batches.submit(batch.pk.hex, questions)
        except TimeoutError:
            raise SubmissionUnknown from None

    def _questions(self, batch: ProviderBatch, items: Sequence[WorkItem]) -> dict[str, dict[str, Any]]:
        """Custom id -> body, as many as fit into a batch; the other items are given back."""
        questions: dict[str, dict[str, Any]] = {}
        size = 0
        for place, item in enumerate(items):
            body = self.room.question(item)
            size += len(json.dumps(body))
            if questions and size > settings.ENGINE["BATCH_BYTES"]:
                claims.give_back(batch.owner, items[place:])
                break
            questions[f"{batch.pk.hex}-{item.pk}"] = body
        return questions

    # Details

    def _refused(self, batch: ProviderBatch, error: LLMError) -> None:
        """The provider did not take the batch, so nothing was asked. What every batch must share ends the run (or
        goes to the fallbacks); what time may mend is tried again; anything else waits for a person.
        """
        logger.warning("%s was refused: %s", batch, error.message)
        self.trouble = error.message
        if error.stops_run:
            for part in portions(self._held_by(batch), AT_ONCE):
                self._write(batch, [Outcome(item, error=error) for item in part])
        else:
            self.task.refresh_from_db(fields=["equal_failures"])
            claims.release(batch.owner, max(LATER * 2**self.task.equal_failures, error.retry_after or 0.0))
        batch.close(BatchStatus.FAILED, error.message)
        if not error.stops_run and not error.retryable:
            self._pause(error)
        elif error.retryable and not self.task.batches.open().exists():
            claims.strike(self.task, error)  # while others are open, the queue is full with our own

    def _pause(self, error: LLMError) -> None:
        with transaction.atomic():
            current = SessionTask.objects.select_for_update().get(pk=self.task.pk)
            if current.status == TaskStatus.RUNNING:
                claims.hold(current, error)
                SessionError.drawn_from(error, current).save()

    def _write(self, batch: ProviderBatch, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        failed = [outcome.item for outcome in outcomes if outcome.error]
        if failed and not self._is_over():
            self.room.prepare(failed)
            outcomes = self.talk.ask(self._fallen_back(outcomes), seconds=UPLOAD)
        claims.write(self.kind, self.task, batch.owner, outcomes)
        self._beat(batch)

    async def _fallen_back(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        return await asyncio.gather(*(self.room.fall_back(outcome) for outcome in outcomes))

    def _held_by(self, batch: ProviderBatch) -> list[WorkItem]:
        return list(WorkItem.objects.filter(task=self.task, lease_owner=batch.owner, status=ItemStatus.RUNNING))

    def _beat(self, batch: ProviderBatch) -> None:
        batch.beat()
        self.task.extend_lease()

    def _is_running(self) -> bool:
        return SessionTask.objects.filter(pk=self.task.pk, status=TaskStatus.RUNNING).exists()

    def _is_over(self) -> bool:
        self.task.refresh_from_db(fields=["status"])
        return self.task.is_finished

    def _tell(self) -> None:
        """What the run waits for."""
        if not self._is_running():
            return
        waiting = list(self.task.batches.open())
        size, answers = sum(batch.size for batch in waiting), [batch.answered for batch in waiting]
        stage = ""
        if any(batch.status == BatchStatus.SUBMITTING for batch in waiting):
            stage = "Waiting to hear whether the provider has taken a batch"
        elif waiting and None in answers:
            stage = f"Waiting for the provider to answer {size:,}"
        elif waiting:
            stage = f"Waiting for the provider: {sum(filter(None, answers)):,} of {size:,} answered"
        if self.trouble:
            stage = f"{stage} ({self.trouble.rstrip('.')})" if stage else self.trouble
        if stage:
            details = {"batches": len(waiting), "asked": size}
            publish_progress(self.task, stage=stage, details=details, force=True)


def _earlier_batches(task: SessionTask) -> Any:
    """Of ended runs of the session: their answers will be in the ledger soon, and would be paid for twice."""
    return ProviderBatch.objects.open().filter(task__session=task.session_id, provider=task.provider).exclude(task=task)


def _give_up_old(task: SessionTask) -> None:
    """Batches of a run that has ended, which nobody could look at for days: perhaps the key is gone."""
    old = task.batches.open().filter(created_at__lt=timezone.now() - GIVE_UP_AFTER)
    old.update(status=BatchStatus.FAILED, error_message="Nobody could look at it for two days.", held_until=None)
