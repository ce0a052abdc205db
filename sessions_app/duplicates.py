"""Tickets that may be about the same thing. Pure.

Two are *exact* where the specification gave both the same key (the second one was called ``…~2``); *similar* where they
stand in the same place (kind and parent) and their names share most of their trigrams, as PostgreSQL's pg_trgm counts
them. Names that differ in their digits alone are a series, not a slip.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from math import ceil
from typing import Final, Literal

ALIKE: Final = 0.75
COMMON: Final = 20
"""A trigram that more names of a place have tells little, and would cost quadratic time."""
MOST_COMPARED: Final = 50_000
"""Pairs of a place that are looked at, those with the rarest trigrams first: a list of any length takes a second."""
_BETWEEN_WORDS: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Named:
    """A ticket by its number, the key of its entity and what people call that."""

    number: int
    key: str
    label: str

    @property
    def place(self) -> str:
        """Its kind and its parent: ``fields:node.article``."""
        return self.own_key.rpartition(".")[0] or self.own_key.partition(":")[0]

    @property
    def own_key(self) -> str:
        return self.key.partition("~")[0]

    @property
    def name(self) -> str:
        return self.own_key.rpartition(".")[2].rpartition(":")[2].removeprefix("field_")


@dataclass(frozen=True, slots=True)
class Pair:
    """``score`` is 1 for the same key, else the share of trigrams that both names have (Dice)."""

    first: int
    second: int
    kind: Literal["exact", "similar"]
    score: float


def duplicates(tickets: Sequence[Named]) -> list[Pair]:
    """Pairs by their numbers, the smaller one first; exact ones before similar ones, then the most alike."""
    pairs = {(pair.first, pair.second): pair for pair in _similar(tickets)}
    pairs |= {(pair.first, pair.second): pair for pair in _exact(tickets)}
    return sorted(pairs.values(), key=lambda pair: (pair.kind, -pair.score, pair.first, pair.second))


def _exact(tickets: Iterable[Named]) -> Iterator[Pair]:
    by_key: dict[str, list[int]] = defaultdict(list)
    for ticket in tickets:
        by_key[ticket.own_key].append(ticket.number)
    for numbers in by_key.values():
        first, *others = sorted(numbers)
        yield from (Pair(first, other, "exact", 1.0) for other in others)


def _similar(tickets: Iterable[Named]) -> Iterator[Pair]:
    places: dict[str, list[Named]] = defaultdict(list)
    for ticket in tickets:
        places[ticket.place].append(ticket)
    for members in places.values():
        yield from _alike([(each, _trigrams(each.name), _trigrams(each.label)) for each in members])


def _alike(members: Sequence[tuple[Named, frozenset[str], frozenset[str]]]) -> Iterator[Pair]:
    candidates = _sharing([name for _, name, _ in members]) | _sharing([label for _, _, label in members])
    for one, other in candidates:
        (first, name, label), (second, other_name, other_label) = members[one], members[other]
        score = max(_dice(name, other_name), _dice(label, other_label))
        if score >= ALIKE and not _series(first, second):
            smaller, larger = sorted((first.number, second.number))
            yield Pair(smaller, larger, "similar", round(score, 2))


def _sharing(sets: Sequence[frozenset[str]]) -> set[tuple[int, int]]:
    """Pairs that share one of their rarest trigrams, as all must that are ALIKE (the "prefix filter" of set joins)."""
    counts = Counter(trigram for each in sets for trigram in each)
    having: dict[str, list[int]] = defaultdict(list)
    for at, each in enumerate(sets):
        # Dice d is Jaccard d / (2 - d): so many of a set's trigrams must be in both that one is among the first of it.
        rarest = sorted(each, key=lambda trigram: (counts[trigram], trigram))
        for trigram in rarest[: len(each) - ceil(ALIKE / (2 - ALIKE) * len(each)) + 1]:
            having[trigram].append(at)
    telling = sorted((places for places in having.values() if len(places) <= COMMON), key=len)
    return set(islice((pair for places in telling for pair in combinations(places, 2)), MOST_COMPARED))


def _series(first: Named, second: Named) -> bool:
    """Do the names differ, and in digits alone?"""
    ones, others = (first.name, first.label), (second.name, second.label)
    return any(
        one != other and _DIGITS.sub("#", one) == _DIGITS.sub("#", other)
        for one, other in zip(ones, others, strict=True)
    )


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _trigrams(text: str) -> frozenset[str]:
    words = _BETWEEN_WORDS.sub(" ", text.casefold())[:200].split()
    return frozenset(f"  {word} "[at : at + 3] for word in words for at in range(len(word) + 1))
