"""A session: one specification on its way to a tracker."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Count, F, Max, OuterRef, Q, Subquery, UniqueConstraint
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from sessions_app.errors import WrongState

from .audit import AuditEvent
from .workspaces import MAY_EDIT, MAY_REVIEW, Workspace

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class Stage(models.TextChoices):
    SETUP = "setup"
    UPLOAD = "upload"
    PROCESSING = "processing"
    REVIEW = "review"
    VALIDATION = "validation"
    EXPORT = "export"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class Granularity(models.TextChoices):
    ROW = "row", "One ticket per row"
    PARENT = "parent", "One ticket per parent"


LANGUAGES = [
    ("en", "English"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("it", "Italian"),
    ("nl", "Dutch"),
    ("pt", "Portuguese"),
    ("pl", "Polish"),
    ("cs", "Czech"),
    ("sv", "Swedish"),
    ("da", "Danish"),
    ("fi", "Finnish"),
    ("uk", "Ukrainian"),
    ("ja", "Japanese"),
]
"""What models may be asked to write in. The offline writer knows English only."""


ANNOUNCED = timedelta(days=2)
"""For so long before a session is removed its pages say so."""


class SessionQuerySet(models.QuerySet["Session"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> SessionQuerySet:
        """Sessions of the workspaces that the user is a member of."""
        return self.filter(workspace__memberships__user_id=user.pk) if user.is_authenticated else self.none()

    def editable_by(self, user: AbstractBaseUser | AnonymousUser) -> SessionQuerySet:
        """Those in which the user may upload, run and delete."""
        return self._with_role(user, MAY_EDIT)

    def reviewable_by(self, user: AbstractBaseUser | AnonymousUser) -> SessionQuerySet:
        """Those in which the user may edit and judge tickets."""
        return self._with_role(user, MAY_REVIEW)

    def _with_role(self, user: AbstractBaseUser | AnonymousUser, roles: frozenset[str]) -> SessionQuerySet:
        if not user.is_authenticated:
            return self.none()
        return self.filter(workspace__memberships__user_id=user.pk, workspace__memberships__role__in=roles)

    def expired(self, now: datetime) -> SessionQuerySet:
        """Without activity for so long that they are removed: not completed, nothing running (D-31)."""
        idle = self.filter(last_activity_at__lt=now - timedelta(days=settings.SESSION_DAYS))
        return idle.exclude(stage=Stage.COMPLETED).exclude(tasks__status__in=["pending", "running", "paused"])

    def active(self) -> SessionQuerySet:
        return self.exclude(stage=Stage.ARCHIVED)

    def with_counts(self) -> SessionQuerySet:
        """With ``file_count`` and ``ticket_count``. Each by a query of its own: joined, every file would be counted
        beside every ticket. Says nothing of the order.
        """
        return self.annotate(file_count=_count_of("UploadedFile"), ticket_count=_count_of("Ticket"))


def _count_of(model: str) -> Combinable:
    """Of the rows that belong to a session."""
    rows = apps.get_model("sessions_app", model)._default_manager.filter(session=OuterRef("pk")).order_by()
    return Coalesce(Subquery(rows.values("session").annotate(count=Count("pk")).values("count")), 0)


class Session(models.Model):
    """One site's specification, its tickets and where they stand.

    setup -> upload -> processing -> review -> validation -> export -> completed;  any -> archived.
    A step back (a changed specification, a new run, an edit after export) is allowed, explicit and audited.

    ``temperature``, ``prompt_version`` and ``llm_model`` are the provider's own default where empty. ``fallbacks`` is a
    list of {provider, model}, asked in this order where the chosen one fails. ``economy`` sends the calls as a batch:
    half the price, hours later. ``budget`` is in US dollars for one run.
    """

    Stage = Stage
    Granularity = Granularity

    FORWARD: ClassVar = [
        Stage.SETUP,
        Stage.UPLOAD,
        Stage.PROCESSING,
        Stage.REVIEW,
        Stage.VALIDATION,
        Stage.EXPORT,
        Stage.COMPLETED,
    ]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sessions")
    number = models.PositiveIntegerField(editable=False)
    site_name = models.CharField(max_length=200)
    site_description = models.TextField(blank=True, max_length=5000)
    stage = models.CharField(max_length=20, choices=Stage.choices, default=Stage.SETUP)
    llm_provider_choice = models.CharField(max_length=40, default="offline")
    llm_model = models.CharField(max_length=120, blank=True)
    temperature = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    language = models.CharField(max_length=20, choices=LANGUAGES, default="en")
    prompt_version = models.CharField(max_length=40, blank=True)
    fallbacks = models.JSONField(default=list, blank=True)
    economy = models.BooleanField(default=False)
    granularity = models.CharField(max_length=10, choices=Granularity.choices, default=Granularity.ROW)
    budget = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    ticket_counter = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    last_activity_at = models.DateTimeField(default=timezone.now)

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-last_activity_at"]
        indexes = [models.Index(fields=["workspace", "-last_activity_at"])]
        constraints = [
            UniqueConstraint(fields=["workspace", "number"], name="one_session_per_number_and_workspace"),
            CheckConstraint(
                condition=Q(
                    stage__in=[
                        "setup",
                        "upload",
                        "processing",
                        "review",
                        "validation",
                        "export",
                        "completed",
                        "archived",
                    ]
                ),
                name="session_stage_is_known",
            ),
            CheckConstraint(condition=Q(granularity__in=["row", "parent"]), name="session_granularity_is_known"),
            CheckConstraint(
                condition=Q(temperature__isnull=True) | Q(temperature__gte=0, temperature__lte=2),
                name="session_temperature_is_possible",
            ),
            CheckConstraint(condition=Q(budget__isnull=True) | Q(budget__gte=0), name="session_budget_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.site_name} (S-{self.number})"

    def save(self, *args: object, **kwargs: object) -> None:
        """Give a new session the next number of its workspace."""
        if self._state.adding and not self.number:
            taken = Session.objects.filter(workspace=self.workspace_id).aggregate(highest=Max("number"))["highest"]
            self.number = (taken or 0) + 1
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @property
    def short_key(self) -> str:
        """What people call it: ``S-12``."""
        return f"S-{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("sessions:detail", args=[self.pk])

    @property
    def expires_at(self) -> datetime | None:
        """When it is removed if nobody does anything here; None for what is completed."""
        if self.stage == Stage.COMPLETED:
            return None
        return self.last_activity_at + timedelta(days=settings.SESSION_DAYS)

    @property
    def expires_soon(self) -> bool:
        """Within two days: pages announce it."""
        return self.expires_at is not None and self.expires_at - timezone.now() < ANNOUNCED

    def touch(self) -> None:
        """Somebody did something here: the retention period starts again."""
        self.last_activity_at = timezone.now()
        Session.objects.filter(pk=self.pk).update(last_activity_at=self.last_activity_at)

    def move_to(self, stage: str, *, by: AbstractBaseUser | AnonymousUser | None = None) -> None:
        """Go to a stage by compare-and-set. Going forward may skip stages; a step back is audited."""
        seen = self.stage
        if seen == stage:
            return
        if seen == Stage.ARCHIVED:
            raise WrongState("This session is archived. Restore it before you work on it.")
        moved = Session.objects.filter(pk=self.pk, stage=seen).update(stage=stage, last_activity_at=timezone.now())
        self.refresh_from_db(fields=["stage", "last_activity_at"])
        if not moved and self.stage != stage:
            raise WrongState(f"The session is in stage {self.get_stage_display().lower()} by now. Reload the page.")
        if stage == Stage.ARCHIVED or self.FORWARD.index(Stage(stage)) < self.FORWARD.index(Stage(seen)):
            AuditEvent.record("session.stage_back", self, by=by, details={"from": seen, "to": str(stage)})

    def next_ticket_number(self, count: int = 1) -> int:
        """Reserve ``count`` ticket numbers and return the first. Call inside the transaction that uses them."""
        Session.objects.filter(pk=self.pk).update(ticket_counter=F("ticket_counter") + count)
        counter: int = Session.objects.values_list("ticket_counter", flat=True).get(pk=self.pk)
        return counter - count + 1
