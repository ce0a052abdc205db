"""Which texts are compared."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from processing.assessment.comparing.design import (
    balanced,
    by_chance,
    design,
    held_out,
    pairs_of,
    telling,
    usual_budget,
)


def key(pair):
    return (min(pair), max(pair))


def joined(count, pairs):
    groups = list(range(count))
    for one, other in pairs:
        old, new = groups[one], groups[other]
        groups = [new if group == old else group for group in groups]
    return len(set(groups)) == 1


def test_ten_essays_make_45_pairs():
    assert usual_budget(10) == 45
    assert {key(pair) for pair in design(10, 45, random.Random(1))} == {
        (one, other) for one in range(10) for other in range(one + 1, 10)
    }


def test_many_texts_have_10_to_20_comparisons_each():
    budget = usual_budget(899)
    appearances = Counter(item for pair in design(899, budget, random.Random(1)) for item in pair)

    assert budget < 7_000
    assert len(appearances) == 899
    assert 10 <= min(appearances.values()) <= max(appearances.values()) <= 20


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 60), st.floats(0, 1), st.integers(0, 1_000))
def test_a_design_is_distinct_joined_even_and_balanced(count, share, seed):
    least = min(count, pairs_of(count))
    budget = least + int(share * (pairs_of(count) - least))

    chosen = design(count, budget, random.Random(seed))

    assert len(chosen) == budget
    assert len({key(pair) for pair in chosen}) == budget
    assert joined(count, chosen)
    assert joined(count, chosen[:count])
    first, second = Counter(one for one, _ in chosen), Counter(other for _, other in chosen)
    assert all(abs(first[item] - second[item]) <= 1 for item in range(count))
    appearances = [first[item] + second[item] for item in range(count)]
    assert max(appearances) - min(appearances) <= 8


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] != pair[1]), max_size=40))
def test_turning_keeps_pairs_and_order(pairs):
    assert [key(pair) for pair in balanced(pairs)] == [key(pair) for pair in pairs]


def test_a_tenth_is_held_out_and_never_the_ring_that_joins_all():
    chosen = design(50, 375, random.Random(1))

    places = held_out(chosen, 50, random.Random(2))

    assert len(places) == 38
    assert min(places) >= 50
    assert held_out(chosen[:10], 50, random.Random(1)) == set()


def test_adaptive_pairs_are_close_and_new():
    scores = [float(n) for n in range(40)]
    known = {(n, n + 1) for n in range(0, 39, 2)}

    chosen = telling(scores, [0.1] * 40, known, 40, random.Random(1))

    assert len(chosen) == 40
    assert not {key(pair) for pair in chosen} & known
    assert max(abs(one - other) for one, other in chosen) <= 8


def test_chance_ends_where_pairs_do():
    known = {(0, 1), (0, 2)}

    assert [key(pair) for pair in by_chance(3, known, 10, random.Random(1))] == [(1, 2)]
    assert by_chance(2, {(0, 1)}, 3, random.Random(1)) == []
