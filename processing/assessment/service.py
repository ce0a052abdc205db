"""Making, starting and stopping batches: the same for pages, API and events."""

from __future__ import annotations

import csv
import io
import math
import secrets
import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from processing.engine.queue import enqueue
from processing.llm.registry import PROVIDERS
from sessions_app.correlation import correlation_id as current_correlation_id
from sessions_app.errors import AppError, InvalidUpload, WrongState
from sessions_app.models import AuditEvent, Session, Workspace
from sessions_app.models.tickets import Ticket
from sessions_app.parsing.encodings import decode
from sessions_app.parsing.tables import UnreadableFile

from . import events, generating, progress
from .comparing.design import pairs_of
from .models import AssessedItem, AssessmentBatch
from .models.batches import LONGEST_TEXT, MOST_COMPARISONS, MOST_ITEMS, TERMINAL, State

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser | None

OFFLINE: dict[str, str] = {"kind": "model", "provider": "offline", "model": ""}
DAY = 24 * 3600
FARTHEST_ANCHOR = 100


@extend_schema_serializer(component_name="AssessmentText")
class ItemSerializer(serializers.Serializer[Any]):
    """One text. ``essay_id`` is what you call it; ``writer`` the model that wrote it, if one did ("openai gpt-5");
    ``anchor_score`` its score in an earlier assessment, to link both scales.
    """

    essay_id = serializers.CharField(max_length=240)
    text_content = serializers.CharField(max_length=LONGEST_TEXT)
    title = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    writer = serializers.CharField(max_length=170, required=False, allow_blank=True, default="")
    anchor_score = serializers.FloatField(
        min_value=-FARTHEST_ANCHOR, max_value=FARTHEST_ANCHOR, required=False, allow_null=True, default=None
    )


@extend_schema_serializer(component_name="AssessmentJudge")
class JudgeSerializer(serializers.Serializer[Any]):
    """``kind``: model, outside (results come by signed callback) or person (on the page). Models: provider, model."""

    kind = serializers.ChoiceField(["model", "outside", "person"])
    provider = serializers.ChoiceField(list(PROVIDERS), required=False, default="offline")
    model = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] != "model":
            return {"kind": attrs["kind"]}
        return dict(attrs)


class BatchSerializer(serializers.Serializer[Any]):
    """A batch to be made. Left out: the usual budget, one offline judge, thresholds as configured."""

    title = serializers.CharField(max_length=200)
    question = serializers.CharField(max_length=1000)
    outside_id = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    items = ItemSerializer(many=True)
    judges = JudgeSerializer(many=True, required=False)
    both_orders = serializers.BooleanField(required=False, default=False)
    adaptive = serializers.BooleanField(required=False, default=False)
    overlap = serializers.FloatField(min_value=0, max_value=1, required=False, default=0.0)
    total_budget = serializers.IntegerField(
        min_value=1, max_value=MOST_COMPARISONS, required=False, allow_null=True, default=None
    )
    target_reliability = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True, default=None)
    completion_threshold_pct = serializers.IntegerField(min_value=1, max_value=100, required=False)
    min_success_rate = serializers.FloatField(min_value=0, max_value=1, required=False)
    grace_seconds = serializers.IntegerField(min_value=0, max_value=30 * DAY, required=False)
    timeout_seconds = serializers.IntegerField(min_value=60, max_value=90 * DAY, required=False)
    budget = serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=0, required=False, allow_null=True, default=None
    )

    def validate_items(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not 2 <= len(items) <= MOST_ITEMS:
            raise serializers.ValidationError(f"It takes 2 to {MOST_ITEMS:,} texts.")
        names = [item["essay_id"] for item in items]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise serializers.ValidationError(f"“{twice[:60]}” is there twice.")
        return items

    def validate_judges(self, judges: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(judges) > 8:
            raise serializers.ValidationError("At most eight judges.")
        return judges


def from_event(data: dict[str, Any]) -> dict[str, Any]:
    """CJAssessmentRequestV1 in the words of :class:`BatchSerializer`; the seed's and ours may both be used."""
    asked = dict(data)
    renamed = {"bos_batch_id": "outside_id", "essays": "items", "essays_for_cj": "items", "entity_ref": "outside_id"}
    for theirs, ours in renamed.items():
        if theirs in asked and ours not in asked:
            asked[ours] = asked.pop(theirs)
    asked.setdefault("title", f"Batch {str(asked.get('outside_id', ''))[:150]}".strip())
    asked.setdefault("question", asked.get("assignment") or asked.get("criterion") or "Which text is better?")
    if not asked.get("judges"):
        asked["judges"] = [{"kind": "outside"}]
    return asked


def create_batch(
    workspace: Workspace,
    values: dict[str, Any],
    *,
    by: Person = None,
    source: str = "api",
    session: Session | None = None,
    kind: str = AssessmentBatch.Kind.RANKING,
    correlation_id: uuid.UUID | None = None,
    and_start: bool = False,
    variants: list[dict[str, str]] | None = None,
) -> tuple[AssessmentBatch, bool]:
    """(The batch, whether it is new): an outside id that was used before gives the batch of that time.

    ``values`` as :class:`BatchSerializer` validates them; items may carry ticket, ticket_version, variant, pair_key.
    """
    outside_id = values.get("outside_id", "")
    known = AssessmentBatch.objects.filter(workspace=workspace, outside_id=outside_id) if outside_id else None
    if known is not None and (batch := known.first()) is not None:
        return batch, False
    try:
        with transaction.atomic():
            batch = AssessmentBatch(
                workspace=workspace,
                session=session,
                kind=kind,
                source=source,
                event_correlation_id=correlation_id or uuid.uuid4(),
                variants=variants or [],
                created_by_id=by.pk if by is not None else None,
            )
            _write(batch, values)
            if and_start:
                generating.start(batch)
    except IntegrityError:
        if known is None or (there := known.first()) is None:
            raise
        return there, False
    return batch, True


def _write(batch: AssessmentBatch, values: dict[str, Any]) -> None:
    """Fill in what was asked for, and save the batch with its texts."""
    items = values["items"]
    judges = values.get("judges") or [OFFLINE]
    people = any(judge["kind"] == "person" for judge in judges)
    configured = settings.ASSESSMENT
    batch.title, batch.question = values["title"], values["question"]
    batch.outside_id = values.get("outside_id", "")
    batch.judges = [dict(judge) for judge in judges]
    batch.both_orders = values.get("both_orders", False)
    batch.adaptive = values.get("adaptive", False) and batch.kind == AssessmentBatch.Kind.RANKING and len(items) > 2
    batch.overlap = values.get("overlap", 0.0) if len(judges) > 1 else 0.0
    batch.target_reliability = values.get("target_reliability")
    batch.item_count = len(items)
    batch.completion_threshold_pct = values.get("completion_threshold_pct", configured["COMPLETION_THRESHOLD_PCT"])
    batch.min_success_rate = values.get("min_success_rate", configured["MIN_SUCCESS_RATE_THRESHOLD"])
    batch.grace_seconds = values.get("grace_seconds", DAY if people else configured["GRACE"])
    batch.timeout_seconds = values.get("timeout_seconds", 14 * DAY if people else configured["TIMEOUT"])
    batch.budget = values.get("budget")
    batch.chance_seed = secrets.randbelow(2**31 - 1)
    batch.request_id = current_correlation_id.get()[:64]
    batch.total_budget = _budget(batch, values.get("total_budget"), len(items))
    batch.save(force_insert=True)
    AssessedItem.objects.bulk_create(
        [
            AssessedItem(
                batch=batch,
                number=number,
                outside_ref=item["essay_id"],
                title=item.get("title", "")[:255],
                text_content=item["text_content"],
                ticket_id=item.get("ticket"),
                ticket_version=item.get("ticket_version"),
                writer=item.get("writer", ""),
                variant=item.get("variant", ""),
                pair_key=item.get("pair_key", ""),
                anchor_score=item.get("anchor_score"),
            )
            for number, item in enumerate(items)
        ],
        batch_size=500,
    )
    AuditEvent.record(
        "assessment.created",
        batch.workspace,
        by=batch.created_by,
        details={"assessment": str(batch.pk), "texts": len(items)},
    )


def _budget(batch: AssessmentBatch, wanted: int | None, items: int) -> int:
    """What was asked for, else the usual; never more than there are pairs, nor too few to join all texts."""
    if batch.kind == AssessmentBatch.Kind.AB or wanted is None:
        return generating.usual_budget(batch, items)
    most = int(pairs_of(items) * generating.copies(batch))
    least = min(most, items)
    if wanted < least:
        raise TooSmallBudget(f"{items} texts need at least {least} comparisons to be joined to one scale.")
    return min(wanted, most, MOST_COMPARISONS)


class TooSmallBudget(AppError):
    """The comparisons would leave texts unjoined."""

    code = "budget_too_small"
    http_status = 422
    recovery_actions = ("Allow more comparisons, or take fewer texts.",)


def start(batch: AssessmentBatch, *, by: Person = None) -> None:
    """Raises WrongState where it was started before."""
    generating.start(batch)
    AuditEvent.record("assessment.started", batch.workspace, by=by, details={"assessment": str(batch.pk)})


def cancel(batch: AssessmentBatch, *, by: Person = None) -> None:
    """Stop; results that still come are counted and change nothing. Raises WrongState where it has ended."""
    with transaction.atomic():
        batch.move_to(State.CANCELLED)
        events.publish_assessment_failed(
            batch, failure_data=events.failed_envelope(batch), correlation_id=batch.event_correlation_id
        )
        progress.announce(batch)
        AuditEvent.record("assessment.cancelled", batch.workspace, by=by, details={"assessment": str(batch.pk)})


def go_on(batch: AssessmentBatch, *, by: Person = None) -> None:
    """Models work again after a person mended what held them. Raises WrongState where nothing does."""
    with transaction.atomic():
        held = AssessmentBatch.objects.filter(pk=batch.pk).exclude(hold_reason="").exclude(state__in=TERMINAL)
        if not held.update(hold_reason="", equal_failures=0, last_failure_cause=""):
            raise WrongState("Nothing holds this assessment.")
        batch.refresh_from_db()
        progress.announce(batch)
    enqueue(generating.JUDGE, str(batch.pk), queue="llm")
    AuditEvent.record("assessment.resumed", batch.workspace, by=by, details={"assessment": str(batch.pk)})


def delete(batch: AssessmentBatch, *, by: Person = None) -> None:
    """Away with a batch and all that was judged. Raises WrongState while it is under way: cancel it first."""
    if batch.state not in (State.PENDING, *TERMINAL):
        raise WrongState("This assessment is under way.", recovery_actions=("Cancel it first.",))
    details = {"assessment": str(batch.pk), "title": batch.title[:100]}
    AuditEvent.record("assessment.deleted", batch.workspace, by=by, details=details)
    batch.delete()


# Where texts come from


def texts_of_tickets(tickets: list[Ticket]) -> list[dict[str, Any]]:
    """Tickets as texts. Judges see title and description, and neither number nor writer."""
    return [
        {
            "essay_id": ticket.short_key,
            "title": ticket.title,
            "text_content": f"{ticket.title}\n\n{ticket.description}"[:LONGEST_TEXT],
            "writer": f"{ticket.provider} {ticket.llm_model}".strip(),
            "ticket": ticket.pk,
            "ticket_version": ticket.version,
        }
        for ticket in tickets
    ]


def texts_of_two(one: Session, other: Session) -> list[dict[str, Any]]:
    """The tickets about the same entities in two sessions: those of the first as variant A, of the second as B."""
    keys = {ticket.key: ticket for ticket in one.tickets.in_backlog().in_order()}
    pairs = [(keys[ticket.key], ticket) for ticket in other.tickets.in_backlog().in_order() if ticket.key in keys]
    items = []
    for mine, theirs in pairs:
        for variant, ticket in (("A", mine), ("B", theirs)):
            item = texts_of_tickets([ticket])[0]
            items.append(
                {**item, "essay_id": f"{variant}:{ticket.key}"[:240], "variant": variant, "pair_key": ticket.key}
            )
    return items


def texts_of_csv(data: bytes) -> list[dict[str, Any]]:
    """A table with a column ``text`` (or text_content), and if you like id, title, writer, anchor_score.

    Raises InvalidUpload that names the row.
    """
    try:
        text = decode(data)[0].replace("\x00", "")
    except UnreadableFile as error:
        raise InvalidUpload(str(error)) from None
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_TEXT * 4))
    try:
        first = text.split("\n", 1)[0]
        rows = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count)))
    except csv.Error as error:
        raise InvalidUpload(f"The table cannot be read: {error}.") from None
    if not rows:
        raise InvalidUpload("The file is empty.")
    header = [name.strip().lower() for name in rows[0]]
    places = {name: header.index(theirs) for name, theirs in _columns(header).items()}
    if "text_content" not in places:
        raise InvalidUpload("There is no column “text”. The first row has to name the columns: id, text.")
    items = []
    for number, row in enumerate(rows[1:], start=1):
        cells = {name: row[place].strip() for name, place in places.items() if place < len(row)}
        if not cells.get("text_content"):
            if any(cells.values()):
                raise InvalidUpload(f"Row {number} has no text.")
            continue
        items.append(_item(number, cells))
    return items


def _columns(header: list[str]) -> dict[str, str]:
    """Our name -> theirs, for the columns that are there."""
    names = {
        "essay_id": ("essay_id", "id", "key", "name"),
        "text_content": ("text_content", "text", "essay", "content"),
        "title": ("title",),
        "writer": ("writer", "model"),
        "anchor_score": ("anchor_score", "anchor"),
    }
    found = {ours: next((each for each in theirs if each in header), None) for ours, theirs in names.items()}
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def _item(number: int, cells: dict[str, str]) -> dict[str, Any]:
    if len(cells["text_content"]) > LONGEST_TEXT:
        raise InvalidUpload(f"The text of row {number} has more than {LONGEST_TEXT:,} characters.")
    anchor = cells.get("anchor_score", "")
    try:
        score = float(anchor.replace(",", ".")) if anchor else None
    except ValueError:
        score = math.nan
    if score is not None and not abs(score) <= FARTHEST_ANCHOR:
        raise InvalidUpload(f"Row {number}: “{anchor[:20]}” is no score from -{FARTHEST_ANCHOR} to {FARTHEST_ANCHOR}.")
    return {
        "essay_id": (cells.get("essay_id") or f"text-{number}")[:240],
        "title": cells.get("title", "")[:255],
        "text_content": cells["text_content"],
        "writer": cells.get("writer", "")[:170],
        "anchor_score": score,
    }


def texts_of_paste(text: str) -> list[dict[str, Any]]:
    """Texts with a line of three dashes or more between them."""
    found: list[str] = []
    lines: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\x00", "").split("\n"), "---"]:
        if len(line.strip()) >= 3 and not line.strip().strip("-"):
            if body := "\n".join(lines).strip():
                found.append(body)
            lines = []
        else:
            lines.append(line)
    return [
        {"essay_id": f"text-{number}", "title": body.split("\n", 1)[0][:80], "text_content": body}
        for number, body in enumerate(found, start=1)
    ]
