"""Limits of money: what a run and its workspace's month may still spend.

A claimed item counts as spent until its real cost is known, so that many calls in flight, of any number of workers,
cannot pass a limit together. Amounts are US dollars.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from processing.errors import BudgetReached
from processing.models import LLMCall, SessionTask, SetAside, WorkItem
from processing.models.tasks import ItemStatus, TaskType
from sessions_app.models import Workspace

TRUST_AFTER = 10
"""Finished items after which a run's own average counts beside what was expected of a call."""


class Purse:
    """What one drainer may spend beyond the first call of each item, which its claim has set aside already."""

    def __init__(self, reserve: Decimal | None) -> None:
        self.reserve = reserve or Decimal(0)
        self.left: Decimal | None = None
        self.limit = ""

    def take(self) -> None:
        """Set a further call aside. Raises BudgetReached if it may cost more than is left."""
        if self.left is None:
            return
        if self.left < self.reserve:
            raise BudgetReached(self.limit)
        self.left -= self.reserve


def month_start(now: datetime | None = None) -> datetime:
    """The first moment of the calendar month (UTC)."""
    moment = (now or timezone.now()).astimezone(UTC)
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def spent_this_month(workspace: Workspace) -> Decimal:
    """What the workspace's calls of this month have cost, as far as prices are known."""
    calls = LLMCall.objects.filter(workspace=workspace, created_at__gte=month_start())
    return calls.aggregate(total=Sum("cost"))["total"] or Decimal(0)


def reserve_of(task: SessionTask) -> Decimal:
    """What one call of the run may cost: as expected, or as the run's own average where that is more."""
    expected = task.call_reserve or Decimal(0)
    finished = task.done + task.failed
    return max(expected, task.cost / finished) if finished >= TRUST_AFTER else expected


def is_limited(task: SessionTask) -> bool:
    """Whether a limit may hold the task up. Only generation asks models that cost."""
    if task.task_type != TaskType.PROCESSING:
        return False
    return task.budget is not None or task.session.workspace.monthly_budget is not None


def left_for(task: SessionTask) -> tuple[Decimal | None, str]:
    """(What is left for calls that nobody has claimed yet, the sentence of the limit that is nearest). None: no limit.

    Lock the workspace's row around this and the claim that follows from it.
    """
    workspace = task.session.workspace
    limits: list[tuple[Decimal, str]] = []
    if task.budget is not None:
        held = WorkItem.objects.filter(task=task, status=ItemStatus.RUNNING).count() * reserve_of(task)
        sentence = (
            f"Paused at the limit of this run: {task.cost:.2f} of {task.budget:.2f} USD are spent, and the next call "
            "may pass it. Raise the limit and resume, or cancel."
        )
        limits.append((task.budget - task.cost - held, sentence))
    if workspace.monthly_budget is not None:
        left, spent = left_this_month(workspace)
        sentence = (
            f"Paused at the workspace's limit of this month: {spent:.2f} of {workspace.monthly_budget:.2f} USD are "
            "spent. An owner can raise it; then resume, or cancel."
        )
        limits.append((left, sentence))
    return min(limits) if limits else (None, "")


def left_this_month(workspace: Workspace) -> tuple[Decimal, Decimal]:
    """(Left for calls that nobody has set money aside for, spent) of a workspace with a limit."""
    spent = spent_this_month(workspace)
    return (workspace.monthly_budget or Decimal(0)) - spent - _held_by(workspace), spent


def set_aside(workspace: Workspace, amount: Decimal | None, seconds: float) -> SetAside | None:
    """Hold money for calls outside of runs; None where the workspace has no limit. Delete it when they are entered.

    Raises BudgetReached if more than the limit might be spent, or if the price (``amount``) is unknown.
    """
    if not Workspace.objects.filter(pk=workspace.pk, monthly_budget__isnull=False).exists():
        return None  # without a lock: most workspaces have no limit, and many ask at once
    with transaction.atomic():
        present = Workspace.objects.select_for_update().get(pk=workspace.pk)
        if present.monthly_budget is None:
            return None
        if amount is None:
            raise BudgetReached(
                "There is a limit of money, but the price of this model is unknown, so the limit could not be kept.",
                recovery_actions=("An owner can enter the prices on the workspace's page of models.",),
            )
        left, spent = left_this_month(present)
        if amount > left:
            raise BudgetReached(
                f"This may pass the workspace's limit of this month: {spent:.2f} of {present.monthly_budget:.2f} USD "
                "are spent. An owner can raise it."
            )
        return SetAside.objects.create(
            workspace=present, amount=amount, until=timezone.now() + timedelta(seconds=seconds)
        )


def _held_by(workspace: Workspace) -> Decimal:
    """What is set aside for claimed items of all of the workspace's runs, and for calls outside of runs."""
    running = (
        WorkItem.objects.filter(task__session__workspace=workspace, status=ItemStatus.RUNNING)
        .order_by()
        .values_list("task")
        .annotate(count=Count("pk"))
    )
    counts = dict(running)
    tasks = SessionTask.objects.filter(pk__in=counts)
    aside = SetAside.objects.filter(workspace=workspace).standing().aggregate(total=Sum("amount"))["total"]
    return sum((counts[task.pk] * reserve_of(task) for task in tasks), aside or Decimal(0))
