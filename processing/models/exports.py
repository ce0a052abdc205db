"""Trackers that a workspace exports to, and the ledger of what was sent to them."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.utils import timezone

from sessions_app.errors import WrongState
from sessions_app.models import Session, Ticket, Workspace

from .encrypted import EncryptedTextField, Secret
from .tasks import SessionTask, lease

if TYPE_CHECKING:
    from processing.export.errors import ExportError

_PROJECT: Final = {
    "jira": re.compile(r"[A-Z][A-Z0-9_]{1,24}"),
    "github": re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}"),
}


class Options(TypedDict, total=False):
    """``epics``: one per group, with its tickets below; ``relates``: links between related tickets too.
    ``assignees``: group (or ``*`` for all others) -> account; ``fields``: further fields as the tracker wants them.
    """

    epics: bool
    relates: bool
    labels: list[str]
    components: list[str]
    priority: str
    assignees: dict[str, str]
    fields: dict[str, Any]


class TrackerConnection(models.Model):
    """One project of a tracker and the account to write with.

    ``token`` is encrypted and never shown again. ``project`` is a key (Jira) or owner/repository (GitHub). ``pace`` is
    the seconds between two writes; ``next_write_at`` keeps it over all workers, and holds what the tracker asked for.
    """

    class Target(models.TextChoices):
        JIRA = "jira", "Jira Cloud"
        GITHUB = "github", "GitHub Issues"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="connections")
    name = models.CharField(max_length=60)
    target = models.CharField(max_length=10, choices=Target.choices, default=Target.JIRA)
    base_url = models.URLField(max_length=300)
    account = models.CharField(max_length=200, blank=True)
    token = EncryptedTextField(blank=True, default="")
    token_hint = models.CharField(max_length=4, blank=True)
    project = models.CharField(max_length=150)
    issue_type = models.CharField(max_length=60, default="Task", blank=True)
    options = models.JSONField(default=dict, blank=True)
    pace = models.FloatField(default=1.5, validators=[MinValueValidator(0), MaxValueValidator(60)])
    next_write_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    check_result = models.CharField(max_length=300, blank=True)
    is_healthy = models.BooleanField(default=False)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            UniqueConstraint(fields=["workspace", "name"], name="one_connection_per_name_and_workspace"),
            CheckConstraint(condition=Q(target__in=["jira", "github"]), name="connection_target_is_known"),
            CheckConstraint(condition=Q(pace__gte=0), name="connection_pace_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_target_display()} {self.project})"

    def clean(self) -> None:
        """Raises ValidationError where the fields do not fit together, or the address must not be called."""
        from processing.export.errors import NotSent
        from processing.export.wire import require_allowed

        self.base_url = self.base_url.rstrip("/")
        pattern = _PROJECT.get(self.target)
        if pattern and self.project and not pattern.fullmatch(self.project):
            example = "a key such as ABC" if self.target == self.Target.JIRA else "owner/repository"
            raise ValidationError({"project": f"This has to be {example}."})
        if self.target == self.Target.JIRA and not self.account:
            raise ValidationError({"account": "Jira needs the e-mail address that the API token belongs to."})
        try:
            require_allowed(self.base_url)
        except NotSent as error:
            raise ValidationError({"base_url": error.message}) from None

    def set_token(self, token: str) -> None:
        """Replace the token (not saved yet); an empty one removes it."""
        self.token = Secret.of(token)
        self.token_hint = token[-4:] if len(token) >= 12 else ""

    def remember_check(self, sentence: str, *, healthy: bool) -> None:
        """What came of asking the tracker just now; a part of the sentence may be the tracker's."""
        told = "".join(char for char in sentence if char.isprintable())[:300]
        TrackerConnection.objects.filter(pk=self.pk).update(
            checked_at=timezone.now(), check_result=told, is_healthy=healthy
        )
        self.refresh_from_db(fields=["checked_at", "check_result", "is_healthy"])

    def reserve_write(self, pace: float, longest: float) -> float:
        """Seconds until the next write of ours may go out. It is set aside, unless it is further away than
        ``longest``.
        """
        now = timezone.now()
        with transaction.atomic():
            row = TrackerConnection.objects.select_for_update().get(pk=self.pk)
            at = max(now, row.next_write_at or now)
            wait = (at - now).total_seconds()
            if wait <= longest:
                TrackerConnection.objects.filter(pk=self.pk).update(next_write_at=at + timedelta(seconds=pace))
        return wait

    def hold_writes(self, seconds: float) -> None:
        """The tracker asked for a pause: no write of any worker before it is over."""
        until = timezone.now() + timedelta(seconds=seconds)
        TrackerConnection.objects.filter(Q(next_write_at__isnull=True) | Q(next_write_at__lt=until), pk=self.pk).update(
            next_write_at=until
        )


class ExportRun(models.Model):
    """What an export task sends where, and which worker is at it: one at a time, or issues would be made twice.

    ``only`` are records to do, all that the session has to send if empty; ``update``: send changed tickets again.
    """

    task = models.OneToOneField(SessionTask, on_delete=models.CASCADE, primary_key=True, related_name="export")
    connection = models.ForeignKey(TrackerConnection, null=True, on_delete=models.SET_NULL, related_name="runs")
    update = models.BooleanField(default=False)
    only = models.JSONField(default=list, blank=True)
    owner = models.UUIDField(null=True, blank=True)
    beaten_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"export {self.task_id} to {self.connection_id}"

    def take(self, owner: uuid.UUID) -> bool:
        """Become its only worker. False while another one gives signs of life."""
        now = timezone.now()
        free = Q(owner__isnull=True) | Q(beaten_at__lt=now - lease())
        taken = ExportRun.objects.filter(free, pk=self.pk).update(owner=owner, beaten_at=now)
        self.refresh_from_db()
        return bool(taken)

    def beat(self, owner: uuid.UUID) -> bool:
        """A sign of life; False if somebody else has taken over."""
        return bool(ExportRun.objects.filter(pk=self.pk, owner=owner).update(beaten_at=timezone.now()))

    def release(self, owner: uuid.UUID) -> None:
        ExportRun.objects.filter(pk=self.pk, owner=owner).update(owner=None, beaten_at=None)


class Step(models.TextChoices):
    EPIC = "epic", "Epic"
    ISSUE = "issue", "Issue"
    ATTACHMENT = "attachment", "Attachment"
    LINK = "link", "Link"


STEP_ORDER: Final = {Step.EPIC: 0, Step.ISSUE: 1, Step.ATTACHMENT: 2, Step.LINK: 3}


class RecordStatus(models.TextChoices):
    PENDING = "pending", "To do"
    IN_FLIGHT = "in_flight", "Being sent"
    CREATED = "created", "Created"
    LINKED = "linked", "Linked"
    UPDATED = "updated", "Updated"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"


THERE: Final = (RecordStatus.CREATED, RecordStatus.LINKED, RecordStatus.UPDATED)
OPEN_RECORD: Final = (RecordStatus.PENDING, RecordStatus.IN_FLIGHT)


class RecordQuerySet(models.QuerySet["ExportRecord"]):
    def in_order(self) -> RecordQuerySet:
        """Epics, tickets in working order, what belongs to them, links."""
        return self.order_by("phase", "position", "item_key", "other_key", "pk")

    def pending(self) -> RecordQuerySet:
        return self.filter(status=RecordStatus.PENDING)

    def there(self) -> RecordQuerySet:
        """In the tracker, as far as we know."""
        return self.filter(status__in=THERE)

    def unsettled(self) -> RecordQuerySet:
        """Perhaps in the tracker; we are still looking."""
        return self.filter(status=RecordStatus.UNKNOWN, asked_at__isnull=True)

    def questions(self) -> RecordQuerySet:
        """Perhaps in the tracker; we have looked long enough, and a person has to say."""
        return self.filter(status=RecordStatus.UNKNOWN, asked_at__isnull=False)


class ExportRecord(models.Model):
    """One thing of a session in a tracker: an epic of a group, a ticket's issue, a text too long for it, a link.

    pending -> in_flight -> created | linked | updated | failed | unknown;  in_flight -> pending where the tracker did
    nothing;  created | updated | failed | unknown -> pending to be sent (again);  unknown -> created | linked once
    found, failed once given up.

    It is written before each call, so whoever dies leaves word of what may have been done. ``item_key`` is the ticket's
    key (a ticket that is deleted and written again is the same thing) or ``epic:`` and its group; ``other_key`` is what
    a link leads to, or the name of an attachment. ``label`` is how the issue is found in the tracker. ``unknown_at``:
    since when we do not know; ``asked_at``: since when a person is asked. ``fingerprint``: of what was sent.
    """

    Step = Step
    Status = RecordStatus

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        RecordStatus.PENDING: (
            RecordStatus.IN_FLIGHT,
            RecordStatus.CREATED,
            RecordStatus.UPDATED,
            RecordStatus.FAILED,
            RecordStatus.UNKNOWN,
        ),
        RecordStatus.IN_FLIGHT: (RecordStatus.PENDING,),
        RecordStatus.CREATED: (RecordStatus.IN_FLIGHT, RecordStatus.PENDING, RecordStatus.UNKNOWN, RecordStatus.FAILED),
        RecordStatus.LINKED: (RecordStatus.IN_FLIGHT, RecordStatus.UNKNOWN),
        RecordStatus.UPDATED: (RecordStatus.IN_FLIGHT, RecordStatus.PENDING),
        RecordStatus.FAILED: (RecordStatus.PENDING, RecordStatus.IN_FLIGHT, RecordStatus.UNKNOWN),
        RecordStatus.UNKNOWN: (RecordStatus.IN_FLIGHT,),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="export_records")
    connection = models.ForeignKey(TrackerConnection, on_delete=models.CASCADE, related_name="records")
    task = models.ForeignKey(SessionTask, null=True, on_delete=models.SET_NULL, related_name="export_records")
    ticket = models.ForeignKey(Ticket, null=True, on_delete=models.SET_NULL, related_name="export_records")
    target = models.CharField(max_length=10)
    step = models.CharField(max_length=10, choices=Step.choices)
    phase = models.PositiveSmallIntegerField()
    position = models.PositiveIntegerField(default=0)
    item_key = models.CharField(max_length=240)
    other_key = models.CharField(max_length=240, blank=True)
    link_kind = models.CharField(max_length=10, blank=True)
    title = models.CharField(max_length=300, blank=True)
    label = models.CharField(max_length=50, blank=True, db_index=True)
    status = models.CharField(max_length=10, choices=RecordStatus.choices, default=RecordStatus.PENDING)
    remote_key = models.CharField(max_length=100, blank=True)
    remote_id = models.CharField(max_length=100, blank=True)
    remote_url = models.URLField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    fingerprint = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    unknown_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = RecordQuerySet.as_manager()

    class Meta:
        ordering = ["phase", "position", "item_key", "other_key"]
        indexes = [
            models.Index(fields=["task", "status", "phase", "position"]),
            models.Index(fields=["session", "connection", "step"]),
        ]
        constraints = [
            UniqueConstraint(
                fields=["connection", "session", "step", "item_key", "other_key", "link_kind"],
                name="one_record_per_thing_and_connection",
            ),
            CheckConstraint(condition=Q(step__in=["epic", "issue", "attachment", "link"]), name="record_step_is_known"),
            CheckConstraint(
                condition=Q(status__in=["pending", "in_flight", "created", "linked", "updated", "failed", "unknown"]),
                name="record_status_is_known",
            ),
            CheckConstraint(
                condition=~Q(status__in=["created", "updated"]) | ~Q(step__in=["epic", "issue"]) | ~Q(remote_key=""),
                name="what_is_created_has_a_remote_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.item_key} {self.other_key}".strip() + f" ({self.status})"

    @property
    def is_there(self) -> bool:
        return self.status in THERE

    @property
    def is_question(self) -> bool:
        """A person has to say whether the tracker has it."""
        return self.status == RecordStatus.UNKNOWN and self.asked_at is not None

    def _move(self, status: RecordStatus, *, only_from: RecordStatus | None = None, **fields: Any) -> None:
        """By compare-and-set. Raises WrongState if somebody else was faster."""
        may_come_from = (only_from,) if only_from else self.MAY_FOLLOW[status]
        moved = ExportRecord.objects.filter(pk=self.pk, status__in=may_come_from).update(
            status=status, changed_at=timezone.now(), **fields
        )
        self.refresh_from_db()
        if not moved:
            raise WrongState(f"This is {self.get_status_display().lower()} by now. Reload the page.")

    # What a worker does

    def send(self, fingerprint: str) -> None:
        """The call goes out next."""
        self._move(RecordStatus.IN_FLIGHT, fingerprint=fingerprint, attempts=F("attempts") + 1, sent_at=timezone.now())

    def arrived(self, *, key: str = "", remote_id: str = "", url: str = "") -> None:
        """It is in the tracker: the answer said so, or it was found there. ``key`` and the rest where it is new."""
        was_there = bool(self.remote_key)
        done = {Step.LINK: RecordStatus.LINKED}.get(
            Step(self.step), RecordStatus.UPDATED if was_there else RecordStatus.CREATED
        )
        is_new = key and not was_there
        found: dict[str, Any] = {"remote_key": key, "remote_id": remote_id, "remote_url": url} if is_new else {}
        self._move(done, error_code="", error_message="", unknown_at=None, asked_at=None, **found)

    def adopt(self, *, key: str, remote_id: str, url: str) -> None:
        """The tracker has it already; what it says there is not known, so the next update sends it again."""
        self._move(
            RecordStatus.CREATED,
            remote_key=key,
            remote_id=remote_id,
            remote_url=url,
            fingerprint=self.fingerprint if self.status == RecordStatus.UNKNOWN else "",
            error_code="",
            error_message="",
            unknown_at=None,
            asked_at=None,
        )

    def put_back(self, error: ExportError, *, counts: bool = True) -> None:
        """The tracker did nothing: it may be tried again. A try that was only refused for its haste costs nothing."""
        spare: dict[str, Any] = {} if counts else {"attempts": F("attempts") - 1}
        self._move(
            RecordStatus.PENDING,
            only_from=RecordStatus.IN_FLIGHT,
            error_code=error.code,
            error_message=error.message[:500],
            **spare,
        )

    def lose(self, error: ExportError) -> None:
        """Nobody knows whether the tracker has it."""
        self._move(
            RecordStatus.UNKNOWN,
            error_code=error.code,
            error_message=error.message[:500],
            unknown_at=timezone.now(),
            asked_at=None,
        )

    def fail(self, error: ExportError) -> None:
        self._move(RecordStatus.FAILED, error_code=error.code, error_message=error.message[:500])

    def ask(self) -> None:
        """Looked for long enough without finding it: a person decides."""
        ExportRecord.objects.filter(pk=self.pk, status=RecordStatus.UNKNOWN).update(asked_at=timezone.now())
        self.refresh_from_db()

    def send_again(self) -> None:
        """After a long look it is not in the tracker; nothing bad can come of it (links, texts of an issue)."""
        self._move(RecordStatus.PENDING, only_from=RecordStatus.UNKNOWN, unknown_at=None, asked_at=None)

    # What a person decides

    def retry(self) -> None:
        """Try what failed once more; look once more for what is unknown."""
        if self.status == RecordStatus.UNKNOWN:
            ExportRecord.objects.filter(pk=self.pk, status=RecordStatus.UNKNOWN).update(
                asked_at=None, unknown_at=timezone.now()
            )
            self.refresh_from_db()
            return
        self._move(RecordStatus.PENDING, only_from=RecordStatus.FAILED, attempts=0, error_code="", error_message="")

    def create_anyway(self) -> None:
        """A person looked: the tracker does not have it, or no longer."""
        is_gone = self.status == RecordStatus.FAILED and self.error_code == "tracker_not_found"
        if not is_gone:
            self._require_question()
        self._move(
            RecordStatus.PENDING,
            only_from=RecordStatus.FAILED if is_gone else RecordStatus.UNKNOWN,
            attempts=0,
            unknown_at=None,
            asked_at=None,
            remote_key="",
            remote_id="",
            remote_url="",
            fingerprint="",
        )

    def exists_as(self, *, key: str, remote_id: str, url: str) -> None:
        """A person looked: the tracker has it under this key."""
        self._require_question()
        self.adopt(key=key, remote_id=remote_id, url=url)

    def _require_question(self) -> None:
        if not self.is_question:
            raise WrongState("Nothing has to be settled here (any more). Reload the page.")

    @classmethod
    def left_in_flight(cls, session: Session, connection: TrackerConnection, now: datetime) -> int:
        """Whoever sent these is gone. New things may be in the tracker or not; what only changes can be sent again.
        Returns how many there were.
        """
        left = cls.objects.filter(session=session, connection=connection, status=RecordStatus.IN_FLIGHT)
        again = left.exclude(remote_key="").update(status=RecordStatus.PENDING, changed_at=now)
        return again + left.update(
            status=RecordStatus.UNKNOWN,
            unknown_at=now,
            asked_at=None,
            error_code="tracker_answer_lost",
            error_message="The worker died while this was sent.",
            changed_at=now,
        )
