"""Comparisons by people: the next pair for somebody, and what they say of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from django.db.models import Exists, OuterRef, Q

from .counting import Counted, Result, record
from .models import AssessmentBatch, ComparisonPair, PairSkip
from .models.batches import TAKING
from .models.comparisons import JudgeKind, Winner

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    Person = AbstractBaseUser | AnonymousUser

AHEAD: Final = 20
CHOICES: Final = {"left": Winner.ESSAY_A, "right": Winner.ESSAY_B, "tie": Winner.TIE}


def waiting_for_people(batch: AssessmentBatch) -> int:
    return batch.comparison_pairs.waiting().filter(judge_kind=JudgeKind.PERSON).count()


def next_pair(batch: AssessmentBatch, person: Person) -> ComparisonPair | None:
    """One that waits, that they have neither skipped nor judged before (as another judge's seat).

    Each person starts at another place among the next ones, so that several seldom have the same pair before them.
    """
    if batch.state not in TAKING or batch.is_finalising:
        return None
    skipped = PairSkip.objects.filter(pair=OuterRef("pk"), user_id=person.pk or 0)
    same_two = Q(essay_a=OuterRef("essay_a"), essay_b=OuterRef("essay_b")) | Q(
        essay_a=OuterRef("essay_b"), essay_b=OuterRef("essay_a")
    )
    judged = ComparisonPair.objects.filter(same_two, batch=batch, judged_by_id=person.pk)
    waiting = batch.comparison_pairs.waiting().filter(judge_kind=JudgeKind.PERSON)
    free = waiting.exclude(Exists(skipped)).exclude(Exists(judged)).select_related("essay_a", "essay_b")
    near = list(free.order_by("position")[:AHEAD])
    if not near:
        return None
    first = near[0].position
    return min(near, key=lambda pair: (pair.position - first) // 4 * 1_000 + _lot(pair, person))


def _lot(pair: ComparisonPair, person: Person) -> int:
    return hashlib.sha256(f"{pair.pk}:{person.pk}".encode()).digest()[0]


def judge(pair: ComparisonPair, person: Person, choice: str, reason: str = "") -> Counted:
    """``choice``: left, right or tie. DUPLICATE if somebody else was faster."""
    name = person.get_username() if person.is_authenticated else ""
    result = Result(CHOICES[choice], judge=f"person {name}", reason=reason[:1000], judged_by_id=person.pk)
    return record(result, pk=pair.pk, judge_kind=JudgeKind.PERSON)


def skip(pair: ComparisonPair, person: Person) -> None:
    """They cannot say; somebody else may."""
    PairSkip.objects.get_or_create(pair=pair, user_id=person.pk or 0)
