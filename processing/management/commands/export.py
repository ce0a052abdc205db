"""``manage.py export SESSION --connection NAME``: send a session to a tracker, or say what would be sent."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import uuid
from typing import Any

import django_rq
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection as database
from django.urls import reverse
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from tqdm import tqdm

from processing.engine.sweep import sweep
from processing.export.report import plan_value
from processing.export.service import ExportService
from processing.models import ExportRecord, SessionTask, TrackerConnection
from processing.models.tasks import TaskStatus
from sessions_app.errors import AppError
from sessions_app.models import Session, Workspace

UNUSABLE = 2
INCOMPLETE = 1
LOOK_EVERY = 0.5
SHOWN = 10
"""Names in a sentence about what there is."""


class Command(BaseCommand):
    help = (
        "Send the approved tickets of a session to a tracker, by the same engine as the pages do. "
        "Exit status: 0 everything is there, 1 something is missing or has to be settled, 2 it cannot start."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", help="S-12, as the pages call it, or the session's id")
        parser.add_argument("--workspace", default="", help="slug of the workspace, where several have such a session")
        parser.add_argument("--connection", required=True, help="name of one of its workspace's connections")
        parser.add_argument("--update", action="store_true", help="send changed tickets again")
        parser.add_argument("--dry-run", action="store_true", help="print as JSON what would be sent, and send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        session = _session(options["session"], options["workspace"])
        connection = _connection(session.workspace, options["connection"])
        service = ExportService()
        try:
            if options["dry_run"]:
                plan = service.dry_run(session, connection, update=options["update"])
                self.stdout.write(json.dumps(plan_value(plan), ensure_ascii=False, indent=1))
                if plan.problems or plan.blocked:
                    reasons = [*plan.problems, *(f"{each['number']}: {each['reason']}" for each in plan.blocked)]
                    raise CommandError(" ".join(reasons), returncode=UNUSABLE)
                return
            task = service.start_export(session, connection, update=options["update"])
        except AppError as error:
            raise CommandError(" ".join((error.message, *error.recovery_actions)), returncode=UNUSABLE) from None
        self._report(self._work(task))

    def _work(self, task: SessionTask) -> SessionTask:
        """Be the worker until the export is over; show how far it is."""
        over = threading.Event()
        bar = threading.Thread(target=_show_progress, args=(task.pk, over))
        bar.start()
        try:
            queues = [django_rq.get_queue(name) for name in ("default", "export")]
            while True:
                SimpleWorker(queues, connection=queues[0].connection, serializer=JSONSerializer).work(
                    burst=True, logging_level="ERROR"
                )
                task.refresh_from_db()
                if task.is_finished or task.status == TaskStatus.PAUSED:
                    return task
                time.sleep(LOOK_EVERY)  # the tracker asked for a longer pause, or another worker is at it
                sweep()
        finally:
            over.set()
            bar.join()

    def _report(self, task: SessionTask) -> None:
        if task.status == TaskStatus.FAILED:
            raise CommandError(task.error.get("message", "The export failed."), returncode=UNUSABLE)
        for record in ExportRecord.objects.filter(task=task).exclude(error_message="").in_order():
            if not record.is_there:
                self.stderr.write(f"{record.title}: {record.get_status_display()}: {record.error_message}")
        if task.status != TaskStatus.COMPLETED:
            raise CommandError(f"{task.done} of {task.total} sent. {task.pause_reason}".strip(), returncode=INCOMPLETE)
        self.stdout.write(f"{task.done} of {task.total} sent.")


def _session(text: str, slug: str) -> Session:
    """The one that ``text`` names: ``S-12`` or an id; of the workspace ``slug``, if that is given."""
    found = Session.objects.select_related("workspace").order_by("workspace__slug")
    if slug:
        if not Workspace.objects.filter(slug=slug).exists():
            raise CommandError(f"There is no workspace “{slug[:60]}”. {_workspaces_there_are()}", returncode=UNUSABLE)
        found = found.filter(workspace__slug=slug)
    named = re.fullmatch(r"[sS]-([0-9]{1,9})", text)
    try:
        matches = list(found.filter(number=int(named[1])) if named else found.filter(pk=uuid.UUID(text)))
    except ValueError:
        raise CommandError(
            f"“{text[:60]}” names no session. Write S-12, as the pages call it, or the session's id.",
            returncode=UNUSABLE,
        ) from None
    if not matches:
        where = f"in the workspace “{slug}”" if slug else "in any workspace"
        raise CommandError(f"There is no session {text[:60]} {where}.", returncode=UNUSABLE)
    if len(matches) > 1:
        slugs = _some([each.workspace.slug for each in matches])
        raise CommandError(
            f"Several workspaces have a session {text}. Choose one by --workspace: {slugs}.", returncode=UNUSABLE
        )
    return matches[0]


def _connection(workspace: Workspace, name: str) -> TrackerConnection:
    there = TrackerConnection.objects.filter(workspace=workspace).order_by("name")
    if found := there.filter(name=name).first():
        return found
    names = _some([f"“{each.name}”" for each in there])
    page = reverse("connections:page", args=[workspace.pk])
    hint = f"It has: {names}." if names else f"It has none yet: add one at {page}"
    raise CommandError(f"The workspace “{workspace.slug}” has no connection “{name[:60]}”. {hint}", returncode=UNUSABLE)


def _workspaces_there_are() -> str:
    slugs = _some(list(Workspace.objects.order_by("slug").values_list("slug", flat=True)[: SHOWN + 1]))
    return f"There are: {slugs}." if slugs else "There is none at all."


def _some(names: list[str]) -> str:
    """The first of them for a sentence."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _show_progress(task_id: uuid.UUID, over: threading.Event) -> None:
    with tqdm(total=None, unit=" steps", disable=not sys.stderr.isatty(), file=sys.stderr) as bar:
        while not over.wait(0.2):
            task = SessionTask.objects.get(pk=task_id)
            bar.total = task.total or None
            bar.update(task.done + task.failed - bar.n)
    database.close()
