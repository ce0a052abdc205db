"""What finders of claims share: a section to read, and a claim to report."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from sessions_app.marks import find_words


@dataclass(frozen=True, slots=True)
class Claim:
    """Words at ``start`` to ``end`` of a section that the specification does not bear out, and what it says."""

    kind: Literal["machine_name", "label", "type", "count"]
    start: int
    end: int
    says: str


@dataclass(slots=True)
class Section:
    """A section's text and the same in small letters, character for character."""

    name: str
    text: str
    lower: str = field(init=False)

    def __post_init__(self) -> None:
        lower = self.text.lower()
        # İ is the one letter that becomes two; offsets must hold.
        self.lower = lower if len(lower) == len(self.text) else self.text.replace("İ", "i").lower()

    @property
    def is_test(self) -> bool:
        """Verification is full of test data: values to enter, sizes to upload."""
        return self.name == "verification"

    def each(self, words: str) -> Iterator[int]:
        """Where the words (in small letters) stand."""
        at = self.lower.find(words)
        while at >= 0:
            yield at
            at = self.lower.find(words, at + len(words))

    def before(self, at: int, width: int) -> str:
        """Up to ``width`` characters of the same line."""
        return self.lower[max(0, at - width) : at].rpartition("\n")[2]

    def after(self, at: int, width: int) -> str:
        return self.lower[at : at + width].partition("\n")[0]

    def whole(self, word: str) -> int:
        """Where a word first stands by itself; -1 if nowhere."""
        return find_words(self.text, word)
