"""Progress messages as they go over the wire (seed 002's fields, plus ``seq``)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from django.utils import timezone

from processing.models import SessionTask
from processing.models.tasks import TaskStatus

MessageType = Literal["progress", "completed", "error", "cancelled", "snapshot"]
TERMINAL: frozenset[str] = frozenset({"completed", "error", "cancelled"})


class ProgressMessage(TypedDict):
    """``progress_percentage`` is 0 to 100; ``details`` holds done, total, failed and what the task kind adds.

    ``resync`` is true on a snapshot where messages that were asked for are not sent: the client drops what it knows and
    goes on from the snapshot.
    """

    type: MessageType
    session_id: str
    task_id: str
    task_type: str
    timestamp: str
    seq: int
    status: str
    progress_percentage: float
    current_stage: str
    details: dict[str, Any]
    result_summary: NotRequired[dict[str, Any]]
    error_category: NotRequired[str]
    user_message: NotRequired[str]
    recovery_actions: NotRequired[list[str]]
    resync: NotRequired[bool]


def channel_of(session_id: object, task_type: str) -> str:
    return f"progress:{session_id}:{task_type}"


def wire_status(status: str) -> str:
    """The seeds' word for a run under way is "processing"."""
    return "processing" if status in (TaskStatus.PENDING, TaskStatus.RUNNING) else str(status)


def message_of(task: SessionTask, kind: MessageType, **fields: Any) -> ProgressMessage:
    """A message about the task as the row stands now."""
    message = ProgressMessage(
        type=kind,
        session_id=str(task.session_id),
        task_id=str(task.task_id),
        task_type=task.task_type,
        timestamp=timezone.now().isoformat(),
        seq=task.seq,
        status=wire_status(task.status),
        progress_percentage=task.progress_percentage,
        current_stage=task.current_stage,
        details={"done": task.done, "total": task.total, "failed": task.failed, **fields.pop("details", {})},
    )
    if task.status == TaskStatus.PAUSED:
        message["user_message"] = task.pause_reason
    if task.status == TaskStatus.FAILED and task.error:
        message.update(  # type: ignore[call-arg]
            error_category=task.error["category"],
            user_message=task.error["message"],
            recovery_actions=task.error["recovery_actions"],
        )
    message.update(fields)  # type: ignore[typeddict-item]
    return message
