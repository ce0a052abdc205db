"""The fact check: a ticket's prose held against the cells that it was written from.

``check`` marks machine names, labels, types and counts that the specification does not have. A false mark teaches
people to overlook the true ones, so whatever may be meant otherwise passes: Drupal's own words, test data, proposals
("for example `field_x`"), and what is denied ("not a content type"). Tickets are data of strangers: every search is
linear in the length of the text, and contexts are looked at through windows of fixed width.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal, TypedDict

from sessions_app.marks import stands_alone
from sessions_app.parsing.payload import EntityPayload

from .checking.amounts import amounts
from .checking.claims import Claim, Section
from .checking.evidence import Evidence
from .checking.names import labels, machine_names
from .checking.types import types

SECTIONS: Final = ("title", "user_story", "analysis", "verification")
MOST_MARKS: Final = 50
LONGEST_TEXT: Final = 120


class Mark(TypedDict):
    """Words of a ticket that the specification does not bear out.

    ``section``: one of SECTIONS; ``text``: the words as they stand there, first at ``start``; ``says``: what the
    specification says instead, as a part of a sentence ("the row has field_summary").
    """

    section: str
    text: str
    kind: Literal["machine_name", "label", "type", "count"]
    says: str
    start: int


FINDERS: Final[tuple[Callable[[Section, Evidence], Iterator[Claim]], ...]] = (machine_names, labels, types, amounts)
_UNBOUND: Final = re.compile(
    r"\b(?:suggest\w*|propos\w*|for example|for instance|e\.g\.|such as|instead of|rather than|not|never"
    r"|no(?! more than)|none|avoid|unlike|cannot|without|whether|placeholder|assum\w+|clarify)\b[^.;\n]*$"
)
_WINDOW: Final = 70


def check(entity: EntityPayload, content: Mapping[str, str], also: str = "") -> list[Mark]:
    """Marks in reading order, each wording once per section, at most MOST_MARKS.

    ``also``: words that count as said, such as the name of the site. Raises nothing for content with text in all of
    SECTIONS.
    """
    evidence = Evidence(entity, also)
    marks: list[Mark] = []
    for name in SECTIONS:
        section = Section(name, content[name])
        found: dict[str, Mark] = {}
        for finder in FINDERS:
            for claim in finder(section, evidence):
                end = min(claim.end, claim.start + LONGEST_TEXT)
                text = section.text[claim.start : end]
                if text in found or not text.strip() or not stands_alone(section.text, claim.start, end):
                    continue
                if not _overlaps(found.values(), claim.start, end) and not _hedged(section, claim):
                    found[text] = Mark(section=name, text=text, kind=claim.kind, says=claim.says, start=claim.start)
                if len(found) >= MOST_MARKS:
                    break
        marks += sorted(found.values(), key=lambda mark: mark["start"])
    return marks[:MOST_MARKS]


def _overlaps(marks: Iterable[Mark], start: int, end: int) -> bool:
    """Are these words marked already, perhaps as wrong in another way?"""
    return any(mark["start"] < end and start < mark["start"] + len(mark["text"]) for mark in marks)


def _hedged(section: Section, claim: Claim) -> bool:
    """Is it proposed, asked about or denied rather than said?"""
    return bool(_UNBOUND.search(section.lower, max(0, claim.start - _WINDOW), claim.start))
