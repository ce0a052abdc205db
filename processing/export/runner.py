"""The worker of an export: one thing after another, each written down before it is sent.

Only one worker is at a run (``ExportRun.take``). Whoever comes after a dead one finds ``in_flight`` where the dead one
stood, which means: perhaps done. Such things, and those whose answer was lost, are looked up in the tracker by their
label for a minute (searches lag behind), and then put to a person. They are never sent again blindly.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from processing.engine import queue, stopping
from processing.engine.announcements import publish_progress
from processing.engine.finish import finish_if_done
from processing.figures import record_settled
from processing.models import ExportRecord, ExportRun, SessionError, SessionTask
from processing.models.exports import STEP_ORDER, THERE, RecordQuerySet, RecordStatus, Step
from processing.models.tasks import TaskStatus
from sessions_app import tracing
from sessions_app.errors import StaleEdit, WrongState
from sessions_app.models import Ticket

from .drafts import EPIC, common_label, draft_of_epic, draft_of_ticket, fingerprint
from .errors import ExportError, Lost, NotSent, Refused, SlowDown, TrackerError
from .planning import CANDIDATES
from .targets import Draft, Link, Remote, target_of

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at the task's state while waiting."""
LONGEST_WAIT: Final = 60.0
"""Seconds that a worker waits for a tracker; beyond that the sweep wakes one up when it is time."""
ISSUES: Final = (Step.EPIC, Step.ISSUE)
JOB: Final = "processing.export.jobs.export_session_job"


class Turn(Enum):
    """Why a worker stopped."""

    DONE = auto()
    STOPPED = auto()
    """The run is over or held, or somebody else is at it."""
    HAND_ON = auto()
    """There is more to do, at once."""
    LATER = auto()
    """There is more to do, when the tracker will take it."""


@contextmanager
def _kept(record: ExportRecord) -> Iterator[None]:
    """For writing what came of a call, and counting it: somebody who took over may have been faster."""
    try:
        with transaction.atomic():
            yield
            record_settled(record)
    except WrongState as error:
        logger.warning("an export record moved meanwhile: %s", error.message)


class Exporter:
    """One worker's turn at one run."""

    def __init__(self, run: ExportRun, on_progress: Callable[[SessionTask], None] | None = None) -> None:
        if run.connection is None:
            raise ExportError("The connection of this export was deleted.")
        self.run, self.connection, self.task = run, run.connection, run.task
        self.session = run.task.session
        self.target = target_of(run.connection)
        self.owner = uuid.uuid4()
        self.on_progress = on_progress
        self.beaten = self.started = time.monotonic()
        self.looked_at = 0.0
        self.hasty = 0
        self.failures: tuple[str, int] = ("", 0)
        self.later = 0.0

    @property
    def records(self) -> RecordQuerySet:
        return ExportRecord.objects.filter(task=self.task)

    def work(self) -> Turn:
        """Send what is to be sent, until it is done or the turn is over."""
        if not self.run.take(self.owner):
            return Turn.STOPPED
        turn = Turn.STOPPED
        try:
            self.task.extend_lease()
            ExportRecord.left_in_flight(self.session, self.connection, timezone.now())
            turn = self._work()
        finally:
            self.run.release(self.owner)
        if turn is Turn.DONE:
            turn = self._finish()
        if turn is Turn.LATER:
            self.task.look_again_in(self.later)
            publish_progress(self.task, stage="Waiting until the tracker takes more", force=True)
        if turn is Turn.HAND_ON:
            queue.enqueue(JOB, str(self.session.pk), str(self.task.pk), queue="export")
        return turn

    def _finish(self) -> Turn:
        """End the run, unless a person has just given it something more to do."""
        with transaction.atomic():
            SessionTask.objects.select_for_update().get(pk=self.task.pk)
            if self.records.pending().exists() or self.records.unsettled().exists():
                return Turn.HAND_ON
            return Turn.DONE if finish_if_done(self.task) else Turn.STOPPED

    def _work(self) -> Turn:
        self._adopt()
        while True:
            turn = self._interruption()
            if turn:
                return turn
            record = self.records.pending().in_order().first()
            waits = self.records.unsettled().exists()
            # What hangs on issues comes when it is known which of them are there.
            if waits and (record is None or record.phase > STEP_ORDER[Step.ISSUE] or self._is_settling_time()):
                self._settle()
                if record is None or record.phase > STEP_ORDER[Step.ISSUE]:
                    if self.records.unsettled().exists():
                        self._pause(self._until_next_look())
                    continue
            if record is None:
                return Turn.DONE
            turn = self._do(record)
            if turn:
                return turn

    # May we go on?

    def _interruption(self) -> Turn | None:
        if stopping.requested() or time.monotonic() - self.started > settings.ENGINE["SLICE"]:
            return Turn.HAND_ON if self._is_ours() else Turn.STOPPED
        return None if self._is_ours() else Turn.STOPPED

    def _is_ours(self) -> bool:
        if time.monotonic() - self.beaten >= settings.ENGINE["HEARTBEAT"]:
            if not self.run.beat(self.owner):
                return False
            self.task.extend_lease()
            self.beaten = time.monotonic()
        return SessionTask.objects.filter(pk=self.task.pk, status=TaskStatus.RUNNING).exists()

    def _pause(self, seconds: float) -> bool:
        """Wait, but not longer than the run goes on. True if it still does."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if stopping.requested() or not self._is_ours():
                return False
            time.sleep(min(LOOK_EVERY, left))
        return True

    # One thing

    def _do(self, record: ExportRecord) -> Turn | None:
        """Wait for its turn, look once more at what is to be sent, write it down, send it, write what came of it."""
        wait = self.connection.reserve_write(self._pace(), LONGEST_WAIT)
        if wait > LONGEST_WAIT:
            self.later = wait
            return Turn.LATER
        if not self._pause(wait):
            return self._interruption() or Turn.STOPPED
        try:
            call, digest = self._call_for(record)
        except Refused as error:
            self._fail(record, error)
            return None
        if call is None:
            record.delete()
            return None
        if not self.run.beat(self.owner):
            return Turn.STOPPED
        self.task.extend_lease()
        self.beaten = time.monotonic()
        record.send(digest)
        try:
            with tracing.span(f"export {record.step}", target=record.target, attempt=record.attempts):
                remote = call()
        except SlowDown as error:
            self.hasty += 1
            self.connection.hold_writes(max(error.seconds, min(60.0, 2.0 ** (self.hasty - 1)) * self._hurry()))
            with _kept(record):
                record.put_back(error, counts=False)
            self._tell()
        except NotSent as error:
            self._not_sent(record, error)
        except Lost as error:
            with _kept(record):
                record.lose(error)
            logger.warning("the answer about %s was lost: %s", record, error.message)
            self._tell()
        except Refused as error:
            if error.stops_run:  # nothing is wrong with this one thing
                with _kept(record):
                    record.put_back(error, counts=False)
                raise
            self._fail(record, error)
        else:
            self.hasty = 0
            self.failures = ("", 0)
            self._arrived(record, remote)
        return None

    def _pace(self) -> float:
        """Seconds between writes: as the connection says, slower where the tracker's limit of an hour would be met."""
        limit = self.target.most_per_hour
        pace = float(self.connection.pace)
        if limit and self.task.total > limit * 0.9 and pace:
            return max(pace, 3600 / limit)
        return pace

    def _hurry(self) -> float:
        """How long waits of our own are, against the ordinary: tests make them short."""
        return float(settings.ENGINE["RETRY_DELAY"]) / 2.0

    def _not_sent(self, record: ExportRecord, error: NotSent) -> None:
        if record.attempts >= settings.ENGINE["ATTEMPTS"]:
            self._fail(record, error)
            return
        self.connection.hold_writes(2.0**record.attempts * self._hurry())
        with _kept(record):
            record.put_back(error)

    def _fail(self, record: ExportRecord, error: ExportError) -> None:
        """Keep the failure and go on with the next; hold the run if it is always the same one."""
        with transaction.atomic():
            with _kept(record):
                record.fail(error)
            SessionError.drawn_from(
                error, self.task, entity_key=record.item_key, severity=SessionError.Severity.ITEM
            ).save()
        self._tell()
        message, count = self.failures
        self.failures = (error.message, count + 1 if message == error.message else 1)
        if self.failures[1] >= settings.ENGINE["BREAKER"]:
            with transaction.atomic(), suppress(WrongState):
                self.task.pause(f"Paused after {self.failures[1]} equal failures in a row: {error.message}")
                publish_progress(self.task, force=True)

    def _arrived(self, record: ExportRecord, remote: Remote | None) -> None:
        """The record, and what follows from it, in one transaction."""
        with transaction.atomic():
            found = {"key": remote.key, "remote_id": remote.id, "url": remote.url} if remote else {}
            with _kept(record):
                record.arrived(**found)
            self._follow(record)
        logger.info("%s is in the tracker as %s", record, record.remote_key or "part of another")
        self._tell()

    def _follow(self, record: ExportRecord) -> None:
        """A ticket that is in the tracker is exported, its overlong text is next, and it may be below its epic."""
        self.session.errors.filter(
            entity_key=record.item_key, operation_stage=self.task.task_type, resolved_at__isnull=True
        ).update(resolved_at=timezone.now())
        ticket = record.ticket
        if record.step != Step.ISSUE or ticket is None or not record.is_there:
            return
        try:
            draft = self._draft(record)
        except Refused:  # edited or deleted while it was sent
            return
        with suppress(WrongState, StaleEdit):
            if ticket.status == Ticket.Status.APPROVED:
                ticket.move_to(Ticket.Status.EXPORTED, seen_version=ticket.version)
        for part in self.target.parts(draft):
            _, new = ExportRecord.objects.get_or_create(
                session=self.session,
                connection=self.connection,
                step=Step.ATTACHMENT,
                item_key=record.item_key,
                other_key=part.name,
                link_kind="",
                defaults={
                    "task": self.task,
                    "ticket": ticket,
                    "target": record.target,
                    "phase": STEP_ORDER[Step.ATTACHMENT],
                    "position": record.position,
                    "title": f"The rest of {ticket.short_key}",
                },
            )
            if new:
                SessionTask.objects.filter(pk=self.task.pk).update(total=F("total") + 1)
        if self.target.parent_at_create and draft.parent:
            self.records.pending().filter(step=Step.LINK, link_kind="parent", item_key=record.item_key).update(
                status=RecordStatus.LINKED
            )

    # What to send

    def _call_for(self, record: ExportRecord) -> tuple[Callable[[], Remote | None] | None, str]:
        """The call and the fingerprint of what it sends; None where there is nothing to send any more. Raises Refused
        where it must not be sent.
        """
        if record.step == Step.LINK:
            link = self._link(record)
            return (lambda: self.target.add_link(link)), ""
        if record.step == Step.ATTACHMENT:
            return self._call_for_part(record), ""
        draft = self._draft(record)
        payload = self.target.payload(draft)
        changes = self.target.changes(payload)
        digest = fingerprint(changes, self.target.parts(draft))
        if record.remote_key:
            remote = Remote(record.remote_key, record.remote_id, record.remote_url)
            return (lambda: self.target.update(remote, changes)), digest
        return (lambda: self.target.create(payload)), digest

    def _call_for_part(self, record: ExportRecord) -> Callable[[], None] | None:
        issue = self._remote_of(record.item_key)
        part = next((each for each in self.target.parts(self._draft(record)) if each.name == record.other_key), None)
        if part is None:
            return None

        def add() -> None:
            if not self.target.has_part(issue, part.name):
                self.target.add_part(issue, part)

        return add

    def _draft(self, record: ExportRecord) -> Draft:
        """As the ticket is now: one that was edited since the export began is nobody's approved text."""
        if record.item_key.startswith(EPIC):
            return draft_of_epic(self.session, record.item_key.removeprefix(EPIC))
        ticket = Ticket.objects.filter(pk=record.ticket_id).first() if record.ticket_id else None
        if ticket is None:
            raise Refused("The ticket was deleted.")
        if ticket.status not in CANDIDATES:
            raise Refused(f"{ticket.short_key} is no longer approved. Approve it and export again.")
        record.ticket = ticket
        parent = ""
        if self.connection.options.get("epics"):
            epic = self._issue_record(EPIC + ticket.entity_group)
            parent = epic.remote_key if epic else ""
        return draft_of_ticket(self.session, ticket, parent)

    def _issue_record(self, item_key: str) -> ExportRecord | None:
        return ExportRecord.objects.filter(
            session=self.session, connection=self.connection, step__in=ISSUES, item_key=item_key
        ).first()

    def _remote_of(self, item_key: str) -> Remote:
        record = self._issue_record(item_key)
        if record is None or not record.remote_key:
            name = record.title.partition(" ")[0] if record else "A ticket"
            raise Refused(f"{name} is not in the tracker (yet). Settle it, then export again.")
        return Remote(record.remote_key, record.remote_id, record.remote_url)

    def _link(self, record: ExportRecord) -> Link:
        return Link(record.link_kind, self._remote_of(record.item_key), self._remote_of(record.other_key))

    # What may be there already

    def _adopt(self) -> None:
        """Issues of this session that the tracker has and we do not know of: from a database that was restored, or a
        connection that was deleted and made anew. Without this look nothing new is made.
        """
        pending = list(self.records.pending().filter(step__in=ISSUES, remote_key="", attempts=0))
        if not pending:
            return
        found = self._patiently(lambda: self.target.find(common_label(self.session), [each.label for each in pending]))
        for record in pending:
            if record.label in found:
                self._adopt_one(record, found[record.label])

    def _patiently(self, ask: Callable[[], dict[str, Remote]]) -> dict[str, Remote]:
        """Ask for something, several times if need be. Raises the last error."""
        for attempt in range(1, int(settings.ENGINE["ATTEMPTS"])):
            try:
                return ask()
            except SlowDown as error:
                self._pause(error.seconds)
            except (NotSent, Lost):
                self._pause(2.0**attempt * self._hurry())
        return ask()

    def _adopt_one(self, record: ExportRecord, remote: Remote) -> None:
        with transaction.atomic():
            with _kept(record):
                record.adopt(key=remote.key, remote_id=remote.id, url=remote.url)
            self._follow(record)
        self._tell()

    def _found(self, labels: list[str]) -> dict[str, Remote] | None:
        """None, if the tracker cannot be asked now. Raises Refused where it does not know us."""
        try:
            return self.target.find(common_label(self.session), labels)
        except SlowDown as error:
            self.connection.hold_writes(error.seconds)
        except (NotSent, Lost) as error:
            logger.warning("the tracker cannot be searched now: %s", error.message)
        return None

    def _until_next_look(self) -> float:
        every = float(settings.EXPORT["LOOKUP_EVERY"])
        return max(0.0, self.looked_at + every - time.monotonic())

    def _is_settling_time(self) -> bool:
        return self._until_next_look() == 0.0

    def _settle(self) -> None:
        """Look once for all that is unknown; ask a person about what was looked for long enough."""
        if not self._is_settling_time():
            return
        self.looked_at = time.monotonic()
        unknown = list(self.records.unsettled().in_order())
        issues = [record for record in unknown if record.step in ISSUES]
        found = self._found([record.label for record in issues]) if issues else {}
        for record in unknown:
            if record.step not in ISSUES:
                self._settle_detail(record)
            elif found and record.label in found:
                self._adopt_one(record, found[record.label])
            elif self._looked_long_enough(record, 1.0 if found is not None else 10.0):
                record.ask()
                self._tell()

    def _looked_long_enough(self, record: ExportRecord, times: float = 1.0) -> bool:
        since = record.unknown_at or timezone.now()
        return (timezone.now() - since).total_seconds() >= times * settings.EXPORT["LOOKUP_SECONDS"]

    def _settle_detail(self, record: ExportRecord) -> None:
        """Links and texts are read from the issue itself, which does not lag; to make a link twice does no harm, and a
        text that is not there after a minute will not come any more.
        """
        try:
            there = self._is_there(record)
        except Refused as error:
            if error.stops_run:
                raise
            self._fail(record, error)
            return
        except TrackerError:
            return
        if there:
            self._arrived(record, None)
        elif record.attempts >= settings.ENGINE["ATTEMPTS"]:
            self._fail(record, Lost("The tracker's answers were lost each time, and it does not have this."))
        elif record.step == Step.LINK or self._looked_long_enough(record):
            with _kept(record):
                record.send_again()

    def _is_there(self, record: ExportRecord) -> bool:
        if record.step == Step.LINK:
            return self.target.has_link(self._link(record))
        return self.target.has_part(self._remote_of(record.item_key), record.other_key)

    # Telling

    def _tell(self) -> None:
        """Counts on the task, and a message to whoever watches."""
        mine = self.records
        done, failed = mine.filter(status__in=THERE).count(), mine.filter(status=RecordStatus.FAILED).count()
        failed += mine.questions().count()
        SessionTask.objects.filter(pk=self.task.pk, total__gte=done + failed).update(done=done, failed=failed)
        current = mine.pending().in_order().first()
        stages = {
            Step.EPIC: "Making epics",
            Step.ISSUE: "Sending tickets",
            Step.ATTACHMENT: "Sending long texts",
            Step.LINK: "Linking tickets",
        }
        stage = stages[Step(current.step)] if current else "Looking for what is unknown"
        publish_progress(self.task, stage=f"{stage} ({self.connection.name})")
        if self.on_progress:
            self.on_progress(self.task)
