"""What has to hold once all is settled, whatever was killed. Each check is one row of the table; it reads, and changes
nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet

from processing.assessment.models import AssessmentBatch, AssessmentEvent, ComparisonPair, EventDelivery
from processing.assessment.models.batches import TERMINAL as BATCH_OVER
from processing.enhancement.models import EnhancementAttempt, EnhancementHistory, WriteBack
from processing.enhancement.writeback.fake import FakeServiceDesk
from processing.export.fakes.github import FakeGitHub
from processing.export.fakes.jira import FakeJira
from processing.models import (
    ExportRecord,
    LLMCall,
    MetricSample,
    OutboxEvent,
    SessionTask,
    SetAside,
    WebhookDelivery,
    WorkItem,
)
from processing.models.exports import THERE, ExportRun, Step
from sessions_app.models import Session, Ticket

from .load import Backlog, Judged
from .onlookers import Onlooker
from .strokes import Stroke

WRITTEN_WITHIN: Final = 4.0
"""Seconds from an answer until it has to be in the ledger, on a machine that is busy starting what was killed."""
LOSES_ANSWERS: Final = ("work-horse", "worker", "model server", "PostgreSQL")
EXPECTED_ERRORS: Final = re.compile(
    r"^(redis\.exceptions\.\w+|(django\.db(\.utils)?|psycopg(\.errors)?)\.(OperationalError|InterfaceError|AdminShutdown|"
    r"CannotConnectNow|CrashShutdown|ConnectionException)|\w*Connection\w*Error|BrokenPipeError|TimeoutError|"
    r"asyncio\.exceptions\.(CancelledError|IncompleteReadError|TimeoutError)|OSError|autobahn\.exception\.Disconnected|KeyboardInterrupt|SystemExit)\b"
)


@dataclass(frozen=True, slots=True)
class Row:
    """``expected`` and ``found`` are numbers or words; ``note`` says more."""

    invariant: str
    expected: Any
    found: Any
    holds: bool
    note: str = ""


def same(invariant: str, expected: Any, found: Any, note: str = "") -> Row:
    return Row(invariant, expected, found, expected == found, note)


def none(invariant: str, found: Iterable[Any]) -> Row:
    """Nothing of that kind; the first five are noted."""
    listed = [str(each) for each in found]
    return Row(invariant, 0, len(listed), not listed, "\n".join(listed[:5]))


@dataclass
class Evidence:
    """What the drill saw from outside. Left out, a check has nothing to compare with and holds for nothing."""

    backlogs: Sequence[Backlog] = ()
    onlookers: Sequence[Onlooker] = ()
    jobs: dict[str, str] = field(default_factory=dict)
    assessments: Sequence[Judged] = ()
    failures: Sequence[str] = ()
    strokes: Sequence[Stroke] = ()
    jira: FakeJira = field(default_factory=FakeJira)
    github: FakeGitHub = field(default_factory=FakeGitHub)
    desk: FakeServiceDesk = field(default_factory=FakeServiceDesk)
    calls: Sequence[dict[str, Any]] = ()
    received: Counter[str] = field(default_factory=Counter)
    left_processes: Sequence[str] = ()
    logs: Path | None = None


def all_rows(seen: Evidence) -> list[Row]:
    return [row for check in CHECKS for row in check(seen)]


def nobody_failed(seen: Evidence) -> Iterator[Row]:
    yield none("people and systems that could not go on", seen.failures)
    yield none("sessions that did not come to their end", [each.name for each in seen.backlogs if not each.is_done])


# Import and generation


def tickets(seen: Evidence) -> Iterator[Row]:
    mine = {each.session_id: each for each in seen.backlogs}
    rows = Session.objects.filter(pk__in=mine).annotate(
        written=Count("tickets", distinct=True), keys=Count("tickets__key", distinct=True)
    )
    counted = {str(row.pk): (row.written, row.keys) for row in rows}
    yield same(
        "one ticket per entity, none lost: sessions, tickets",
        (len(mine), sum(each.entities for each in seen.backlogs)),
        (len(counted), sum(keys for _, keys in counted.values())),
    )
    yield none(
        "sessions with more or fewer tickets than entities",
        [f"{mine[key].name}: {found}" for key, found in counted.items() if found != (mine[key].entities,) * 2],
    )
    twice = Ticket.objects.values("session", "number").annotate(times=Count("pk")).filter(times__gt=1)
    yield none("ticket numbers that were given twice", twice)
    files = Session.objects.filter(pk__in=mine).annotate(count=Count("files"))
    yield none(
        "sessions with a file imported twice, or not at all",
        [f"{row.site_name}: {row.count}" for row in files if row.count != len(mine[str(row.pk)].files)],
    )


def tasks(seen: Evidence) -> Iterator[Row]:
    over = SessionTask.objects.filter(status__in=("completed", "completed_with_errors"))
    yield none("finished runs where done + failed is not the total", over.exclude(total=F("done") + F("failed")))
    yield none("runs whose counters are not their counted items", _miscounted_runs())
    yield none("exports whose counters are not their counted records", _miscounted_exports())
    yield none("unfinished tasks", SessionTask.objects.unfinished())
    yield none("items that are claimed or wait", WorkItem.objects.open())
    yield none("exports that a worker holds", ExportRun.objects.filter(owner__isnull=False))
    yield none("money that is set aside", SetAside.objects.standing())


def _miscounted_runs() -> Iterator[str]:
    runs = SessionTask.objects.exclude(task_type="export").annotate(
        is_done=Count("items", filter=Q(items__status__in=("done", "skipped"))),
        is_failed=Count("items", filter=Q(items__status="failed")),
    )
    for run in runs.filter(~Q(done=F("is_done")) | ~Q(failed=F("is_failed"))):
        yield f"{run.pk}: {run.done}, {run.failed} but {run.is_done}, {run.is_failed}"


def _miscounted_exports() -> Iterator[str]:
    """Only the last export of a session and tracker: an earlier one's records are counted by the later ones."""
    latest: dict[tuple[Any, Any], ExportRun] = {}
    for run in ExportRun.objects.select_related("task").order_by("task__created_at"):
        latest[run.task.session_id, run.connection_id] = run
    for run in latest.values():
        if run.task.done + run.task.failed != run.task.total:
            yield f"{run.task_id}: {run.task.done} + {run.task.failed} of {run.task.total}"


def messages(seen: Evidence) -> Iterator[Row]:
    said = OutboxEvent.objects.values("task_id").annotate(
        last_words=Count("pk", filter=Q(is_terminal=True)), count=Count("pk")
    )
    numbered = {row["task_id"]: row for row in said}
    every = SessionTask.objects.all()
    yield none(
        "tasks without exactly one last word",
        [task for task in every if numbered.get(task.pk, {}).get("last_words") != 1],
    )
    yield none(
        "tasks whose messages are not numbered from 1 to the last",
        [task for task in every if numbered.get(task.pk, {}).get("count") != task.seq],
    )
    yield none("messages that Redis never got", OutboxEvent.objects.unsent())
    watched = [(each, task) for each in seen.onlookers for task in each.heard]
    whole = {str(task): row["count"] for task, row in numbered.items()}
    yield none(
        "sockets: gaps, doubles, ends that never came", [wrong for each in seen.onlookers for wrong in each.wrongs]
    )
    yield same(
        "sockets: tasks watched from the first message to the last",
        len(every),
        sum(
            each.heard[task] == list(range(1, whole.get(task, 0) + 1)) and each.last_words[task] == 1
            for each, task in watched
        ),
        f"{sum(each.connections for each in seen.onlookers)} connections, "
        f"{sum(each.resyncs for each in seen.onlookers)} new starts from a snapshot",
    )


def money(seen: Evidence) -> Iterator[Row]:
    answered = [call for call in seen.calls if call["outcome"] == "ok"]
    first: dict[str, dict[str, Any]] = {}
    again, unexplained = 0, []
    for call in answered:
        before = first.get(call["digest"])
        if before is None:
            first[call["digest"]] = call
            continue
        again += 1
        if not _may_be_lost(before["at"], seen.strokes):
            unexplained.append(f"{call['asked']}, {call['at'] - before['at']:.1f} s after the first")
    yield none("answers paid for twice that no kill explains", unexplained)
    ledger = LLMCall.objects.filter(provider="compatible", outcome="ok")
    kept = ledger.count()
    yield Row(
        "answers in the ledger: none that was not given",
        f"<= {len(answered)}",
        kept,
        kept <= len(answered),
        f"{len(seen.calls)} calls, {len(answered)} answered, {again} of them once more after a kill",
    )
    done = WorkItem.objects.filter(status="done", task__task_type="processing", task__provider="compatible")
    keys = set(ledger.values_list("entity_key", flat=True))
    yield none(
        "tickets whose answer is not in the ledger",
        [item for item in done.select_related("task") if item.key not in keys],
    )


def _may_be_lost(at: float, strokes: Sequence[Stroke]) -> bool:
    """An answer that was on its way, or not in the ledger yet, when something was struck that had it."""
    return any(
        stroke.began - WRITTEN_WITHIN <= at <= stroke.ended + WRITTEN_WITHIN
        for stroke in strokes
        if stroke.name.startswith(LOSES_ANSWERS)
    )


# Export


def exports(seen: Evidence) -> Iterator[Row]:
    records = ExportRecord.objects.select_related("session", "ticket")
    things = records.filter(step__in=(Step.EPIC, Step.ISSUE))
    for target, labels in (("jira", _labels_in_jira(seen.jira)), ("github", _labels_in_github(seen.github))):
        wanted = set(things.filter(target=target).values_list("label", flat=True))
        yield same(f"{target}: one issue per ticket", len(wanted), sum(labels[label] for label in wanted))
        yield none(f"{target}: issues made twice", [label for label, times in labels.items() if times > 1])
        yield none(f"{target}: issues of no record", labels.keys() - wanted)
    yield from _links(records.filter(step=Step.LINK), seen)
    keys = {("jira", key) for key in seen.jira.issues} | {("github", str(number)) for number in seen.github.issues}
    there = things.filter(status__in=THERE)
    yield none(
        "records of issues that the tracker does not have",
        [record for record in there if (record.target, record.remote_key.rpartition("#")[2]) not in keys],
    )
    yield none("records in flight", records.filter(status="in_flight"))
    yield none("records unknown, with nobody to answer", records.filter(status="unknown"))
    yield none("records waiting or failed", records.filter(status__in=("pending", "failed")))
    yield same(
        "tickets of sessions that were exported",
        Ticket.objects.filter(session__export_records__isnull=False).distinct().count(),
        Ticket.objects.filter(status="exported").count(),
    )


def _labels_in_jira(jira: FakeJira) -> Counter[str]:
    return Counter(label for issue in jira.issues.values() for label in issue.fields["labels"] if _OWN.fullmatch(label))


def _labels_in_github(github: FakeGitHub) -> Counter[str]:
    return Counter(label for issue in github.issues.values() for label in set(_OWN.findall(issue.body)))


_OWN: Final = re.compile(r"ticketgen-[0-9a-f]{8}-[0-9a-f]{10}")
"""The label of one issue, not the one that all of a session share."""


def _links(links: QuerySet[ExportRecord], seen: Evidence) -> Iterator[Row]:
    told = Counter(links.filter(status__in=THERE).values_list("target", flat=True))
    blocked = [(issue.number, other) for issue in seen.github.issues.values() for other in issue.blocked_by]
    yield same("jira: links, each once", told["jira"], len(set(seen.jira.links)))
    yield same("github: links, each once", told["github"], len(set(blocked)))


# Help desk


def enhancements(seen: Evidence) -> Iterator[Row]:
    runs = EnhancementHistory.objects.all()
    yield same(
        "help desk: one run per job", len(seen.jobs), runs.count(), f"{WebhookDelivery.objects.count()} deliveries"
    )
    yield none("help desk: jobs without a run", seen.jobs.keys() - set(runs.values_list("job_id", flat=True)))
    yield none("help desk: runs that are not finished", runs.open())
    lost = runs.filter(status="failed")
    yield none("help desk: runs that failed", [f"{run.job_id}: {run.error_code} {run.error_message}" for run in lost])
    yield none("help desk: attempts without an end", EnhancementAttempt.objects.filter(outcome="running"))
    completed = runs.filter(status="completed").count()
    yield same("help desk: figures counted as rows", completed, _figure("enhancement_tasks", "completed"))
    yield same("help desk: one note per ticket", len(seen.jobs), sum(len(notes) for notes in seen.desk.notes.values()))
    yield none("help desk: tickets with two notes", [key for key, notes in seen.desk.notes.items() if len(notes) > 1])
    unwritten = WriteBack.objects.exclude(status="written")
    yield none(
        "help desk: notes not written", [f"{note.ticket_id} {note.status} {note.error_message}" for note in unwritten]
    )


def _figure(name: str, label: str) -> int:
    rows = MetricSample.objects.filter(name=name, labels__contains=f'"{label}"')
    return int(sum(row.value for row in rows))


# Comparative judgement


def assessments(seen: Evidence) -> Iterator[Row]:
    batches = AssessmentBatch.objects.all()
    yield same("assessments: one batch per request", len(seen.assessments), batches.count())
    yield none("assessments that have no end", batches.exclude(state__in=BATCH_OVER))
    yield none(
        "assessments that failed", [f"{each.title}: {each.error_message}" for each in batches.filter(state="FAILED")]
    )
    yield none("assessments whose counters are not their counted pairs", _miscounted_batches())
    last = AssessmentEvent.objects.filter(is_terminal=True)
    yield same("assessments: one last event each", batches.count(), last.count())
    yield none("assessments with two last events", last.values("batch").annotate(n=Count("pk")).filter(n__gt=1))
    winners = {str(key): said for key, said in ComparisonPair.objects.values_list("request_correlation_id", "winner")}
    yield none(
        "results from outside that are not the first that was counted",
        [
            f"{each.name} {request}: {winners.get(request)} for {winner}"
            for each in seen.assessments
            for request, winner in each.winners.items()
            if winners.get(request) != winner
        ],
    )
    outside = ComparisonPair.objects.filter(judge_kind="outside", completed_at__isnull=False).count()
    yield same("results from outside: each counted once", sum(len(each.winners) for each in seen.assessments), outside)
    yield none("events that were not relayed", AssessmentEvent.objects.filter(relayed_at__isnull=True))
    yield none("event deliveries that did not arrive", EventDelivery.objects.exclude(state="delivered"))
    events = {str(key) for key in AssessmentEvent.objects.values_list("pk", flat=True)}
    yield same("events at their receiver, each at least once", len(events), len(events & seen.received.keys()))


def _miscounted_batches() -> Iterator[str]:
    judged, wrong = Q(comparison_pairs__completed_at__isnull=False), Q(comparison_pairs__winner="error")
    batches = AssessmentBatch.objects.annotate(
        pairs=Count("comparison_pairs"),
        good=Count("comparison_pairs", filter=judged & ~wrong),
        bad=Count("comparison_pairs", filter=judged & wrong),
    )
    for batch in batches:
        told = (batch.total_comparisons, batch.completed_comparisons, batch.failed_comparisons)
        if told != (batch.pairs, batch.good, batch.bad):
            yield f"{batch.title}: {told} but {batch.pairs}, {batch.good}, {batch.bad}"


def open_leases(seen: Evidence) -> Iterator[Row]:
    held = [
        *WorkItem.objects.filter(status="running"),
        *EnhancementHistory.objects.filter(status="running"),
        *WriteBack.objects.filter(status="in_flight"),
        *ComparisonPair.objects.filter(
            completed_at__isnull=True, lease_owner__isnull=False, batch__state__in=("WAITING_CALLBACKS", "SCORING")
        ),
        *WebhookDelivery.objects.filter(status__isnull=True),
    ]
    yield none("open leases and deliveries of all kinds", held)


# The machine


def files(seen: Evidence) -> Iterator[Row]:
    media = Path(settings.MEDIA_ROOT)
    yield none("orphan files and folders in media", [str(path.relative_to(media)) for path in _lowest(media)])
    yield none("processes left over", seen.left_processes)


def _lowest(folder: Path) -> Iterator[Path]:
    """Files, and folders of the staging area with nothing in them."""
    for path in folder.rglob("*") if folder.exists() else ():
        if path.is_file() or (path.name != "staging" and not any(path.iterdir())):
            yield path


def logs(seen: Evidence) -> Iterator[Row]:
    found: Counter[str] = Counter()
    for log in sorted(seen.logs.glob("*.log")) if seen.logs else ():
        for error in tracebacks(log.read_text(errors="replace")):
            if not EXPECTED_ERRORS.match(error.splitlines()[-1]):
                found[f"{log.stem}: {error}"] += 1
    yield none("tracebacks other than of broken connections", found)


def tracebacks(text: str) -> Iterator[str]:
    """Each traceback's last frames and its error. Of a chain only the last counts: it is what was not expected."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if not lines[at].lstrip().startswith("Traceback (most recent call last)"):
            at += 1
            continue
        indent = len(lines[at]) - len(lines[at].lstrip())
        frames = []
        at += 1
        while at < len(lines) and lines[at].startswith(" " * (indent + 1)):
            frames.append(lines[at])
            at += 1
        error = lines[at].strip() if at < len(lines) else "broken off"
        at += 1
        following = "\n".join(lines[at : at + 3])
        if "During handling of the above exception" in following or "direct cause of the following" in following:
            continue
        yield "\n".join([*(frame.strip() for frame in frames[-4:]), error])


CHECKS: Final[tuple[Callable[[Evidence], Iterator[Row]], ...]] = (
    nobody_failed,
    tickets,
    tasks,
    messages,
    money,
    exports,
    enhancements,
    assessments,
    open_leases,
    files,
    logs,
)


def calls_in(file: Path) -> list[dict[str, Any]]:
    """The model server's notes, without a line that was broken off."""
    found = []
    for line in file.read_bytes().splitlines() if file.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
