"""Figures that are counted where they happen: in the transaction of what they count, so that no death loses one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from django.db import models, transaction
from django.db.models import Count, Sum, UniqueConstraint

AT_ONCE: Final = 2_000


class MetricSample(models.Model):
    """Something that was added to one number of one metric. The number is the sum of its rows, which only grows.

    ``labels`` is JSON, in the order of the metric. Counting only ever inserts: many who count the same thing neither
    wait for each other nor lock each other out. ``fold`` makes one row of many.
    """

    name = models.CharField(max_length=100)
    labels = models.CharField(max_length=300)
    value = models.FloatField(default=0)

    class Meta:
        indexes = [models.Index(fields=["name", "labels"])]

    def __str__(self) -> str:
        return f"{self.name} {self.labels} {self.value:g}"

    @staticmethod
    def add(amounts: Mapping[tuple[str, str], float]) -> None:
        """Count, in one statement. ``amounts``: by name and labels."""
        MetricSample.objects.bulk_create(
            MetricSample(name=name, labels=labels, value=value) for (name, labels), value in amounts.items()
        )

    @staticmethod
    def sums(**which: str) -> list[tuple[str, str, float]]:
        """(name, labels, number) of those that are asked for, in one statement: exact also beside ``fold``."""
        rows = MetricSample.objects.filter(**which).order_by("name", "labels").values_list("name", "labels")
        return list(rows.annotate(number=Sum("value")))

    @staticmethod
    def fold() -> int:
        """Put the rows of each number together. Returns how many rows that saved. Safe beside itself and counting."""
        saved = 0
        many = MetricSample.objects.values_list("name", "labels").annotate(rows=Count("pk")).filter(rows__gt=1)
        for name, labels, rows in list(many):
            for _ in range(0, rows, AT_ONCE):
                saved += _folded(name, labels)
        return saved


@transaction.atomic
def _folded(name: str, labels: str) -> int:
    rows = MetricSample.objects.filter(name=name, labels=labels).order_by("pk").select_for_update()
    values = dict(rows.values_list("pk", "value")[:AT_ONCE])
    if len(values) < 2:
        return 0
    MetricSample.objects.filter(pk__in=list(values)).delete()
    MetricSample.add({(name, labels): sum(values.values())})
    return len(values) - 1


class MetricLabel(models.Model):
    """A name from outside (a workspace's, a model's) whose figures are told apart from those of others."""

    label = models.CharField(max_length=40)
    value = models.CharField(max_length=80)

    class Meta:
        constraints = [UniqueConstraint(fields=["label", "value"], name="one_row_per_label_and_value")]

    def __str__(self) -> str:
        return f"{self.label} {self.value}"

    @staticmethod
    def admit(label: str, values: Collection[str], limit: int) -> set[str]:
        """Those of ``values`` that are told apart: the first ``limit`` that were ever given."""
        mine = MetricLabel.objects.filter(label=label)
        admitted = set(mine.filter(value__in=values).values_list("value", flat=True))
        new = sorted(set(values) - admitted)
        if new:
            new = new[: max(0, limit - mine.count())]
            MetricLabel.objects.bulk_create(
                (MetricLabel(label=label, value=each) for each in new), ignore_conflicts=True
            )
        return admitted.union(new)
