"""From judged comparisons to a ranking with errors and a panel that says how far to trust it; and the one finaliser."""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from processing.errors import ProcessingError
from sessions_app.errors import Category

from . import counting, events, progress
from .comparing.bradley_terry import Z95, Comparisons, Fit, fit
from .comparing.measures import Share, most_surprising, reliability
from .comparing.pleas import talks_to_judge
from .comparing.trust import Evidence, Panel, Verdict, panel, rounded
from .models import AssessedItem, AssessmentBatch, ScoringRun
from .models.batches import State

logger = logging.getLogger(__name__)

MOST_DISAGREEMENTS: Final = 100
SHARES: Final = {"essay_a": 1.0, "essay_b": 0.0, "tie": 0.5}


@dataclass(frozen=True, slots=True)
class Judged:
    """Everything that scores are made of. ``places``: item id -> its number in ``data``."""

    batch: AssessmentBatch
    items: list[AssessedItem]
    data: Comparisons
    pairs: list[dict[str, Any]]

    @property
    def judges(self) -> list[str]:
        return [pair["judge"] for pair in self.pairs]


@dataclass(frozen=True, slots=True)
class Fitted:
    fit: Fit
    reliability: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What a ScoringRun holds."""

    rankings: list[dict[str, Any]]
    panel: dict[str, Any]
    disagreements: list[dict[str, Any]]
    comparisons: int
    duration_ms: int


def judged(batch: AssessmentBatch) -> Judged:
    """Read items and results."""
    items = list(
        batch.items.order_by("number").only(
            "number",
            "outside_ref",
            "title",
            "writer",
            "anchor_score",
            "variant",
            "pair_key",
            "text_content",
            "batch_id",
        )
    )
    place = {item.pk: number for number, item in enumerate(items)}
    columns = ("pk", "essay_a_id", "essay_b_id", "winner", "judge", "is_held_out", "votes", "reason", "position")
    pairs = list(batch.comparison_pairs.judged().order_by("position").values(*columns))
    results = [(place[pair["essay_a_id"]], place[pair["essay_b_id"]], SHARES[pair["winner"]]) for pair in pairs]
    return Judged(batch, items, Comparisons.of(len(items), results), pairs)


def fitted(known: Judged) -> Fitted:
    anchors = {number: item.anchor_score for number, item in enumerate(known.items) if item.anchor_score is not None}
    found = fit(known.data, anchors=anchors)
    return Fitted(found, reliability(found))


def scored(batch: AssessmentBatch) -> Scores:
    """Compute everything; writes nothing."""
    started = time.monotonic()
    known = judged(batch)
    if batch.kind == AssessmentBatch.Kind.AB:
        rankings, shown, disagreements = _variants(known)
    else:
        found = fitted(known).fit
        judged_panel = panel(_evidence(known, found))
        rankings = _rankings(known, found, judged_panel)
        shown = judged_panel.as_json() | _summary(known, found)
        disagreements = _disagreements(known, found)
    return Scores(rankings, shown, disagreements, len(known.pairs), int(1000 * (time.monotonic() - started)))


def _evidence(known: Judged, found: Fit) -> Evidence:
    voted = [pair["votes"] for pair in known.pairs if len(pair["votes"]) == 2]
    return Evidence(
        data=known.data,
        found=found,
        held_out=np.array([pair["is_held_out"] for pair in known.pairs], dtype=bool),
        judges=known.judges,
        writers=[item.writer for item in known.items],
        lengths=np.array([len(item.text_content) for item in known.items], dtype=np.int64),
        adaptive=known.batch.adaptive,
        flips=Share(sum(votes[0] != votes[1] for votes in voted), len(voted)),
        pleas=[item.title or item.outside_ref for item in known.items if talks_to_judge(item.text_content)],
    )


def _rankings(known: Judged, found: Fit, shown: Panel) -> list[dict[str, Any]]:
    met = np.bincount(known.data.left, minlength=known.data.count) + np.bincount(
        known.data.right, minlength=known.data.count
    )
    rows = []
    for number, item in enumerate(known.items):
        score, error = float(found.scores[number]), float(found.errors[number])
        has_error = math.isfinite(error)
        rows.append(
            {
                "item": str(item.pk),
                "essay_id": item.outside_ref,
                "title": item.title,
                "rank": int(found.ranks[number]),
                "score": rounded(score, 6),
                "error": rounded(error, 6),
                "low": rounded(score - Z95 * error, 6) if has_error else None,
                "high": rounded(score + Z95 * error, 6) if has_error else None,
                "best": int(found.best[number]),
                "worst": int(found.worst[number]),
                "tied_with": int(found.worst[number] - found.best[number]),
                "scale": int(found.scale[number]) + 1,
                "one_sided": bool(found.one_sided[number]),
                "infit": rounded(shown.item_fit[number]),
                "comparisons": int(met[number]),
                "anchor": item.anchor_score,
            }
        )
    return sorted(rows, key=lambda row: row["rank"])


def _summary(known: Judged, found: Fit) -> dict[str, Any]:
    """Figures beside the panel: how many scales, and how anchors moved against each other."""
    anchored = [
        (item.anchor_score, float(found.scores[number]))
        for number, item in enumerate(known.items)
        if item.anchor_score is not None
    ]
    drift = max((abs(before - now) for before, now in anchored), default=None)
    return {"scales": found.scales, "anchors": len(anchored), "anchor_drift": rounded(drift)}


def _disagreements(known: Judged, found: Fit) -> list[dict[str, Any]]:
    """Pairs that judges saw differently first, then single results that contradict the scores most."""
    by_pair: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place in range(len(known.data)):
        one, other = int(known.data.left[place]), int(known.data.right[place])
        by_pair[min(one, other), max(one, other)].append(place)
    rows = []
    for (one, other), places in by_pair.items():
        winners = {judge: _winner(known, place) for place in places for judge in [known.pairs[place]["judge"]]}
        if len({winner for winner in winners.values() if winner is not None}) > 1:
            rows.append(_disagreement(known, one, other, winners, None))
    for place, likely in most_surprising(known.data, found, MOST_DISAGREEMENTS):
        one, other = int(known.data.left[place]), int(known.data.right[place])
        rows.append(_disagreement(known, one, other, {known.pairs[place]["judge"]: _winner(known, place)}, likely))
    return rows[:MOST_DISAGREEMENTS]


def _winner(known: Judged, place: int) -> int | None:
    share = known.data.share[place]
    return None if share == 0.5 else int(known.data.left[place] if share == 1 else known.data.right[place])


def _disagreement(
    known: Judged, one: int, other: int, winners: dict[str, int | None], likely: float | None
) -> dict[str, Any]:
    names = [known.items[number].title or known.items[number].outside_ref for number in (one, other)]
    said = {
        judge: "tie" if winner is None else (known.items[winner].title or known.items[winner].outside_ref)
        for judge, winner in winners.items()
    }
    ids = [str(known.items[number].pk) for number in (one, other)]
    return {"items": ids, "names": names, "winners": said, "likely": rounded(likely, 3)}


def _variants(known: Judged) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
    """An A/B comparison: how often each variant won, and whether that can be chance."""
    wins: Counter[str] = Counter()
    for place, pair in enumerate(known.pairs):
        if pair["winner"] == "tie":
            wins["tie"] += 1
        else:
            winner = _winner(known, place)
            wins[known.items[winner].variant if winner is not None else "tie"] += 1
    decided = wins["A"] + wins["B"]
    rows = []
    for variant in sorted("AB", key=lambda each: -wins[each]):
        share = Share(wins[variant], decided)
        low, high = share.interval
        rows.append(
            {
                "variant": variant,
                "name": _variant_name(known.batch, variant),
                "wins": wins[variant],
                "share": rounded(share.value),
                "low": rounded(low),
                "high": rounded(high),
            }
        )
    for rank, row in enumerate(rows, start=1):
        row["rank"] = rank
        row["essay_id"] = row["variant"]
        row["score"] = row["share"]
    return rows, _ab_panel(rows, wins["tie"], decided), []


def _variant_name(batch: AssessmentBatch, variant: str) -> str:
    return next((each["name"] for each in batch.variants if each["variant"] == variant), variant)


def _ab_panel(rows: list[dict[str, Any]], ties: int, decided: int) -> dict[str, Any]:
    best = Share(rows[0]["wins"], decided)
    chance = sign_test(rows[0]["wins"], decided)
    said = f"{rows[0]['name']} won {rows[0]['wins']} of {decided} comparisons, {ties} were ties."
    if decided and chance < 0.05:
        verdict, sentence = Verdict.GOOD, f"{rows[0]['name']} is better, and chance hardly explains it."
    elif decided < 10:
        verdict, sentence = Verdict.UNKNOWN, "There are too few comparisons to say which is better."
    else:
        verdict, sentence = Verdict.CAUTION, "No clear winner: a coin would often do the same."
    low, high = best.interval
    if decided:
        said += (
            f" Share {100 * low:.0f}–{100 * high:.0f} %; chance alone is as uneven in {100 * chance:.2g} % of cases."
        )
    finding = {"name": "Which is better", "verdict": verdict, "sentence": said, "value": rounded(best.value)}
    return {"verdict": verdict, "sentence": sentence, "findings": [finding], "judges": [], "scales": 1}


def sign_test(wins: int, decided: int) -> float:
    """How likely chance alone is so uneven, either way."""
    more = max(wins, decided - wins)
    tail = sum(math.comb(decided, k) for k in range(more, decided + 1)) / 2**decided if decided else 1.0
    return min(1.0, 2 * tail)


# Jobs


def lease() -> timedelta:
    return timedelta(seconds=settings.ENGINE["LEASE"])


def provisional_job(batch_id: str) -> None:
    """Scores from what is in so far, once. Late results are still taken."""
    batch = AssessmentBatch.objects.filter(pk=uuid.UUID(batch_id)).first()
    if batch is None or batch.state != State.SCORING or batch.scoring_runs.exists():
        return
    found = scored(batch)
    with transaction.atomic():
        current = AssessmentBatch.objects.select_for_update().get(pk=batch.pk)
        if current.state != State.SCORING or current.scoring_runs.exists():
            return
        _keep(current, found, ScoringRun.Kind.PROVISIONAL)
        events.publish(
            current,
            events.PROVISIONAL,
            {
                "event_name": "cj_assessment.scores_provisional",
                "entity_ref": current.outside_id or str(current.pk),
                "status": "PARTIAL",
                "system_metadata": events.system_metadata(current),
                "cj_assessment_job_id": str(current.pk),
                "rankings": told(found.rankings),
            },
        )
        progress.announce(current)


def score_due_job() -> int:
    """Score for the last time whatever is due, one after another. Any number of these may run at once."""
    number = 0
    while (batch := _claimed()) is not None:
        try:
            finalise(batch, scored(batch))
        except Exception:
            logger.exception("assessment %s could not be scored", batch.pk)
            counting.fail(
                batch,
                ProcessingError(
                    "Scoring stopped for a reason that was not foreseen. An administrator finds it in the log.",
                    Category.ADMIN_REQUIRED,
                ),
            )
            raise
        number += 1
    return number


def _claimed() -> AssessmentBatch | None:
    """A batch to finalise that nobody else is at; its lease is ours."""
    now = timezone.now()
    for batch in AssessmentBatch.objects.to_finalise(now).order_by("deadline_at")[:20]:
        mine = AssessmentBatch.objects.to_finalise(now).filter(pk=batch.pk)
        if mine.update(deadline_at=timezone.now() + lease()):
            return batch
    return None


def finalise(batch: AssessmentBatch, found: Scores) -> bool:
    """The one end of all ways: scores, state and event in one transaction. False if the batch had ended before."""
    with transaction.atomic():
        current = AssessmentBatch.objects.select_for_update().select_related("workspace").get(pk=batch.pk)
        if current.state != State.SCORING or not current.is_finalising:
            return False
        _keep(current, found, ScoringRun.Kind.FINAL)
        current.move_to(State.COMPLETED)
        events.publish_assessment_completed(
            current,
            completion_data=events.completed_envelope(current, told(found.rankings)),
            correlation_id=current.event_correlation_id,
        )
        progress.announce(current)
    logger.info("assessment %s completed (%s)", batch.pk, current.completion_mode)
    return True


def _keep(batch: AssessmentBatch, found: Scores, kind: str) -> None:
    ScoringRun.objects.create(
        batch=batch,
        kind=kind,
        comparisons=found.comparisons,
        rankings=found.rankings,
        panel=found.panel,
        disagreements=found.disagreements,
        duration_ms=found.duration_ms,
    )


def told(rankings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rankings as an event tells them: essay_id, rank, score, and the interval where there is one."""
    columns = ("essay_id", "rank", "score", "low", "high")
    return [{name: row.get(name) for name in columns} for row in rankings]
