"""From texts to comparisons: which pairs, in which order, for which judge. What is random follows the batch's seed."""

from __future__ import annotations

import random
import uuid
from typing import Final

from django.db import transaction
from django.utils import timezone

from processing.engine.queue import enqueue, workers_on
from sessions_app.errors import WrongState

from . import counting, events, progress
from .comparing import design
from .comparing.design import Pair
from .models import AssessmentBatch, ComparisonPair
from .models.batches import MOST_COMPARISONS, TAKING, State
from .models.comparisons import JudgeKind

JOB: Final = "processing.assessment.generating.generate_pairs_job"
JUDGE: Final = "processing.assessment.judges.room.judge_job"
FIRST_APPEARANCES: Final = 4
"""Comparisons per item that an adaptive design starts with, chosen by chance."""
LOOK_AGAIN: Final = 120
"""Seconds after which the monitor takes a job that chooses pairs for lost."""
PER_WORKER: Final = 32


def copies(batch: AssessmentBatch) -> float:
    """How many comparisons a pair makes on average: one, and for the shared ones one for each further judge."""
    return 1 + batch.overlap * (len(batch.judges) - 1)


def usual_budget(batch: AssessmentBatch, items: int) -> int:
    """All pairs of a few items, else 15 comparisons for each; an A/B comparison has one pair per thing."""
    pairs = items // 2 if batch.kind == AssessmentBatch.Kind.AB else design.usual_budget(items)
    return min(MOST_COMPARISONS, max(1, int(pairs * copies(batch))))


def generate_pairs_job(batch_id: str) -> None:
    """Choose and write the pairs, and wait for results. Safe to be delivered twice: all of it is one transaction."""
    with transaction.atomic():
        batch = AssessmentBatch.objects.select_for_update().filter(pk=uuid.UUID(batch_id)).first()
        if batch is None or batch.state != State.GENERATING_PAIRS:
            return
        items = list(batch.items.order_by("number").values_list("pk", "pair_key", "variant"))
        chance = random.Random(batch.chance_seed)  # noqa: S311 - a design, not a secret
        if batch.kind == AssessmentBatch.Kind.AB:
            chosen, held_out = _within_things(items, chance), set[int]()
        else:
            wanted = max(1, int(batch.total_budget / copies(batch)))
            if batch.adaptive:
                wanted = min(wanted, len(items) * FIRST_APPEARANCES // 2)
            chosen = design.design(len(items), wanted, chance)
            held_out = design.held_out(chosen, len(items), chance)
        written = _write(batch, [item for item, _, _ in items], chosen, held_out, chance)
        batch.move_to(
            State.WAITING_CALLBACKS,
            only_from=State.GENERATING_PAIRS,
            total_comparisons=written,
            total_budget=batch.total_budget if batch.adaptive else written,
            deadline_at=batch.due_in(batch.timeout_seconds),
        )
        if batch.asks_outside:
            events.publish(
                batch,
                events.READY,
                {
                    "event_name": "cj_assessment.comparisons_ready",
                    "entity_ref": batch.outside_id or str(batch.pk),
                    "cj_assessment_job_id": str(batch.pk),
                    "comparisons": batch.comparison_pairs.filter(judge_kind=JudgeKind.OUTSIDE).count(),
                    "comparisons_url": f"/api/assessments/{batch.pk}/comparisons?judge_kind=outside",
                },
            )
        progress.announce(batch)
        call_judges(batch)


def call_judges(batch: AssessmentBatch) -> None:
    """Wake as many workers as there is work for."""
    waiting = batch.comparison_pairs.for_model(timezone.now()).count()
    if waiting and not batch.hold_reason:
        for _ in range(min(workers_on("llm"), -(-waiting // PER_WORKER))):
            enqueue(JUDGE, str(batch.pk), queue="llm")


def _within_things(items: list[tuple[uuid.UUID, str, str]], chance: random.Random) -> list[Pair]:
    """Each thing's two texts against each other, A first as often as B."""
    places: dict[str, dict[str, int]] = {}
    for place, (_, key, variant) in enumerate(items):
        places.setdefault(key, {})[variant] = place
    whole = [(each["A"], each["B"]) for each in places.values() if len(each) == 2]
    chance.shuffle(whole)
    turned = [pair if place % 2 else (pair[1], pair[0]) for place, pair in enumerate(whole)]
    chance.shuffle(turned)
    return turned


def _write(
    batch: AssessmentBatch,
    items: list[uuid.UUID],
    chosen: list[Pair],
    held_out: set[int],
    chance: random.Random,
    *,
    number: int = 1,
) -> int:
    """Deal pairs to judges in turn; a share of them (``overlap``) to all judges, every other time turned round."""
    judges = batch.judges
    shared = set(chance.sample(range(len(chosen)), round(batch.overlap * len(chosen)))) if len(judges) > 1 else set()
    turns = list(range(len(judges)))
    rows: list[ComparisonPair] = []
    first = batch.total_comparisons
    for place, pair in enumerate(chosen):
        if place % len(judges) == 0:
            chance.shuffle(turns)
        for judge_place in range(len(judges)) if place in shared else (turns[place % len(judges)],):
            is_turned = place in shared and judge_place % 2 == 1
            one, other = reversed(pair) if is_turned else pair
            judge = judges[judge_place]
            rows.append(
                ComparisonPair(
                    batch=batch,
                    essay_a_id=items[one],
                    essay_b_id=items[other],
                    position=first + len(rows) + 1,
                    round=number,
                    is_held_out=place in held_out,
                    judge_kind=judge["kind"],
                    judge_place=judge_place,
                    judge=judge_name(judge),
                )
            )
    ComparisonPair.objects.bulk_create(rows, batch_size=1_000)
    return len(rows)


def judge_name(judge: dict[str, str]) -> str:
    """What a judge is called: its provider and model, or its kind. People get their name with their result."""
    if judge["kind"] == JudgeKind.MODEL:
        return f"{judge.get('provider', '')} {judge.get('model', '')}".strip()
    return judge["kind"]


def next_round_job(batch_id: str) -> None:
    """The next pairs of an adaptive design, from what is known by now; or the end of it. Safe to be delivered twice."""
    from .scoring import fitted, judged

    with transaction.atomic():
        batch = AssessmentBatch.objects.select_for_update().filter(pk=uuid.UUID(batch_id)).first()
        if batch is None or batch.state not in TAKING or batch.is_finalising or not batch.adaptive:
            return
        if batch.processed < batch.total_comparisons or batch.total_comparisons >= batch.total_budget:
            return
        items = list(batch.items.order_by("number").values_list("pk", flat=True))
        found = fitted(judged(batch))
        if batch.target_reliability and design_is_enough(batch, found.reliability):
            _close_budget(batch)
            return
        places = {key: place for place, key in enumerate(items)}
        known = {
            (min(pair), max(pair))
            for pair in (
                (places[one], places[other])
                for one, other in batch.comparison_pairs.values_list("essay_a_id", "essay_b_id")
            )
        }
        chance = random.Random(batch.chance_seed + batch.total_comparisons)  # noqa: S311 - a design, not a secret
        left = max(1, int((batch.total_budget - batch.total_comparisons) / copies(batch)))
        size = min(left, design.round_size(len(items), batch.total_budget))
        by_chance = design.by_chance(len(items), known, max(1, round(design.HOLD_OUT * size)), chance)
        known |= {(min(pair), max(pair)) for pair in by_chance}
        errors = [error if error == error else 1.0 for error in found.fit.errors.tolist()]  # noqa: PLR0124 - NaN
        told = design.telling(found.fit.scores.tolist(), errors, known, max(0, size - len(by_chance)), chance)
        latest = batch.comparison_pairs.order_by("-round").values_list("round", flat=True).first() or 1
        chosen = [*by_chance, *told]
        if not chosen:
            _close_budget(batch)
            return
        written = _write(batch, items, chosen, set(range(len(by_chance))), chance, number=latest + 1)
        total = batch.total_comparisons + written
        AssessmentBatch.objects.filter(pk=batch.pk).update(
            total_comparisons=total, total_budget=max(total, batch.total_budget)
        )
        batch.refresh_from_db()
        progress.announce(batch)
        call_judges(batch)


def design_is_enough(batch: AssessmentBatch, reliability: float) -> bool:
    return batch.target_reliability is not None and reliability >= batch.target_reliability


def _close_budget(batch: AssessmentBatch) -> None:
    """Scores are good enough, or there is no pair left: what was asked is all that will be."""
    AssessmentBatch.objects.filter(pk=batch.pk).update(total_budget=batch.total_comparisons)
    batch.refresh_from_db()
    counting.advance(batch)
    if not batch.is_terminal:
        progress.announce(batch)


def start(batch: AssessmentBatch) -> None:
    """Accept a batch: pairs are chosen by the next worker."""
    if batch.items.count() < 2:
        raise WrongState("It takes two texts to compare.", recovery_actions=("Add texts.",))
    with transaction.atomic():
        batch.move_to(State.GENERATING_PAIRS, started_at=timezone.now(), deadline_at=batch.due_in(LOOK_AGAIN))
        progress.announce(batch)
        enqueue(JOB, str(batch.pk), queue="default")
