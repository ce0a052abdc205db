"""``manage.py generate SOURCE… --site-name … --output PATH``: the whole job in one process, by the same engine."""

from __future__ import annotations

import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import django_rq
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from tqdm import tqdm

from processing.export.backlog import exported_tickets
from processing.export.files import FORMATS, ticket_as_markdown
from processing.generation.service import ProcessingService
from processing.llm.registry import PROVIDERS
from processing.models import SessionTask
from processing.models.tasks import TaskStatus
from sessions_app.actions import imports
from sessions_app.actions.sessions import create_session
from sessions_app.errors import AppError
from sessions_app.models import Session, Workspace
from sessions_app.sources import NoSuchSource, find_sources

UNUSABLE = 2
INCOMPLETE = 1


class Command(BaseCommand):
    help = (
        "Import a specification, write its tickets and save the backlog. "
        "Exit status: 0 all tickets written, 1 some are missing, 2 the input cannot be used. "
        "Where neither REDIS_URL nor DATABASE_URL is set it brings its own."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", nargs="+", help="CSV, TSV or XLSX files, a folder of them, or a config.tar.gz")
        parser.add_argument("--site-name", required=True)
        parser.add_argument("--site-description", default="")
        parser.add_argument("--provider", default="offline", choices=list(PROVIDERS))
        parser.add_argument("--model", default="")
        parser.add_argument("--granularity", default="row", choices=["row", "parent"])
        parser.add_argument("--format", default="md", choices=["md", "json", "csv", "jira-csv"])
        parser.add_argument("--output", required=True, help="a file, - for standard output, or (md) a folder or a .zip")
        parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")

    def handle(self, *args: Any, **options: Any) -> None:
        self.quiet = bool(options["quiet"])
        target = _checked_target(options["output"], options["format"])
        uploads = self._read(options["source"])  # first, as what cannot be used needs no database to be told so
        call_command("migrate", interactive=False, run_syncdb=True, verbosity=0)
        workspace, _ = Workspace.objects.get_or_create(slug="command-line", defaults={"name": "Command line"})
        session = create_session(
            workspace,
            by=None,
            site_name=options["site_name"],
            site_description=options["site_description"],
            llm_provider_choice=options["provider"],
            llm_model=options["model"],
            granularity=options["granularity"],
        )
        try:
            imports.keep(session, uploads, by=None)
            started = ProcessingService().generate_tickets(session)
        except AppError as error:
            raise CommandError(error.message, returncode=UNUSABLE) from None
        task = self._work(SessionTask.objects.get(pk=started["task_id"]))
        if task.status not in (TaskStatus.COMPLETED, TaskStatus.COMPLETED_WITH_ERRORS):
            raise CommandError(
                task.error.get("message") or f"The run is {task.get_status_display().lower()}.", returncode=INCOMPLETE
            )
        _save(session, target, options["format"])
        self._say(f"{task.done} tickets in working order: {options['output']}")
        if task.failed:
            raise CommandError(f"{task.failed} tickets could not be written.", returncode=INCOMPLETE)

    def _read(self, paths: list[str]) -> list[imports.ReadUpload]:
        """Read all sources. A file that was named itself must be usable; one that lay in a folder is passed over with
        a word.
        """
        try:
            sources = find_sources(paths)
        except NoSuchSource as error:
            raise CommandError(str(error), returncode=UNUSABLE) from None
        uploads = []
        for source in sources:
            upload = imports.read_upload(imports.Upload(source.path.name, source.path.read_bytes()))
            useless = source.named and not any(reading.accepted for reading in upload.readings)
            for reading in upload.readings:
                for finding in reading.errors:
                    if useless:
                        raise CommandError(f"{reading.filename}: {finding.message}", returncode=UNUSABLE)
                    self._say(f"{reading.filename} is left out: {finding.message}")
            uploads.append(upload)
        return uploads

    def _work(self, task: SessionTask) -> SessionTask:
        """Be the worker until the queues are empty; show how far it is."""
        over = threading.Event()
        bar = threading.Thread(target=_show_progress, args=(task.pk, over, not self.quiet and sys.stderr.isatty()))
        bar.start()
        try:
            queues = [django_rq.get_queue(name) for name in ("default", "llm")]
            SimpleWorker(queues, connection=queues[0].connection, serializer=JSONSerializer).work(
                burst=True, logging_level="ERROR"
            )
        finally:
            over.set()
            bar.join()
        task.refresh_from_db()
        return task

    def _say(self, sentence: str) -> None:
        if not self.quiet:
            self.stderr.write(sentence)


def _show_progress(task_id: uuid.UUID, over: threading.Event, visible: bool) -> None:  # noqa: FBT001
    with tqdm(total=None, unit=" tickets", disable=not visible, file=sys.stderr) as bar:
        while not over.wait(0.2):
            task = SessionTask.objects.get(pk=task_id)
            bar.total = task.total or None
            bar.update(task.done + task.failed - bar.n)
        task = SessionTask.objects.get(pk=task_id)
        bar.total = task.total or None
        bar.update(task.done + task.failed - bar.n)
    connection.close()


def _checked_target(output: str, name: str) -> Path | None:
    """The path to write to, None for standard output. Refuses what cannot work before any work is done."""
    if output == "-":
        return None
    path = Path(output)
    if path.is_dir() and name != "md":
        raise CommandError(f"{output} is a folder; name a file for {name}.", returncode=UNUSABLE)
    if not path.is_dir() and not path.absolute().parent.is_dir():
        raise CommandError(f"{path.parent} is not a folder.", returncode=UNUSABLE)
    return path


def _save(session: Session, target: Path | None, name: str) -> None:
    if target is None:
        sys.stdout.buffer.write(b"".join(FORMATS[name].write(session)))
        sys.stdout.buffer.flush()
    elif target.is_dir():
        for ticket in exported_tickets(session):
            (target / f"{ticket['position']:04d}.md").write_text(ticket_as_markdown(ticket), encoding="utf-8")
    else:
        chosen = FORMATS["md-zip" if name == "md" and target.suffix == ".zip" else name]
        with target.open("wb") as file:
            file.writelines(chosen.write(session))
