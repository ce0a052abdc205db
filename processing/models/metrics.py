"""Figures that are counted where they happen: in the transaction of what they count, so that no death loses one."""

from __future__ import annotations

from django.db import models
from django.db.models import F, UniqueConstraint


class MetricSample(models.Model):
    """One number of one metric. ``labels`` is JSON, in the order of the metric. It only grows."""

    name = models.CharField(max_length=100)
    labels = models.CharField(max_length=300)
    value = models.FloatField(default=0)

    class Meta:
        constraints = [UniqueConstraint(fields=["name", "labels"], name="one_sample_per_name_and_labels")]

    def __str__(self) -> str:
        return f"{self.name} {self.labels} {self.value:g}"

    @staticmethod
    def add(name: str, labels: str, amount: float) -> None:
        """Count. Its row stays locked until the transaction ends, so this comes last in it."""
        mine = MetricSample.objects.filter(name=name, labels=labels)
        if not mine.update(value=F("value") + amount):
            MetricSample.objects.bulk_create([MetricSample(name=name, labels=labels)], ignore_conflicts=True)
            mine.update(value=F("value") + amount)


class MetricTenant(models.Model):
    """A workspace whose figures are told apart from those of others."""

    slug = models.CharField(max_length=60, unique=True)

    def __str__(self) -> str:
        return self.slug
