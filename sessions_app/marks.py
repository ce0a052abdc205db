"""Marks on a ticket: words of its text that the specification does not bear out (see processing's fact check).

A mark is ``{section, text, kind, says, start}``. Here they are only kept in step with the text, dismissed and shown;
finding them is for the one who writes the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Mark = dict[str, Any]

SECTION_NAMES = {
    "title": "Title",
    "user_story": "User story",
    "analysis": "Analysis",
    "verification": "Verification",
}


class Words(NamedTuple):
    """Words of a section to let stand out: anywhere, or in code alone, where a common word is a machine name."""

    anywhere: tuple[str, ...] = ()
    in_code: tuple[str, ...] = ()


def words_of(marks: Iterable[Mark], section: str) -> Words:
    """The marked words of a section. ``article`` as a machine name is not the article that the sentence is about."""
    own = [mark for mark in marks if mark["section"] == section]
    telling = [mark for mark in own if mark["kind"] != "machine_name" or not mark["text"].isalnum()]
    return Words(tuple(mark["text"] for mark in telling), tuple(mark["text"] for mark in own))


def standing(marks: Iterable[Mark], texts: Mapping[str, str]) -> list[Mark]:
    """The marks whose words still stand in their section, each with the place where they now stand first."""
    kept = []
    for mark in marks:
        start = find_words(texts.get(mark["section"], ""), mark["text"])
        if start >= 0:
            kept.append({**mark, "start": start})
    return kept


def without(marks: Iterable[Mark], section: str, text: str) -> list[Mark]:
    """All marks but those on these words of this section."""
    return [mark for mark in marks if (mark["section"], mark["text"]) != (section, text)]


def find_words(text: str, words: str, begin: int = 0) -> int:
    """Where the words stand by themselves from ``begin`` on, or -1; ``field_a`` does not stand in ``field_ab``."""
    at = text.find(words, begin) if words else -1
    while at >= 0 and not stands_alone(text, at, at + len(words)):
        at = text.find(words, at + len(words))
    return at


def stands_alone(text: str, start: int, end: int) -> bool:
    return not (
        (_of_word(text[start : start + 1]) and _of_word(text[start - 1 : start] if start else ""))
        or (_of_word(text[end - 1 : end]) and _of_word(text[end : end + 1]))
    )


def pieces(text: str, words: Iterable[str]) -> list[tuple[str, bool]]:
    """The text cut up: each piece, and whether it is one of the words, standing by itself."""
    places: list[tuple[int, int]] = []
    for each in words:
        at = find_words(text, each)
        while at >= 0:
            places.append((at, at + len(each)))
            at = find_words(text, each, at + len(each))
    found, done = [], 0
    for start, end in sorted(places, key=lambda place: (place[0], -place[1])):
        if start >= done:
            found += [(text[done:start], False), (text[start:end], True)]
            done = end
    return [(piece, marked) for piece, marked in (*found, (text[done:], False)) if piece]


def _of_word(character: str) -> bool:
    return character.isalnum() or character == "_"
