"""Tickets that may be about the same thing. Pure.

Two are *exact* where the specification gave both the same key (the second one was called ``…~2``); *similar* where they
stand in the same place (kind and parent) and have the same label, or names that differ in the spelling of one word, as
trigrams tell it (PostgreSQL's pg_trgm counts them alike). A word more is another thing; so is another number.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Final, Literal

Words = tuple[str, ...]

ALIKE: Final = 0.6
"""Share of trigrams (Dice) from which two words are one that is written differently: item and items have 0.73."""
BEGINNING: Final = 3
"""Letters that two spellings of a word have in common at its beginning."""
MOST_COMPARED: Final = 50_000
"""Pairs of a place that are looked at, those that have most in common first: a list of any length takes a second."""
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
    """``score`` is 1 for the same key, else the share of trigrams that both names have."""

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
        yield from _alike(members)


def _alike(members: Sequence[Named]) -> Iterator[Pair]:
    told = [(_words(each.name), _words(each.label)) for each in members]
    for one, other in _close(told):
        (name, label), (other_name, other_label) = told[one], told[other]
        if (label == other_label and label) or (_slip(name, other_name) and _slip(label, other_label)):
            score = _dice(_trigrams(name), _trigrams(other_name))
            smaller, larger = sorted((members[one].number, members[other].number))
            yield Pair(smaller, larger, "similar", round(score, 2))


def _close(told: Sequence[tuple[Words, Words]]) -> set[tuple[int, int]]:
    """Pairs worth a look: the same label, or names that are the same but for a word with the same beginning."""
    having: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for at, (name, label) in enumerate(told):
        having["label", *sorted(label)].append(at)
        for n, word in enumerate(name):
            having["name", word[:BEGINNING], *sorted(name[:n] + name[n + 1 :])].append(at)
    shared = sorted((places for places in having.values() if len(places) > 1), key=len)
    return set(islice((pair for places in shared for pair in combinations(dict.fromkeys(places), 2)), MOST_COMPARED))


def _slip(ones: Words, others: Words) -> bool:
    """The same words, in any order, but for one that is written a little differently; digits are never a slip."""
    left, right = Counter(ones) - Counter(others), Counter(others) - Counter(ones)
    if (left.total(), right.total()) != (1, 1):
        return not left and not right
    (one,), (other,) = left, right
    if _DIGITS.sub("", one) == _DIGITS.sub("", other):
        return False
    return _dice(_trigrams((one,)), _trigrams((other,))) >= ALIKE


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _trigrams(words: Words) -> frozenset[str]:
    return frozenset(f"  {word} "[at : at + 3] for word in words for at in range(len(word) + 1))


def _words(text: str) -> Words:
    return tuple(_BETWEEN_WORDS.sub(" ", text.casefold())[:200].split())
