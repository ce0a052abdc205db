"""What was found for a ticket, what was made of it, what is suggested, and what people said to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.utils import timezone

from sessions_app.errors import WrongState

from .history import EnhancementHistory

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class ContextItem(models.Model):
    """One thing that was found, as it was at that moment. ``label`` (C1, C2 …) is what the synthesis cites.

    ``score`` orders the items of one kind and says nothing across kinds; ``matched`` are the words, addresses or names
    it was found by.
    """

    class Kind(models.TextChoices):
        TICKET = "ticket", "Solved ticket"
        ARTICLE = "article", "Article"
        ASSET = "asset", "Host or network"

    enhancement = models.ForeignKey(EnhancementHistory, on_delete=models.CASCADE, related_name="items")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    label = models.CharField(max_length=10)
    position = models.PositiveSmallIntegerField()
    external_id = models.CharField(max_length=120)
    title = models.CharField(max_length=500)
    excerpt = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)
    url = models.CharField(max_length=500, blank=True)
    score = models.FloatField(default=0)
    matched = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            UniqueConstraint(fields=["enhancement", "label"], name="one_context_item_per_label"),
            CheckConstraint(condition=Q(kind__in=["ticket", "article", "asset"]), name="context_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.external_id}"

    @property
    def said(self) -> list[str]:
        """The short facts of its details, for one line."""
        names = ("kind", "location", "owner", "names", "networks", "category", "priority", "assignee")
        return [str(self.details[name]) for name in names if self.details.get(name)]


class Synthesis(models.Model):
    """The context put together in at most 500 words.

    ``claims`` is a list of {text, cites, supported, why}: each sentence with the labels it rests on, and whether these
    bear it out. ``failure`` is empty, or says why there is none and the raw context has to do. ``system`` and
    ``prompt`` are what was sent to the model, ``answer`` what came back, unchecked.
    """

    enhancement = models.OneToOneField(EnhancementHistory, on_delete=models.CASCADE, related_name="synthesis")
    claims = models.JSONField(default=list, blank=True)
    provider = models.CharField(max_length=40, blank=True)
    llm_model = models.CharField(max_length=120, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    system = models.TextField(blank=True)
    prompt = models.TextField(blank=True)
    answer = models.JSONField(default=dict, blank=True)
    failure = models.CharField(max_length=500, blank=True)
    is_helpful = models.BooleanField(null=True, blank=True)
    remark = models.CharField(max_length=1000, blank=True)
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    judged_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "syntheses"

    def __str__(self) -> str:
        return f"synthesis of {self.enhancement_id}"

    @property
    def is_offline(self) -> bool:
        return self.provider == "offline"

    @property
    def unsupported(self) -> int:
        return sum(not claim["supported"] for claim in self.claims)

    def judge(self, *, is_helpful: bool, remark: str, by: AbstractBaseUser | AnonymousUser) -> None:
        """What a person thinks of it; the latest word counts."""
        Synthesis.objects.filter(pk=self.pk).update(
            is_helpful=is_helpful, remark=remark.replace("\0", "")[:1000], judged_by_id=by.pk, judged_at=timezone.now()
        )
        self.refresh_from_db()


class Suggestion(models.Model):
    """A value of the workspace's lists for the ticket. open -> accepted | dismissed; a person may think again."""

    class Field(models.TextChoices):
        CATEGORY = "category"
        PRIORITY = "priority"
        ASSIGNEE = "assignee"

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DISMISSED = "dismissed"

    enhancement = models.ForeignKey(EnhancementHistory, on_delete=models.CASCADE, related_name="suggestions")
    field = models.CharField(max_length=10, choices=Field.choices)
    value = models.CharField(max_length=120)
    confidence = models.FloatField()
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            UniqueConstraint(fields=["enhancement", "field"], name="one_suggestion_per_field"),
            CheckConstraint(
                condition=Q(field__in=["category", "priority", "assignee"]), name="suggestion_field_is_known"
            ),
            CheckConstraint(condition=Q(state__in=["open", "accepted", "dismissed"]), name="suggestion_state_is_known"),
            CheckConstraint(condition=Q(confidence__gte=0, confidence__lte=1), name="confidence_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.value}"

    @property
    def percent(self) -> int:
        return round(100 * self.confidence)

    def decide(self, state: str, *, by: AbstractBaseUser | AnonymousUser) -> None:
        """Accept or dismiss. Raises WrongState for anything else."""
        if state not in (self.State.ACCEPTED, self.State.DISMISSED):
            raise WrongState("A suggestion is accepted or dismissed.", recovery_actions=())
        Suggestion.objects.filter(pk=self.pk).update(state=state, decided_by_id=by.pk, decided_at=timezone.now())
        self.refresh_from_db()
