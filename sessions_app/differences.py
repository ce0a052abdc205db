"""What differs between two texts, for people: lines, and the words within a changed line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, Literal

Mark = Literal["same", "removed", "added"]
Piece = tuple[bool, str]
"""(differs, words)."""
_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")
LONGEST_LINE: Final = 2_000
"""Characters of a line within which single words are compared; longer ones differ as a whole."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the older text (removed), of the newer (added), or of both (same)."""

    mark: Mark
    pieces: tuple[Piece, ...] = field(default=())


def differences(older: str, newer: str) -> list[Line]:
    """All lines of both texts in reading order."""
    before, after = older.splitlines(), newer.splitlines()
    found: list[Line] = []
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=len(before) > 1_000).get_opcodes():
        if tag == "equal":
            found.extend(Line("same", ((False, line),)) for line in before[i:j])
        elif tag == "replace" and j - i == m - k:
            pairs = [_words(old, new) for old, new in zip(before[i:j], after[k:m], strict=True)]
            found.extend(Line("removed", old) for old, _ in pairs)
            found.extend(Line("added", new) for _, new in pairs)
        else:
            found.extend(Line("removed", ((True, line),)) for line in before[i:j])
            found.extend(Line("added", ((True, line),)) for line in after[k:m])
    return found


def _words(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    if max(len(old), len(new)) > LONGEST_LINE:
        return ((True, old),), ((True, new),)
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = SequenceMatcher(None, before, after)
    if matcher.ratio() < 0.3:  # two lines with little in common read better whole
        return ((True, old),), ((True, new),)
    codes = matcher.get_opcodes()
    return (
        tuple(_joined((tag != "equal", before[i:j]) for tag, i, j, _, _ in codes)),
        tuple(_joined((tag != "equal", after[k:m]) for tag, _, _, k, m in codes)),
    )


def _joined(parts: Iterator[tuple[bool, list[str]]]) -> Iterator[Piece]:
    for differs, words in parts:
        if words:
            yield differs, "".join(words)
