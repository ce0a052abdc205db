"""What a task does with its items. The engine knows this protocol and nothing about tickets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.utils.module_loading import import_string

from processing.errors import LLMError
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


class TaskKind(Protocol):
    """One kind of task: how to plan it, work on it, write results and end it."""

    def plan(self, task: SessionTask) -> list[WorkItem]:
        """The items of the task, unsaved, in order. Raises AppError if there can be none."""

    def open(self, task: SessionTask) -> Workroom:
        """Everything a drainer needs for this task."""

    def write(self, task: SessionTask, outcomes: Sequence[Outcome]) -> None:
        """Write results; called inside the transaction that marks their items done."""

    def finish(self, task: SessionTask) -> dict[str, Any]:
        """Put the whole in order once all items are finished; returns the summary of the run. Inside a transaction."""

    def stage_text(self, task: SessionTask, group: str) -> tuple[str, dict[str, Any]]:
        """The sentence and the details that progress messages carry while this group is worked on."""


KINDS: Final = {"processing": "processing.generation.kind.Generation"}
"""Task type -> class. A new kind of task is one module and one line here."""


def kind_of(task: SessionTask) -> TaskKind:
    kind: TaskKind = import_string(KINDS[task.task_type])()
    return kind


JOBS: Final = {"processing": "processing.generation.jobs.generate_tickets_job"}
"""Task type -> the job that plans it."""
