"""Tickets, every version of them, and what they need."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.urls import reverse
from django.utils import timezone

from sessions_app.errors import StaleEdit, WrongState
from sessions_app.marks import Mark, standing, without
from sessions_app.parsing.csv_types import GROUP_ORDER

from .audit import AuditEvent
from .sessions import Session

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

TEXT_FIELDS = ("title", "user_story", "analysis", "verification")


class Status(models.TextChoices):
    DRAFT = "draft"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPORTED = "exported"


class SourceState(models.TextChoices):
    """How a ticket stands to the present specification."""

    CURRENT = "current", "As in the specification"
    CHANGED = "changed", "Specification changed since"
    REMOVED = "removed", "No longer in the specification"


class TicketQuerySet(models.QuerySet["Ticket"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> TicketQuerySet:
        """Tickets of the workspaces that the user is a member of."""
        return self.filter(session__workspace__memberships__user_id=user.pk) if user.is_authenticated else self.none()

    def in_order(self) -> TicketQuerySet:
        return self.order_by("position", "number")

    def in_backlog(self) -> TicketQuerySet:
        """What leaves with the backlog: all but those whose row is gone."""
        return self.exclude(source_state=SourceState.REMOVED)

    def with_marks(self) -> TicketQuerySet:
        """Those whose text says something that the specification does not bear out."""
        return self.exclude(fact_marks=[])

    def untouched(self) -> TicketQuerySet:
        """Never edited by a person, so that a machine may replace them."""
        return self.filter(edited_at__isnull=True, status=Status.DRAFT)


class Ticket(models.Model):
    """One entity's ticket.

    draft -> approved | rejected -> exported;  an edit or a regeneration sends any of them back to draft.
    ``facts`` is the configuration table, copied from the cells: a list of {label, value, column, file, row, line}.
    An approval holds for ``approved_version`` only, which an edit leaves behind.
    ``fact_marks`` are words of the text that the cells do not bear out. ``fallback_reason`` says why another model than
    the chosen one wrote it.
    """

    Status = Status
    SourceState = SourceState

    MAY_FOLLOW: ClassVar[dict[str, tuple[str, ...]]] = {
        Status.APPROVED: (Status.DRAFT, Status.REJECTED),
        Status.REJECTED: (Status.DRAFT, Status.APPROVED),
        Status.DRAFT: (Status.APPROVED, Status.REJECTED, Status.EXPORTED),
        Status.EXPORTED: (Status.APPROVED,),
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="tickets")
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=240)
    csv_type = models.CharField(max_length=40)
    entity_group = models.CharField(max_length=40)
    title = models.CharField(max_length=255)
    user_story = models.TextField()
    analysis = models.TextField()
    verification = models.TextField()
    facts = models.JSONField(default=list)
    csv_source = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    version = models.PositiveIntegerField(default=1)
    approved_version = models.PositiveIntegerField(null=True, blank=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    rejection_reason = models.CharField(max_length=500, blank=True)
    source_state = models.CharField(max_length=10, choices=SourceState.choices, default=SourceState.CURRENT)
    input_hash = models.CharField(max_length=64, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    llm_model = models.CharField(max_length=120, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    fallback_reason = models.CharField(max_length=300, blank=True)
    fact_marks = models.JSONField(default=list, blank=True)
    generated_by_task = models.UUIDField(null=True, blank=True, db_index=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["position", "number"]
        indexes = [
            models.Index(fields=["session", "position", "number"]),
            models.Index(fields=["session", "entity_group", "csv_type"]),
            models.Index(fields=["session", "status"]),
        ]
        constraints = [
            UniqueConstraint(fields=["session", "key"], name="one_ticket_per_entity"),
            UniqueConstraint(fields=["session", "number"], name="one_ticket_per_number"),
            CheckConstraint(
                condition=Q(status__in=["draft", "approved", "rejected", "exported"]), name="ticket_status_is_known"
            ),
            CheckConstraint(
                condition=Q(source_state__in=["current", "changed", "removed"]), name="ticket_source_state_is_known"
            ),
            CheckConstraint(condition=Q(entity_group__in=list(GROUP_ORDER)), name="ticket_group_is_known"),
            CheckConstraint(condition=~Q(title=""), name="ticket_has_a_title"),
        ]

    def __str__(self) -> str:
        return f"T-{self.number} {self.title}"

    @property
    def short_key(self) -> str:
        """What people call it within its session: ``T-7``."""
        return f"T-{self.number}"

    @property
    def mark_count(self) -> int:
        return len(self.fact_marks)

    @property
    def description(self) -> str:
        """The generated sections as one Markdown text, in the order of a good ticket."""
        return "\n\n".join(
            (
                f"## User story\n\n{self.user_story}",
                f"## Analysis\n\n{self.analysis}",
                f"## Verification\n\n{self.verification}",
            )
        )

    def get_absolute_url(self) -> str:
        return reverse("sessions:ticket", args=[self.session_id, self.pk])

    def edit(
        self,
        *,
        editor: AbstractBaseUser | AnonymousUser,
        seen_version: int,
        author: str = "",
        marks: Sequence[Mark] | None = None,
        **texts: str,
    ) -> TicketRevision:
        """Change the text that was seen as ``seen_version``; keeps the new version and sends the ticket to draft.

        Marks whose words went with the edit go, too; ``marks``, where given, replace all of the changed sections.
        ``author`` is who wrote the text, if not the editor. Raises StaleEdit when another version came in between.
        """
        changes: dict[str, Any] = {name: texts[name] for name in TEXT_FIELDS if name in texts}
        with transaction.atomic():
            present = Ticket.objects.select_for_update().values("fact_marks", *TEXT_FIELDS).get(pk=self.pk)
            before = present["fact_marks"]
            if marks is not None:
                before = [mark for mark in before if mark["section"] not in changes] + list(marks)
            changes["fact_marks"] = standing(before, {**present, **changes})
            changed = Ticket.objects.filter(pk=self.pk, version=seen_version).update(
                version=F("version") + 1,
                status=Status.DRAFT,
                approved_version=None,
                rejection_reason="",
                edited_at=timezone.now(),
                updated_at=timezone.now(),
                **changes,
            )
            self.refresh_from_db()
            if not changed:
                raise StaleEdit(
                    "Somebody changed this ticket while you were writing.", details={"version": self.version}
                )
            return TicketRevision.of(self, editor=editor, author=author)

    def dismiss_mark(self, section: str, text: str, *, by: AbstractBaseUser | AnonymousUser) -> Mark | None:
        """A person says that these words are right. Returns the mark; None if there is no such mark (any more)."""
        with transaction.atomic():
            marks = Ticket.objects.select_for_update().values_list("fact_marks", flat=True).get(pk=self.pk)
            gone = next((mark for mark in marks if (mark["section"], mark["text"]) == (section, text)), None)
            if gone:
                Ticket.objects.filter(pk=self.pk).update(fact_marks=without(marks, section, text))
                AuditEvent.record("ticket.mark_dismissed", self, by=by, details={"section": section, "text": text})
        self.refresh_from_db(fields=["fact_marks"])
        return gone

    def approve(self, *, by: AbstractBaseUser | AnonymousUser, seen_version: int) -> None:
        """Approve the text that was seen as ``seen_version``; raises StaleEdit if it is another one by now."""
        self.move_to(
            Status.APPROVED, seen_version, approved_version=seen_version, approved_by_id=by.pk, rejection_reason=""
        )

    def reject(self, reason: str, *, seen_version: int) -> None:
        """Reject the text that was seen as ``seen_version``. Raises WrongState without a reason."""
        if not reason.strip():
            raise WrongState("Say why: a rejection needs a reason.", recovery_actions=())
        self.move_to(Status.REJECTED, seen_version, approved_version=None, rejection_reason=reason.strip()[:500])

    def reopen(self, *, seen_version: int | None = None) -> None:
        """Back to draft."""
        self.move_to(Status.DRAFT, seen_version, approved_version=None, rejection_reason="")

    def move_to(self, status: str, seen_version: int | None = None, **fields: Any) -> None:
        """Change the status by compare-and-set along MAY_FOLLOW; of the version that was seen, if one is given.

        Raises WrongState, or StaleEdit where another version came in between.
        """
        present = Ticket.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status])
        if seen_version is not None:
            present = present.filter(version=seen_version)
        moved = present.update(status=status, updated_at=timezone.now(), **fields)
        self.refresh_from_db()
        if moved:
            return
        if seen_version is not None and self.version != seen_version:
            raise StaleEdit(
                "The text was changed since you read it. Read it again before you decide.",
                details={"version": self.version},
                recovery_actions=("Reload the page and read the new text.",),
            )
        if self.status != status:
            raise WrongState(f"A ticket that is {self.get_status_display().lower()} cannot become {status}.")


class TicketRevision(models.Model):
    """One version of a ticket's text and who wrote it: a person, or a model by name."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=255)
    user_story = models.TextField()
    analysis = models.TextField()
    verification = models.TextField()
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    author = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [UniqueConstraint(fields=["ticket", "version"], name="one_revision_per_version")]

    def __str__(self) -> str:
        return f"{self.ticket_id} version {self.version}"

    @classmethod
    def drawn_from(
        cls, ticket: Ticket, *, editor: AbstractBaseUser | AnonymousUser | None = None, author: str = ""
    ) -> TicketRevision:
        """The ticket's present text as an unsaved revision; by its editor or its model, if no author is named."""
        if not author:
            author = editor.get_username() if editor else " ".join(filter(None, (ticket.provider, ticket.llm_model)))
        texts = {name: getattr(ticket, name) for name in TEXT_FIELDS}
        return cls(
            ticket=ticket, version=ticket.version, editor_id=editor.pk if editor else None, author=author, **texts
        )

    @classmethod
    def of(
        cls, ticket: Ticket, *, editor: AbstractBaseUser | AnonymousUser | None = None, author: str = ""
    ) -> TicketRevision:
        """Keep the ticket's present text as a revision."""
        revision = cls.drawn_from(ticket, editor=editor, author=author)
        revision.save()
        return revision


class DependencyQuerySet(models.QuerySet["TicketDependency"]):
    def active(self) -> DependencyQuerySet:
        return self.filter(state=TicketDependency.State.ACTIVE)


class TicketDependency(models.Model):
    """``from_ticket`` needs ``to_ticket``. A proposed cut closes a cycle and waits for a person's word."""

    class Kind(models.TextChoices):
        BLOCKS = "blocks", "Must come first"
        RELATES = "relates", "Related"

    class Source(models.TextChoices):
        REFERENCE = "reference", "From the specification"
        ORDER = "order", "From the order of work"
        PERSON = "person", "Added by a person"

    class State(models.TextChoices):
        ACTIVE = "active"
        PROPOSED_CUT = "proposed_cut", "Proposed cut"
        CUT = "cut"

    from_ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="needs")
    to_ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="needed_by")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BLOCKS)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.REFERENCE)
    state = models.CharField(max_length=15, choices=State.choices, default=State.ACTIVE)
    rule = models.CharField(max_length=10, blank=True)

    objects = DependencyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "ticket dependencies"
        constraints = [
            UniqueConstraint(fields=["from_ticket", "to_ticket"], name="one_dependency_per_pair"),
            CheckConstraint(condition=~Q(from_ticket=F("to_ticket")), name="no_ticket_needs_itself"),
            CheckConstraint(condition=Q(kind__in=["blocks", "relates"]), name="dependency_kind_is_known"),
            CheckConstraint(
                condition=Q(source__in=["reference", "order", "person"]), name="dependency_source_is_known"
            ),
            CheckConstraint(condition=Q(state__in=["active", "proposed_cut", "cut"]), name="dependency_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.from_ticket_id} needs {self.to_ticket_id}"
