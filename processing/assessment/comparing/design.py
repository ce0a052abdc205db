"""Which texts to compare: all pairs while they are few, else a connected random design; or, round by round, the pairs
that tell most. Items are numbers from 0; a pair is (shown first, shown second).

The random design is made of rings through all items in random order: one ring joins everything, each further one gives
every item two comparisons more. Each item is shown first as often as second, give or take one.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import combinations
from math import ceil, sqrt
from typing import Final

Pair = tuple[int, int]

ALL_PAIRS_UP_TO: Final = 15
APPEARANCES: Final = 15
"""Comparisons per item in a random design, between the 10 that give a usable order and the 20 that give a fine one."""
HOLD_OUT: Final = 0.1
"""Share of comparisons that are chosen by chance and kept to test the scores with."""
_NEAR: Final = 6


def pairs_of(count: int) -> int:
    """How many pairs there are: 10 items -> 45."""
    return count * (count - 1) // 2


def usual_budget(count: int) -> int:
    """Comparisons to ask for where nobody says: all pairs of a few items, else ``APPEARANCES`` for each."""
    return pairs_of(count) if count <= ALL_PAIRS_UP_TO else min(pairs_of(count), ceil(count * APPEARANCES / 2))


def design(count: int, budget: int, chance: random.Random) -> list[Pair]:
    """At most ``budget`` different pairs, each item about equally often; all of them if the budget allows it.

    The first ``count`` are a ring, so that even a part of the results joins all items. Needs a budget of at least
    ``count`` (or all pairs) to join everything.
    """
    if 2 * budget <= pairs_of(count):
        return balanced(_rings(count, budget, chance))
    return balanced(_all_but(count, max(0, pairs_of(count) - budget), chance)[:budget])


def _ring(count: int, chance: random.Random) -> list[Pair]:
    order = list(range(count))
    chance.shuffle(order)
    if count == 2:
        return [(order[0], order[1])]
    return [(order[place], order[(place + 1) % count]) for place in range(count)]


def _all_but(count: int, left_out: int, chance: random.Random) -> list[Pair]:
    """All pairs but so many, which are chosen as evenly: a ring first, then the others in random order."""
    ring = list(dict.fromkeys(_key(pair) for pair in _ring(count, chance)))
    without = {*ring, *_rings(count, left_out, chance, frozenset(ring))}
    others = [pair for pair in combinations(range(count), 2) if pair not in without]
    chance.shuffle(others)
    return ring + others


def _rings(count: int, budget: int, chance: random.Random, apart: frozenset[Pair] = frozenset()) -> list[Pair]:
    """Ring after ring without a pair twice, nor one of ``apart``; what a ring repeats is made up by items behind."""
    chosen: dict[Pair, None] = {}
    appearances = [0] * count
    while len(chosen) < budget:
        before = len(chosen)
        for pair in _ring(count, chance):
            if len(chosen) < budget and _key(pair) not in chosen and _key(pair) not in apart:
                _choose(pair, chosen, appearances)
        for pair in _behind(appearances, chosen.keys() | apart, chance):
            if len(chosen) < budget:
                _choose(pair, chosen, appearances)
        if len(chosen) == before:
            free = [pair for pair in combinations(range(count), 2) if pair not in chosen and pair not in apart]
            for pair in chance.sample(free, min(len(free), budget - len(chosen))):
                _choose(pair, chosen, appearances)
            break
    return list(chosen)


def _choose(pair: Pair, chosen: dict[Pair, None], appearances: list[int]) -> None:
    chosen[_key(pair)] = None
    for item in pair:
        appearances[item] += 1


def _behind(appearances: list[int], chosen: Collection[Pair], chance: random.Random) -> list[Pair]:
    """New pairs of items that have fewer appearances than the others."""
    most = max(appearances)
    behind = [item for item, times in enumerate(appearances) if times < most]
    chance.shuffle(behind)
    found: list[Pair] = []
    while len(behind) > 1:
        item = behind.pop()
        other = next((each for each in behind if _key((item, each)) not in chosen), None)
        if other is not None:
            behind.remove(other)
            found.append((item, other))
    return found


def _key(pair: Pair) -> Pair:
    return (min(pair), max(pair))


def balanced(pairs: Sequence[Pair]) -> list[Pair]:
    """The same pairs in the same order, turned so that each item is first as often as second, give or take one.

    A walk that uses each pair once leaves an item as often as it enters it; items with an odd number of pairs are tied
    to a place outside, whose edges are then forgotten.
    """
    edges: list[Pair] = list(pairs)
    degree: dict[int, int] = defaultdict(int)
    for first, second in edges:
        degree[first] += 1
        degree[second] += 1
    edges += [(item, -1) for item, times in degree.items() if times % 2]
    at: dict[int, list[int]] = defaultdict(list)
    for number, (first, second) in enumerate(edges):
        at[first].append(number)
        at[second].append(number)
    turned: dict[int, Pair] = {}
    for start in list(at):
        here = start
        while True:
            while at[here] and at[here][-1] in turned:
                at[here].pop()
            if not at[here]:
                break
            number = at[here].pop()
            first, second = edges[number]
            there = second if here == first else first
            turned[number] = (here, there)
            here = there
    return [turned[number] for number in range(len(pairs))]


def held_out(pairs: Sequence[Pair], count: int, chance: random.Random) -> set[int]:
    """Places of the pairs to test with: a tenth, by chance, none of the ring that joins all items; none of under 20."""
    free = range(min(count, len(pairs)), len(pairs))
    wanted = round(HOLD_OUT * len(pairs)) if len(pairs) >= 20 else 0
    return set(chance.sample(free, min(wanted, len(free))))


def telling(
    scores: Sequence[float], errors: Sequence[float], known: Collection[Pair], size: int, chance: random.Random
) -> list[Pair]:
    """The next round of an adaptive design: ``size`` new pairs of items that are close, as far as is known.

    Each pass draws a score for every item within its error and pairs neighbours, so items that are uncertain meet many.
    """
    count = len(scores)
    chosen: dict[Pair, None] = {}
    for _ in range(4 * ceil(2 * size / max(1, count)) + 8):
        drawn = [score + chance.gauss(0, error) for score, error in zip(scores, errors, strict=True)]
        waiting = sorted(range(count), key=lambda item: drawn[item])
        while len(waiting) > 1 and len(chosen) < size:
            item = waiting.pop()
            near = waiting[: -_NEAR - 1 : -1]
            other = next(
                (each for each in near if _key((item, each)) not in known and _key((item, each)) not in chosen), None
            )
            if other is not None:
                waiting.remove(other)
                chosen[_key((item, other))] = None
        if len(chosen) >= size:
            break
    return balanced(list(chosen))


def by_chance(count: int, known: Collection[Pair], size: int, chance: random.Random) -> list[Pair]:
    """``size`` new pairs, any as likely as any other (fewer if there are no more)."""
    left = pairs_of(count) - len(known)
    chosen: dict[Pair, None] = {}
    if left <= 4 * size:
        free = [pair for pair in combinations(range(count), 2) if pair not in known]
        chosen = dict.fromkeys(chance.sample(free, min(size, len(free))))
    while len(chosen) < min(size, left):
        pair = _key((chance.randrange(count), chance.randrange(count)))
        if pair[0] != pair[1] and pair not in known:
            chosen[pair] = None
    return balanced(list(chosen))


def round_size(count: int, budget: int) -> int:
    """How many comparisons an adaptive round has: two for each item, and at least a twentieth of the budget."""
    return max(1, count, ceil(budget / 20), ceil(sqrt(budget)))
