"""Scores from pairwise comparisons (Bradley and Terry 1952): P(i beats j) = 1 / (1 + exp(s_j - s_i)).

A tie is half a win for both. So that one-sided data have finite scores, each item is given ``PRIOR`` further
comparisons in thought, half won and half lost, spread over the opponents that it really met: a pair nobody compared
stays unknown, and items that no chain of comparisons joins stay on scales of their own. Half a win and half a loss are
also what takes the first-order bias out of a log-odds (Haldane 1956), so that the intervals hold what they promise.

Newton's method on the sparse graph, each step by conjugate gradients; errors from the inverse of the information.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

PRIOR: Final = 1.0
Z95: Final = 1.959963984540054
WHOLE_COVARIANCE: Final = 1_500
"""Items up to which errors of differences are exact; beyond, the (small) covariances of single items are left out."""
_BLOCK: Final = 256


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Judged comparisons of ``count`` items: item numbers and the left one's share of the win (1, 0.5 for a tie, 0)."""

    count: int
    left: Indices
    right: Indices
    share: Floats

    @classmethod
    def of(cls, count: int, judged: list[tuple[int, int, float]]) -> Comparisons:
        table = np.array(judged, dtype=np.float64).reshape(-1, 3)
        return cls(count, table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2])

    def __len__(self) -> int:
        return len(self.share)

    def only(self, chosen: NDArray[np.bool_]) -> Comparisons:
        """Those that are marked, of the same items."""
        return Comparisons(self.count, self.left[chosen], self.right[chosen], self.share[chosen])


@dataclass(frozen=True, slots=True)
class Fit:
    """``scores`` in logits; ``errors`` standard errors, NaN for an item that nobody compared.

    ``scale`` numbers the groups that comparisons join: scores of different ones cannot be compared. ``one_sided``: won
    or lost everything. ``best`` and ``worst``: the ranks that an item may have, each difference looked at with 95 %.
    """

    scores: Floats
    errors: Floats
    scale: Indices
    one_sided: NDArray[np.bool_]
    ranks: Indices
    best: Indices
    worst: Indices
    iterations: int

    @property
    def scales(self) -> int:
        return int(self.scale.max()) + 1 if len(self.scale) else 0

    def chance(self, left: Indices, right: Indices) -> Floats:
        """The probability that the left item wins."""
        return _sigmoid(self.scores[left] - self.scores[right])


def fit(
    data: Comparisons, *, prior: float = PRIOR, anchors: Mapping[int, float] | None = None, errors: bool = True
) -> Fit:
    """Fit all items. ``anchors`` (item -> score on another scale) move the scale that they are on, and errors then are
    of the distance to the mean of the anchors; else scores of a scale add up to 0. Without ``errors`` those are NaN,
    and ranks are only by score.
    """
    graph = _Graph(data, prior)
    scale = graph.scales()
    scores, iterations = _maximised(graph)
    weights = _references(data.count, scale, anchors or {})
    for number, (weight, mean) in weights.items():
        on_it = scale == number
        scores[on_it] += mean - weight[on_it] @ scores[on_it]
    deviations = np.full(data.count, np.nan)
    covariance: Floats | None = None
    if errors:
        covariance, deviations = _errors(graph, scores, scale, weights)
    ranks, best, worst = _ranked(scores, deviations, covariance, scale)
    return Fit(scores, deviations, scale, _one_sided(data), ranks, best, worst, iterations)


class _Graph:
    """Each pair that met, once: how often (with the prior), and how often the first one won."""

    def __init__(self, data: Comparisons, prior: float) -> None:
        self.count = data.count
        low, high = np.minimum(data.left, data.right), np.maximum(data.left, data.right)
        won = np.where(data.left == low, data.share, 1.0 - data.share)
        keys, place = np.unique(low * max(1, data.count) + high, return_inverse=True)
        self.first, self.second = keys // max(1, data.count), keys % max(1, data.count)
        self.met = np.bincount(place, minlength=len(keys)).astype(np.float64)
        self.won = np.bincount(place, weights=won, minlength=len(keys)).astype(np.float64)  # integers where empty
        if prior:
            opponents = self.spread(np.ones(len(keys)), signed=False)
            extra = prior / 2 * (1 / opponents[self.first] + 1 / opponents[self.second])
            self.met += extra
            self.won += extra / 2

    def spread(self, values: Floats, *, signed: bool = True) -> Floats:
        """Add the pairs' values up at their items: with the other sign at the second one if ``signed``."""
        at_first = np.bincount(self.first, values, self.count)
        at_second = np.bincount(self.second, values, self.count)
        added: Floats = (at_first - at_second if signed else at_first + at_second).astype(np.float64)
        return added

    def scales(self) -> Indices:
        """The number of the joined group that each item belongs to, the largest first."""
        root: Indices = np.arange(self.count, dtype=np.int64)
        while len(self.first):
            lower = np.minimum(root[self.first], root[self.second])
            before = root.copy()
            np.minimum.at(root, root[self.first], lower)
            np.minimum.at(root, root[self.second], lower)
            root = root[root]
            if np.array_equal(before, root):
                break
        _, place, sizes = np.unique(root, return_inverse=True, return_counts=True)
        order = np.argsort(-sizes, kind="stable")
        number = np.empty(len(order), dtype=np.int64)
        number[order] = np.arange(len(order))
        found: Indices = number[place]
        return found

    def likelihood(self, scores: Floats) -> float:
        gap = scores[self.first] - scores[self.second]
        return float(np.sum(self.won * gap - self.met * np.logaddexp(0.0, gap)))

    def slope(self, scores: Floats) -> tuple[Floats, Floats]:
        """(Gradient at the items, information of the pairs)."""
        chance = _sigmoid(scores[self.first] - scores[self.second])
        return self.spread(self.won - self.met * chance), self.met * chance * (1 - chance)

    def solve(self, information: Floats, wanted: Floats) -> Floats:
        """x with L x = ``wanted``, L being the graph's Laplacian, by conjugate gradients scaled by the diagonal."""
        diagonal = np.maximum(self.spread(information, signed=False), 1e-300)
        x = np.zeros(self.count)
        rest = wanted.copy()
        scaled = rest / diagonal
        direction = scaled.copy()
        energy = float(rest @ scaled)
        target = 1e-16 * energy
        for _ in range(10 * self.count + 100):
            if energy <= target or energy < 1e-280:
                break
            ahead = self.spread(information * (direction[self.first] - direction[self.second]))
            bend = float(direction @ ahead)
            if bend <= 0:
                break
            x += energy / bend * direction
            rest -= energy / bend * ahead
            scaled = rest / diagonal
            former, energy = energy, float(rest @ scaled)
            direction = scaled + energy / former * direction
        return x


def _maximised(graph: _Graph) -> tuple[Floats, int]:
    """(Scores at the maximum, steps). The likelihood is concave, so a step that does not go up is halved."""
    scores = np.zeros(graph.count)
    value = graph.likelihood(scores)
    for step in range(1, 101):
        gradient, information = graph.slope(scores)
        if np.max(np.abs(gradient), initial=0.0) < 1e-9 * max(1.0, float(np.max(graph.met, initial=0.0))):
            return scores, step
        change = graph.solve(information, gradient)
        length = 1.0
        while (reached := graph.likelihood(scores + length * change)) < value - 1e-12 * (1 + abs(value)):
            length /= 2
        scores, value = scores + length * change, reached
    return scores, 100


def _references(count: int, scale: Indices, anchors: Mapping[int, float]) -> dict[int, tuple[Floats, float]]:
    """For each scale what its zero is measured from: (weights of its items, the value of their mean)."""
    found: dict[int, tuple[Floats, float]] = {}
    for number in range(int(scale.max()) + 1 if count else 0):
        held = [item for item in anchors if scale[item] == number]
        weight = np.zeros(count)
        chosen = np.array(held, dtype=np.int64) if held else np.flatnonzero(scale == number)
        weight[chosen] = 1 / len(chosen)
        found[number] = (weight, float(np.mean([anchors[item] for item in held])) if held else 0.0)
    return found


def _errors(
    graph: _Graph, scores: Floats, scale: Indices, weights: dict[int, tuple[Floats, float]]
) -> tuple[Floats | None, Floats]:
    """(Covariance of scores that add up to 0 on each scale, if it is not too large; standard errors)."""
    count = graph.count
    covariance = np.zeros((count, count)) if count <= WHOLE_COVARIANCE else None
    variances = np.full(count, np.nan)
    _, information = graph.slope(scores)
    for number, (weight, _) in weights.items():
        items = np.flatnonzero(scale == number)
        if len(items) < 2:
            continue
        matrix = _laplacian(graph, information, items)
        if covariance is not None:
            block = np.linalg.inv(matrix) - 1 / len(items)
            covariance[np.ix_(items, items)] = block
            diagonal, leaning = np.diag(block).copy(), block @ weight[items]
        else:
            diagonal = _inverse_diagonal(matrix) - 1 / len(items)
            off_zero = np.zeros(count)
            off_zero[items] = weight[items] - 1 / len(items)
            leaning = graph.solve(information, off_zero)[items]
            leaning -= leaning.mean()
        variances[items] = diagonal - 2 * leaning + weight[items] @ leaning
    return covariance, np.sqrt(np.maximum(variances, 0.0))


def _laplacian(graph: _Graph, information: Floats, items: Indices) -> Floats:
    """The scale's information matrix, made invertible by 1/k in each cell (which changes no difference)."""
    size = len(items)
    place = np.full(graph.count, -1)
    place[items] = np.arange(size)
    first, second = place[graph.first], place[graph.second]
    here = first >= 0
    first, second, value = first[here], second[here], information[here]
    matrix = np.full((size, size), 1 / size)
    matrix[first, second] -= value
    matrix[second, first] -= value
    sums = np.bincount(first, value, size) + np.bincount(second, value, size)
    matrix[np.arange(size), np.arange(size)] += sums
    return matrix


def _inverse_diagonal(matrix: Floats) -> Floats:
    """The diagonal of a positive definite matrix's inverse: the squares of its Cholesky factor's inverse, added up by
    columns. Factor and inverse take the matrix's own place, block by block: one such matrix is all that is held.
    """
    size = len(matrix)
    blocks = [slice(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK)]
    for rows in blocks:
        if rows.start:
            matrix[rows.start :, rows] -= matrix[rows.start :, : rows.start] @ matrix[rows, : rows.start].T
        corner = np.linalg.cholesky(matrix[rows, rows])
        matrix[rows, rows] = corner
        matrix[rows.stop :, rows] = matrix[rows.stop :, rows] @ np.linalg.inv(corner).T
        matrix[rows, rows.stop :] = 0
    for rows in blocks:
        corner = np.linalg.inv(matrix[rows, rows])
        if rows.start:
            before = slice(0, rows.start)
            matrix[rows, before] = -corner @ (matrix[rows, before] @ matrix[before, before])
        matrix[rows, rows] = np.tril(corner)
    squares = np.zeros(size)
    for rows in blocks:
        squares += np.square(matrix[rows]).sum(axis=0)
    return squares


def _ranked(
    scores: Floats, errors: Floats, covariance: Floats | None, scale: Indices
) -> tuple[Indices, Indices, Indices]:
    """(Rank by score, best rank, worst rank): worse than all that are clearly better, better than all clearly worse."""
    count = len(scores)
    ranks = np.empty(count, dtype=np.int64)
    ranks[np.lexsort((np.arange(count), -scores))] = np.arange(1, count + 1)
    best, worst = np.ones(count, dtype=np.int64), np.full(count, count, dtype=np.int64)
    variances = np.square(np.nan_to_num(errors, nan=np.inf))
    for start in range(0, count, 500):
        rows = slice(start, start + 500)
        if covariance is None:
            spread = variances[rows, None] + variances[None, :]
        else:
            own = np.diag(covariance)
            spread = own[rows, None] + own[None, :] - 2 * covariance[rows]
            spread = np.where(np.isfinite(variances[rows, None] + variances[None, :]), spread, np.inf)
        gap = scores[None, :] - scores[rows, None]
        comparable = scale[rows, None] == scale[None, :]
        clear = comparable & (np.abs(gap) > Z95 * np.sqrt(np.maximum(spread, 0.0)))
        best[rows] += np.sum(clear & (gap > 0), axis=1)
        worst[rows] -= np.sum(clear & (gap < 0), axis=1)
    return ranks, best, worst


def _one_sided(data: Comparisons) -> NDArray[np.bool_]:
    """Items that won everything or nothing: where they stand beyond their neighbours is a guess."""
    won = np.bincount(data.left, data.share, data.count) + np.bincount(data.right, 1 - data.share, data.count)
    met = np.bincount(data.left, minlength=data.count) + np.bincount(data.right, minlength=data.count)
    sided: NDArray[np.bool_] = (met > 0) & ((won == 0) | (won == met))
    return sided


def _sigmoid(gap: Floats) -> Floats:
    value: Floats = 0.5 * (1 + np.tanh(gap / 2))
    return value
