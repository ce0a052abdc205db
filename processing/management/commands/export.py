"""``manage.py export SESSION --connection NAME``: send a session to a tracker, or say what would be sent."""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from typing import Any

import django_rq
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection as database
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from tqdm import tqdm

from processing.engine.sweep import sweep
from processing.export.report import plan_value
from processing.export.service import ExportService
from processing.models import ExportRecord, SessionTask, TrackerConnection
from processing.models.tasks import TaskStatus
from sessions_app.errors import AppError
from sessions_app.models import Session

UNUSABLE = 2
INCOMPLETE = 1
LOOK_EVERY = 0.5


class Command(BaseCommand):
    help = (
        "Send the approved tickets of a session to a tracker, by the same engine as the pages do. "
        "Exit status: 0 everything is there, 1 something is missing or has to be settled, 2 it cannot start."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("session", help="id of the session")
        parser.add_argument("--connection", required=True, help="name of one of its workspace's connections")
        parser.add_argument("--update", action="store_true", help="send changed tickets again")
        parser.add_argument("--dry-run", action="store_true", help="print as JSON what would be sent, and send nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        session = _session(options["session"])
        connection = TrackerConnection.objects.filter(workspace=session.workspace, name=options["connection"]).first()
        if connection is None:
            raise CommandError(f"There is no connection “{options['connection']}” here.", returncode=UNUSABLE)
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


def _session(text: str) -> Session:
    try:
        return Session.objects.select_related("workspace").get(pk=uuid.UUID(text))
    except (ValueError, Session.DoesNotExist):
        raise CommandError(f"There is no session {text[:60]}.", returncode=UNUSABLE) from None


def _show_progress(task_id: uuid.UUID, over: threading.Event) -> None:
    with tqdm(total=None, unit=" steps", disable=not sys.stderr.isatty(), file=sys.stderr) as bar:
        while not over.wait(0.2):
            task = SessionTask.objects.get(pk=task_id)
            bar.total = task.total or None
            bar.update(task.done + task.failed - bar.n)
    database.close()
