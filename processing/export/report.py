"""What became of each thing, as values, as JSON and as CSV."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, TypedDict

from processing.engine.messages import wire_status
from processing.models import ExportRecord, SessionTask
from processing.models.exports import RecordQuerySet
from processing.validation.readiness import TicketProblems
from sessions_app.models import Session
from sessions_app.safe_csv import safe_csv

from .planning import Plan, Planned

HEADER: Final = ["Step", "What", "Status", "Key", "Link", "Attempts", "Error", "Label", "Changed"]


def records_of(session: Session) -> RecordQuerySet:
    """Everything that was ever sent for a session."""
    return ExportRecord.objects.filter(session=session).select_related("connection", "ticket").in_order()


class RecordValue(TypedDict):
    """One thing that was sent, or is to be. ``needs_decision``: a person has to say whether the tracker has it."""

    id: str
    connection: str
    step: str
    title: str
    ticket: str | None
    item_key: str
    other_key: str
    link_kind: str
    status: str
    needs_decision: bool
    remote_key: str
    url: str
    label: str
    attempts: int
    error_code: str
    error: str
    changed_at: str


class RecordCount(TypedDict):
    step: str
    status: str
    count: int


class ExportStatus(TypedDict):
    """``status``: idle, processing, paused, completed, completed_with_errors, failed or cancelled. ``records``: what
    the session has in trackers; ``needs_decision``: so many wait for a person.
    """

    session_id: str
    task_id: str | None
    status: str
    progress_percentage: float
    current_stage: str
    total: int
    done: int
    failed: int
    pause_reason: str
    error: dict[str, Any]
    records: list[RecordCount]
    needs_decision: int


class PlannedValue(TypedDict):
    """``action``: create, update, unchanged, outdated (changed, but updates were not asked for), look (perhaps there)
    or ask (a person has to say). ``payload`` is exactly what would be sent.
    """

    action: str
    step: str
    title: str
    item_key: str
    other_key: str
    link_kind: str
    remote_key: str
    url: str
    payload: dict[str, Any]


class PlanValue(TypedDict):
    """``problems`` keep the export from starting; ``blocked`` tickets are approved, but cannot leave as they are."""

    problems: list[str]
    blocked: list[TicketProblems]
    counts: dict[str, int]
    items: list[PlannedValue]


def record_value(record: ExportRecord) -> RecordValue:
    return {
        "id": str(record.pk),
        "connection": str(record.connection_id),
        "step": record.step,
        "title": record.title,
        "ticket": str(record.ticket_id) if record.ticket_id else None,
        "item_key": record.item_key,
        "other_key": record.other_key,
        "link_kind": record.link_kind,
        "status": record.status,
        "needs_decision": record.is_question,
        "remote_key": record.remote_key,
        "url": record.remote_url,
        "label": record.label,
        "attempts": record.attempts,
        "error_code": record.error_code,
        "error": record.error_message,
        "changed_at": record.changed_at.isoformat(),
    }


def status_value(session: Session, task: SessionTask | None) -> ExportStatus:
    """Where the latest export stands, and what the session has in trackers."""
    counts = Counter(ExportRecord.objects.filter(session=session).order_by().values_list("step", "status"))
    return {
        "session_id": str(session.pk),
        "task_id": str(task.pk) if task else None,
        "status": wire_status(task.status) if task else "idle",
        "progress_percentage": task.progress_percentage if task else 0.0,
        "current_stage": task.current_stage if task else "",
        "total": task.total if task else 0,
        "done": task.done if task else 0,
        "failed": task.failed if task else 0,
        "pause_reason": task.pause_reason if task else "",
        "error": task.error if task else {},
        "records": [
            {"step": step, "status": status, "count": count} for (step, status), count in sorted(counts.items())
        ],
        "needs_decision": ExportRecord.objects.filter(session=session).questions().count(),
    }


def plan_value(plan: Plan) -> PlanValue:
    """A dry run. ``payload`` is exactly what would be sent."""
    return {
        "problems": plan.problems,
        "blocked": plan.blocked,
        "counts": {
            **Counter(each.action for each in plan.planned),
            **({"blocked": len(plan.blocked)} if plan.blocked else {}),
        },
        "items": [_planned_value(each) for each in plan.planned],
    }


def _planned_value(each: Planned) -> PlannedValue:
    record = each.record
    return {
        "action": each.action,
        "step": str(each.step),
        "title": each.title,
        "item_key": each.item_key,
        "other_key": each.other_key,
        "link_kind": each.link_kind,
        "remote_key": record.remote_key if record else "",
        "url": record.remote_url if record else "",
        "payload": each.payload if each.action in ("create", "update") else {},
    }


def as_json(session: Session) -> Iterator[bytes]:
    yield json.dumps([record_value(record) for record in records_of(session)], ensure_ascii=False, indent=1).encode()


def as_csv(session: Session) -> Iterator[bytes]:
    rows = (
        [
            record.step,
            record.title,
            "to be settled" if record.is_question else record.status,
            record.remote_key,
            record.remote_url,
            str(record.attempts),
            record.error_message,
            record.label,
            record.changed_at.isoformat(timespec="seconds"),
        ]
        for record in records_of(session)
    )
    yield from safe_csv(HEADER, rows)


REPORTS: Final = {"csv": ("text/csv; charset=utf-8", as_csv), "json": ("application/json", as_json)}
