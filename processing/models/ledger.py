"""What was asked of models and what they answered, so that nothing is paid for twice."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils import timezone

from sessions_app.models import Workspace

if TYPE_CHECKING:
    from processing.llm.base import Call


class LLMCallQuerySet(models.QuerySet["LLMCall"]):
    def answers(self, workspace_id: uuid.UUID, input_hashes: Collection[str]) -> LLMCallQuerySet:
        """Usable answers to these inputs, paid for by this workspace.

        In no order: for the sake of one, SQLite would go through all calls of the workspace.
        """
        paid = self.filter(workspace_id=workspace_id, input_hash__in=input_hashes, outcome=LLMCall.Outcome.OK)
        return paid.order_by()


class LLMCall(models.Model):
    """One call to a model: what it cost, how long it took, what came of it.

    ``input_hash`` covers the provider, the model, the prompt version and everything that was sent; ``response`` is the
    validated answer.
    """

    class Outcome(models.TextChoices):
        OK = "ok"
        INVALID = "invalid", "Answer did not fit"
        ERROR = "error", "No answer"

    class Step(models.TextChoices):
        FIRST = "first"
        REPAIR = "repair", "Repair of an answer that did not fit"
        FALLBACK = "fallback", "Another model than the chosen one"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="llm_calls")
    task_id = models.UUIDField(null=True, db_index=True)
    entity_key = models.CharField(max_length=240, blank=True)
    provider = models.CharField(max_length=40)
    llm_model = models.CharField(max_length=120, blank=True)
    prompt_version = models.CharField(max_length=40, blank=True)
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.FIRST)
    economy = models.BooleanField(default=False)
    input_hash = models.CharField(max_length=64)
    response = models.JSONField(default=dict)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    error_code = models.CharField(max_length=60, blank=True)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    tokens_cached = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    latency_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LLMCallQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["workspace", "input_hash"]), models.Index(fields=["workspace", "-created_at"])]
        constraints = [
            CheckConstraint(condition=Q(outcome__in=["ok", "invalid", "error"]), name="call_outcome_is_known"),
            CheckConstraint(condition=Q(step__in=["first", "repair", "fallback"]), name="call_step_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.llm_model} {self.outcome}"

    @classmethod
    def drawn_from(cls, call: Call, **more: Any) -> LLMCall:
        """A row for a call that was made, not saved. ``more``: workspace_id, task_id, entity_key, input_hash, …"""
        return cls(
            provider=call.provider,
            llm_model=call.model,
            prompt_version=call.prompt_version,
            step=call.step,
            response=call.content,
            outcome=call.outcome,
            error_code=call.error_code,
            tokens_in=call.tokens_in,
            tokens_out=call.tokens_out,
            tokens_cached=call.tokens_cached,
            cost=call.cost,
            latency_ms=call.latency_ms,
            **more,
        )


class SetAsideQuerySet(models.QuerySet["SetAside"]):
    def standing(self) -> SetAsideQuerySet:
        return self.filter(until__gt=timezone.now())


class SetAside(models.Model):
    """Money for calls that are being made outside of runs, in US dollars, so that many at once keep a limit together.

    It goes when their real cost is entered; what a dead process set aside falls away at ``until``.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    amount = models.DecimalField(max_digits=12, decimal_places=6)
    until = models.DateTimeField(db_index=True)

    objects = SetAsideQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "money set aside"

    def __str__(self) -> str:
        return f"{self.amount} USD until {self.until:%H:%M}"
