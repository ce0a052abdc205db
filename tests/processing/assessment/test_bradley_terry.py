"""Scores: against independent fits, on data that plain likelihood cannot do, and against truths that are known."""

import importlib
import math
import random

import numpy as np
import pytest

from processing.assessment.comparing.bradley_terry import Comparisons, fit
from processing.assessment.comparing.design import design
from processing.assessment.comparing.measures import rank_correlation
from tests.assessments import simulated


@pytest.fixture(scope="module")
def choix():
    """Imported late: it brings SciPy, for a second in each process that collects tests."""
    return importlib.import_module("choix")


def fitted(count, judged, **options):
    return fit(Comparisons.of(count, judged), **options)


@pytest.mark.parametrize(("count", "budget", "seed"), [(6, 200, 1), (12, 400, 2), (40, 1200, 3)])
def test_the_likelihood_fit_is_that_of_choix(choix, count, budget, seed):
    chance = random.Random(seed)
    pairs = [tuple(chance.sample(range(count), 2)) for _ in range(budget)]
    _, judged = simulated(count, pairs, seed, spread=0.8)
    won = [(one, other) if share else (other, one) for one, other, share in judged]

    theirs = choix.opt_pairwise(count, won, alpha=0, method="Newton-CG", tol=1e-12)
    ours = fitted(count, judged, prior=0, errors=False).scores

    np.testing.assert_allclose(ours, theirs - theirs.mean(), atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_regularised_fit_is_that_of_choix_with_the_same_thoughts(choix, seed):
    count = 15
    _truth, judged = simulated(count, design(count, 60, random.Random(seed)), seed)
    met = {(min(one, other), max(one, other)) for one, other, _ in judged}
    opponents = [sum(item in pair for pair in met) for item in range(count)]
    table = np.zeros((count, count))
    for one, other, share in judged:
        table[one, other] += share
        table[other, one] += 1 - share
    for one, other in met:
        extra = 0.25 * (1 / opponents[one] + 1 / opponents[other])
        table[one, other] += extra
        table[other, one] += extra

    theirs = choix.ilsr_pairwise_dense(table, alpha=0, tol=1e-12)

    np.testing.assert_allclose(fitted(count, judged).scores, theirs - theirs.mean(), atol=1e-6)


def test_errors_are_those_of_the_inverse_information():
    """Two texts, ten comparisons: the error of the difference by hand."""
    judged = [(0, 1, 1.0)] * 6 + [(0, 1, 0.0)] * 4

    found = fitted(2, judged, prior=0)

    gap = math.log(6 / 4)
    variance = 1 / (10 * 0.6 * 0.4)
    np.testing.assert_allclose(found.scores, [gap / 2, -gap / 2], atol=1e-9)
    np.testing.assert_allclose(found.errors, [math.sqrt(variance) / 2] * 2, atol=1e-9)


@pytest.mark.parametrize(("won", "worst"), [(8, 2), (9, 1)])
def test_a_rank_is_sure_once_the_difference_is(won, worst):
    """8 of 10: the difference is 1.39 with an error of 0.79, so not sure; 9 of 10: 2.20 with 1.05, sure."""
    found = fitted(2, [(0, 1, 1.0)] * won + [(0, 1, 0.0)] * (10 - won), prior=0)

    assert found.worst[0] == worst


def test_one_sided_data_have_finite_scores_and_wide_intervals():
    pairs = [(one, other) for one in range(10) for other in range(one + 1, 10)]
    clear = fitted(10, [(one, other, 1.0) for one, other in pairs])
    _, mixed_results = simulated(10, pairs, 4, spread=0.5)
    mixed = fitted(10, mixed_results)

    assert np.isfinite(clear.scores).all()
    assert list(np.argsort(-clear.scores)) == list(range(10))
    assert list(np.flatnonzero(clear.one_sided)) == [0, 9]
    assert clear.errors[0] > 1.5 * np.median(mixed.errors)


def test_all_ties_are_no_difference():
    found = fitted(3, [(0, 1, 0.5), (1, 2, 0.5), (0, 2, 0.5)])

    np.testing.assert_allclose(found.scores, 0, atol=1e-9)
    assert list(found.best) == [1, 1, 1]
    assert list(found.worst) == [3, 3, 3]


def test_groups_that_nothing_joins_are_named():
    found = fitted(6, [(0, 1, 1.0), (1, 2, 1.0), (3, 4, 1.0)])

    assert list(found.scale) == [0, 0, 0, 1, 1, 2]
    assert found.scales == 3
    assert math.isnan(found.errors[5])
    assert (found.best[5], found.worst[5]) == (1, 6)


def test_ranks_are_sure_within_a_group_only():
    lopsided = [1.0] * 18 + [0.0] * 2
    found = fitted(4, [(0, 1, share) for share in lopsided] + [(2, 3, share) for share in lopsided])

    assert list(found.best) == [1, 2, 1, 2]
    assert list(found.worst) == [3, 4, 3, 4]


def test_no_comparison_at_all():
    found = fitted(3, [])

    assert list(found.scores) == [0, 0, 0]
    assert found.scales == 3


def test_anchors_move_the_scale():
    _truth, judged = simulated(8, design(8, 28, random.Random(1)) * 4, 1)
    free = fitted(8, judged)

    anchored = fitted(8, judged, anchors={0: 5.0, 3: 7.0})

    assert anchored.scores[[0, 3]].mean() == pytest.approx(6.0)
    np.testing.assert_allclose(np.diff(anchored.scores), np.diff(free.scores), atol=1e-9)
    assert fitted(8, judged, anchors={2: 1.0}).errors[2] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(("count", "budget", "at_least"), [(10, 45, 0.75), (40, 400, 0.85), (200, 2000, 0.88)])
def test_known_orders_are_recovered(count, budget, at_least):
    correlations = []
    for seed in range(20):
        truth, judged = simulated(count, design(count, budget, random.Random(seed)), seed)
        correlations.append(rank_correlation(fitted(count, judged, errors=False).scores, np.array(truth)))

    assert np.mean(correlations) > at_least


@pytest.mark.parametrize(("count", "budget"), [(10, 45), (30, 300), (60, 450)])
def test_intervals_cover_the_truth_as_often_as_they_say(count, budget):
    covered = []
    for seed in range(150):
        truth, judged = simulated(count, design(count, budget, random.Random(seed)), seed)
        found = fitted(count, judged)
        covered.extend(np.abs(found.scores - truth) < 1.96 * found.errors)

    assert 0.935 < np.mean(covered) < 0.985


def test_ranks_that_an_item_may_have_hold_the_true_one():
    """95 % for each difference: the range misses the true rank seldom."""
    held = []
    for seed in range(40):
        truth, judged = simulated(30, design(30, 300, random.Random(seed)), seed)
        found = fitted(30, judged)
        ranks = np.empty(30, dtype=int)
        ranks[np.argsort(-np.array(truth))] = np.arange(1, 31)
        held.extend((found.best <= ranks) & (ranks <= found.worst))

    assert np.mean(held) > 0.9


def test_many_items_give_the_same_errors_as_few(monkeypatch):
    """The way for thousands of items against the exact one."""
    _truth, judged = simulated(300, design(300, 2500, random.Random(3)), 3)
    exact = fitted(300, judged, anchors={0: 1.0, 1: 0.0})
    monkeypatch.setattr("processing.assessment.comparing.bradley_terry.WHOLE_COVARIANCE", 100)

    found = fitted(300, judged, anchors={0: 1.0, 1: 0.0})

    np.testing.assert_allclose(found.errors, exact.errors, atol=1e-8)
