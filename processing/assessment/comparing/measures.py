"""How far comparisons and the scores made of them can be trusted. Each function has one question and one answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .bradley_terry import Z95, Comparisons, Fit, Floats, Indices, fit

SPLITS: Final = 10
FOLDS: Final = 10
ENOUGH_HELD_OUT: Final = 200
_MANY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Share:
    """``hits`` of ``count``, with Wilson's interval of 95 %."""

    hits: float
    count: int

    @property
    def value(self) -> float:
        return self.hits / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """(0, 1) if nothing was counted."""
        if not self.count:
            return 0.0, 1.0
        share, square = self.value, Z95 * Z95
        middle = (share + square / (2 * self.count)) / (1 + square / self.count)
        half = Z95 / (1 + square / self.count)
        half *= math.sqrt(share * (1 - share) / self.count + square / (4 * self.count**2))
        return max(0.0, middle - half), min(1.0, middle + half)

    def excludes(self, value: float) -> bool:
        low, high = self.interval
        return not low <= value <= high


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often scores made of other comparisons said who would win. ``expected``: how often they would be right if
    the model held; ``held_out``: measured on comparisons chosen for it beforehand, not by taking turns.
    """

    share: Share
    expected: float
    held_out: bool


def accuracy(data: Comparisons, held_out: NDArray[np.bool_], *, by_chance: bool) -> Accuracy:
    """Predict what was held out from all the rest. With too few of them, and pairs that were all chosen ``by_chance``,
    each comparison in turn is predicted from the others (all comparisons of one pair together).
    """
    decided = data.share != 0.5
    if int(np.sum(held_out & decided)) >= ENOUGH_HELD_OUT or not by_chance:
        return _predicted(data, [held_out], is_held_out=True)
    low, high = np.minimum(data.left, data.right), np.maximum(data.left, data.right)
    _, pair = np.unique(low * data.count + high, return_inverse=True)
    order = np.random.default_rng(1).permutation(int(pair.max()) + 1 if len(pair) else 0)
    fold = order[pair] % FOLDS if len(pair) else np.zeros(0, dtype=np.int64)
    return _predicted(data, [fold == number for number in range(FOLDS)], is_held_out=False)


def _predicted(data: Comparisons, parts: list[NDArray[np.bool_]], *, is_held_out: bool) -> Accuracy:
    hits, count, expected = 0.0, 0, 0.0
    for part in parts:
        asked = part & (data.share != 0.5)
        if not asked.any():
            continue
        known = fit(data.only(~part), errors=False)
        one_scale = known.scale[data.left] == known.scale[data.right]
        asked &= one_scale
        chance = known.chance(data.left[asked], data.right[asked])
        told = np.where(np.abs(chance - 0.5) < 1e-9, 0.5, chance > 0.5)
        hits += float(np.sum(np.where(told == 0.5, 0.5, told == data.share[asked])))
        count += int(asked.sum())
        expected += float(np.sum(np.maximum(chance, 1 - chance)))
    return Accuracy(Share(hits, count), expected / count if count else math.nan, is_held_out)


def reliability(found: Fit) -> float:
    """Scale separation reliability: the share of the scores' variance that is not error; NaN for fewer than three
    items on the largest scale.
    """
    on_it = (found.scale == 0) & np.isfinite(found.errors)
    if int(on_it.sum()) < 3:
        return math.nan
    variance = float(np.var(found.scores[on_it], ddof=1))
    error = float(np.mean(np.square(found.errors[on_it])))
    return max(0.0, 1 - error / variance) if variance > 0 else 0.0


def split_half(data: Comparisons) -> float:
    """The mean correlation of scores from random halves of the comparisons, stepped up to the whole (Spearman-Brown);
    NaN where halves are too small to say anything.
    """
    if data.count < 3 or len(data) < 2 * data.count:
        return math.nan
    chance = np.random.default_rng(2)
    found: list[float] = []
    for _ in range(SPLITS if data.count <= _MANY else 2):
        half = chance.permutation(len(data)) % 2 == 0
        one, other = (fit(data.only(part), errors=False).scores for part in (half, ~half))
        if np.std(one) > 0 and np.std(other) > 0:
            found.append(float(np.corrcoef(one, other)[0, 1]))
    if not found:
        return math.nan
    mean = float(np.mean(found))
    return max(-1.0, 2 * mean / (1 + mean)) if mean > -0.5 else -1.0


def item_fit(data: Comparisons, found: Fit) -> Floats:
    """For each item the mean square of its surprises, weighted by information (infit): 1 as expected, above 1.5 judges
    disagree about it; NaN for one that nobody compared.
    """
    surprise, information = _surprises(data, found)
    top = np.bincount(data.left, surprise, data.count) + np.bincount(data.right, surprise, data.count)
    bottom = np.bincount(data.left, information, data.count) + np.bincount(data.right, information, data.count)
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Floats = np.where(bottom > 0, top / bottom, np.nan)
    return value


@dataclass(frozen=True, slots=True)
class JudgeFit:
    """``infit`` as of items; ``agreement``: how often the judge chose what the scores say."""

    judge: str
    count: int
    infit: float
    agreement: Share
    ties: int


def judge_fits(data: Comparisons, found: Fit, judges: list[str]) -> list[JudgeFit]:
    surprise, information = _surprises(data, found)
    chance = found.chance(data.left, data.right)
    names = np.array(judges)
    result = []
    for name in sorted(set(judges)):
        mine = names == name
        decided = mine & (data.share != 0.5)
        agreed = float(np.sum((chance[decided] > 0.5) == (data.share[decided] == 1)))
        weight = float(information[mine].sum())
        result.append(
            JudgeFit(
                name,
                int(mine.sum()),
                float(surprise[mine].sum()) / weight if weight > 0 else math.nan,
                Share(agreed, int(decided.sum())),
                int(np.sum(data.share[mine] == 0.5)),
            )
        )
    return result


def _surprises(data: Comparisons, found: Fit) -> tuple[Floats, Floats]:
    chance = found.chance(data.left, data.right)
    return np.square(data.share - chance), chance * (1 - chance)


def most_surprising(data: Comparisons, found: Fit, at_most: int = 20) -> list[tuple[int, float]]:
    """(Place of the comparison, how likely its result was) of those that contradict the scores most: below 25 %."""
    chance = found.chance(data.left, data.right)
    likely = np.where(data.share == 1, chance, np.where(data.share == 0, 1 - chance, 1.0))
    order = np.argsort(likely)[:at_most]
    return [(int(place), float(likely[place])) for place in order if likely[place] < 0.25]


def first_shown_wins(data: Comparisons) -> Share:
    """How often the text that was shown first won. The design shows each as often first as second: fair is one half."""
    decided = data.share != 0.5
    return Share(float(np.sum(data.share[decided] == 1)), int(decided.sum()))


def longer_wins(data: Comparisons, lengths: Indices) -> Share:
    """How often the longer text won, of pairs whose lengths differ by a tenth and more."""
    one, other = lengths[data.left], lengths[data.right]
    differ = (np.abs(one - other) >= 0.1 * np.maximum(one, other)) & (one != other) & (data.share != 0.5)
    return Share(float(np.sum((one > other)[differ] == (data.share[differ] == 1))), int(differ.sum()))


def own_wins(data: Comparisons, judges: list[str], writers: list[str]) -> tuple[Share, Share]:
    """How often texts of the judge's own model won against others': (by that judge, by all other judges)."""
    mine, others = [0.0, 0], [0.0, 0]
    known = set(writers) - {""}
    for place in range(len(data)):
        one, other = writers[data.left[place]], writers[data.right[place]]
        if one == other or data.share[place] == 0.5 or not {one, other} & known:
            continue
        judge = judges[place]
        winner, loser = (one, other) if data.share[place] == 1 else (other, one)
        if judge in (one, other):
            mine[0] += winner == judge
            mine[1] += 1
        else:
            judged_elsewhere = {winner, loser} & set(judges)
            for writer in judged_elsewhere:
                others[0] += winner == writer
                others[1] += 1
    return Share(mine[0], int(mine[1])), Share(others[0], int(others[1]))


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's; NaN if one of them is all the same."""
    ranks = [np.argsort(np.argsort(values)).astype(np.float64) for values in (one, other)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1]) if all(np.std(values) > 0 for values in ranks) else math.nan
