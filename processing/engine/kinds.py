"""What a task does with its items. The engine knows this protocol and nothing about tickets."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.utils.module_loading import import_string

from processing.errors import LLMError
from processing.llm.batching import Batches
from processing.llm.remote import Answer
from processing.models import LLMCall, SessionTask, WorkItem


@dataclass(slots=True)
class Outcome:
    """What became of one claimed item: a ``result`` to write, or an ``error``. ``calls`` go to the ledger always."""

    item: WorkItem
    result: Any = None
    error: LLMError | None = None
    calls: list[LLMCall] = field(default_factory=list)


class Workroom(Protocol):
    """What a drainer holds open while it works on one task: clients, context, answers already paid for."""

    concurrency: int

    def prepare(self, items: Sequence[WorkItem]) -> None:
        """Look up what is known about freshly claimed items. May use the database."""

    async def work(self, item: WorkItem) -> Outcome:
        """Do one item. Never touches the database, never raises for an expected failure."""

    async def close(self) -> None:
        """Let go of connections."""


class BatchRoom(Workroom, Protocol):
    """A workroom that asks for many items at once and reads the answers later."""

    batches: Batches

    def paid_for(self, item: WorkItem) -> Any:
        """The result for an item that was prepared, if an earlier call gave it; else None."""

    def question(self, item: WorkItem) -> dict[str, Any]:
        """The body of the call for an item."""

    def read(self, item: WorkItem, answer: Answer | LLMError, call_id: uuid.UUID) -> Outcome:
        """What an answer means, with the one call it took, which the ledger keeps under ``call_id``."""

    async def fall_back(self, outcome: Outcome) -> Outcome:
        """What is to become of an item that failed: the same, or what another model writes at once instead."""


class TaskKind(Protocol):
    """One kind of task: how to plan it, work on it, write results and end it."""

    def plan(self, task: SessionTask) -> Iterable[WorkItem]:
        """The items of the task, unsaved, in order; made on the way, as there may be many. Raises AppError at once if
        there can be none.
        """

    def open(self, task: SessionTask) -> Workroom:
        """Everything a drainer needs for this task."""

    def write(self, task: SessionTask, outcomes: Sequence[Outcome]) -> None:
        """Write results; called inside the transaction that marks their items done."""

    def finish(self, task: SessionTask) -> dict[str, Any]:
        """Put the whole in order once all items are finished; returns the summary of the run. Inside a transaction."""

    def stage_text(self, task: SessionTask, group: str) -> tuple[str, dict[str, Any]]:
        """The sentence and the details that progress messages carry while this group is worked on."""


KINDS: Final = {
    "processing": "processing.generation.kind.Generation",
    "adf_validation": "processing.validation.kind.Validation",
    "export": "processing.export.kind.Export",
}
"""Task type -> class. A new kind of task is one module and one line here."""

SEQUENTIAL: Final = frozenset({"export"})
"""Task types that one worker does thing by thing in their own job, without items and drainers. Their class has only
``finish``, and their job goes on wherever a dead worker stopped.
"""


def kind_of(task: SessionTask) -> TaskKind:
    kind: TaskKind = import_string(KINDS[task.task_type])()
    return kind


BATCH_ROOMS: Final = {"processing": "processing.generation.economy.EconomyRoom"}
"""Task type -> what asks in batches, for those that can."""


def batch_room_of(task: SessionTask) -> BatchRoom:
    """Raises LLMError if the task's provider has no batches."""
    room: BatchRoom = import_string(BATCH_ROOMS[task.task_type])(task)
    return room


JOBS: Final = {
    "processing": "processing.generation.jobs.generate_tickets_job",
    "adf_validation": "processing.validation.jobs.validate_adf_job",
    "export": "processing.export.jobs.export_session_job",
}
"""Task type -> the job that plans it."""
