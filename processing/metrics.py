"""Figures for operators, in Prometheus' terms. Counted in the database, as the truth is there and workers die.

    TASKS = Counter("enhancement_tasks", "Help-desk tickets by what became of them.", ("status", "tenant_id"))
    TASKS.inc(status="completed", tenant_id=tenant_label(slug))

    with transaction.atomic(), Tally() as tally:  # many figures, one statement at its end
        tally.add(TASKS, 3, status="failed", tenant_id=tenant_label(slug))

Counting needs no client library; only the page ``/metrics`` does.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from processing.models import MetricLabel, MetricSample

if TYPE_CHECKING:
    from prometheus_client.core import Metric

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 100.0, 120.0)
"""Upper ends of the buckets of a duration."""
OTHER: Final = "other"
UNKNOWN: Final = "unknown"
ALL: Final = "all"

_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MODEL: Final = re.compile(r"[A-Za-z0-9._:/@+-]{1,80}")


class Tally:
    """What is counted in one transaction, written in one statement when the block ends, unless it is broken off."""

    def __init__(self) -> None:
        self.amounts: dict[tuple[str, str], float] = defaultdict(float)

    def add(self, counter: Counter, amount: float = 1, /, **labels: str) -> None:
        if amount:
            self.amounts[counter.name, _text(counter.labels, labels)] += amount

    def observe(self, histogram: Histogram, value: float, /, **labels: str) -> None:
        text = _text(histogram.labels, labels)
        end = next((f"{each:g}" for each in histogram.buckets if value <= each), "+Inf")
        self.amounts[f"{histogram.name}:{end}", text] += 1
        self.amounts[f"{histogram.name}:sum", text] += value

    def __enter__(self) -> Tally:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None and self.amounts:
            MetricSample.add(self.amounts)


@dataclass(frozen=True, slots=True)
class Counter:
    """``name`` without ``_total``, which the page adds."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _counted[self.name] = self

    def inc(self, amount: float = 1, **labels: str) -> None:
        with Tally() as tally:
            tally.add(self, amount, **labels)

    def collect(self) -> Metric:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for _, labels, number in MetricSample.sums(name=self.name):
            family.add_metric(list(json.loads(labels).values()), number)
        return family


@dataclass(frozen=True, slots=True)
class Histogram:
    """Values in buckets by their upper ends. One bucket and the sum are written for each value."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS

    def __post_init__(self) -> None:
        _counted[self.name] = self

    def observe(self, value: float, **labels: str) -> None:
        with Tally() as tally:
            tally.observe(self, value, **labels)

    def collect(self) -> Metric:
        from prometheus_client.core import HistogramMetricFamily

        found: dict[str, dict[str, float]] = defaultdict(dict)
        for name, labels, number in MetricSample.sums(name__startswith=f"{self.name}:"):
            found[labels][name.rpartition(":")[2]] = number
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        ends = [*(f"{each:g}" for each in self.buckets), "+Inf"]
        for text, values in found.items():
            buckets, total = [], 0.0
            for end in ends:
                total += values.get(end, 0)
                buckets.append((end, total))
            family.add_metric(list(json.loads(text).values()), buckets, values.get("sum", 0))
        return family


@dataclass(frozen=True, slots=True)
class Gauge:
    """What is so now: ``read`` gives (values of the labels, number)."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[], Iterable[tuple[list[str], float]]]

    def __post_init__(self) -> None:
        _counted[self.name] = self

    def collect(self) -> Metric:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for values, number in self.read():
            family.add_metric(values, number)
        return family


_counted: dict[str, Counter | Histogram | Gauge] = {}


class Everything:
    """All that is counted, as a collector of the client library."""

    def collect(self) -> Iterator[Metric]:
        for metric in sorted(_counted.values(), key=lambda each: each.name):
            yield metric.collect()


def tenant_label(tenant: Any) -> str:
    """What a workspace is called in a label: itself for the first METRICS_TENANTS that are counted, then ``other``.

    A stranger's text may be given: what cannot be a workspace's slug is ``unknown``. With METRICS_TENANTS=0 nobody is
    told apart. The first so many and not the largest, as a counter must never shrink.
    """
    limit = settings.METRICS_TENANTS
    if not limit:
        return ALL
    if not isinstance(tenant, str) or not _SLUG.fullmatch(tenant) or tenant in (OTHER, ALL):
        return UNKNOWN
    return tenant if tenant in MetricLabel.admit("tenant_id", (tenant,), limit) else OTHER


def model_labels(models: Collection[str]) -> dict[str, str]:
    """What each of these models is called in a label: people enter any name, so only the first METRICS_MODELS that are
    counted are called by it, all further ones ``other``.
    """
    well_formed = {model for model in models if _MODEL.fullmatch(model) and model not in (OTHER, UNKNOWN)}
    admitted = MetricLabel.admit("model", well_formed, settings.METRICS_MODELS) if well_formed else set()
    return {model: model if model in admitted else OTHER if model in well_formed else UNKNOWN for model in set(models)}


def _text(names: tuple[str, ...], labels: dict[str, str]) -> str:
    """The labels in their order. Raises KeyError for one that is missing."""
    if set(labels) != set(names):
        raise KeyError(f"labels {sorted(labels)} instead of {sorted(names)}")
    return json.dumps({name: labels[name] for name in names}, ensure_ascii=False)
