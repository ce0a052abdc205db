"""Reading ``Label (Type)``, the Spec Tool's way to name a bundle, alone and in lists typed by hand."""

import re
from collections.abc import Container
from dataclasses import dataclass

from .csv_types import ENTITY_TYPES
from .text import normal, slug, split_list

_PARENTHESES = re.compile(r"\(([^()]*)\)")
_FULL_WIDTH = str.maketrans("（），；", "(),;")
_EVERYTHING = re.compile(r"^(?:all|any|every|none|n/?a|tbd|various|multiple)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """One bundle as a cell names it. ``entity_type`` is Drupal's id, or empty where the cell gives a bare name."""

    label: str
    entity_type: str
    text: str

    @property
    def is_prose(self) -> bool:
        """``All``, ``All except layout sections``: words for people, not a name to look up."""
        return not self.entity_type and bool(_EVERYTHING.match(self.label))


def entity_type_id(word: str) -> str:
    """Drupal's entity type id for the Spec Tool's word; unknown types (``Group type``) get a slug of their own."""
    known = ENTITY_TYPES.get(normal(word))
    return known[0] if known else (slug(normal(word)) if normal(word) else "")


def type_word(entity_type: str, default: str = "") -> str:
    """The word on tickets for an entity type id: ``node`` -> ``Content type``."""
    return _WORDS.get(entity_type, default or entity_type.replace("_", " ").capitalize())


_WORDS = dict(reversed(ENTITY_TYPES.values()))


def parse_references(cell: str, known_types: Container[str] = ()) -> list[Reference]:
    """The bundles named in a cell. Labels may hold commas and parentheses, so ``(Type)`` ends a name, not the comma.

    ``known_types``: entity type ids that this specification has beyond the usual ones.
    """
    cell = cell.translate(_FULL_WIDTH)
    found: list[Reference] = []
    start = 0
    for match in _PARENTHESES.finditer(cell):
        if not _is_type(match[1], known_types):
            continue
        found.extend(_bare(cell[start : match.start()], match[1]))
        start = match.end()
    found.extend(_bare(cell[start:], ""))
    return found


def _is_type(word: str, known_types: Container[str]) -> bool:
    return normal(word) in ENTITY_TYPES or normal(word).endswith(" type") or entity_type_id(word) in known_types


def _bare(text: str, type_name: str) -> list[Reference]:
    """Names in the text before a ``(Type)``. Only what directly precedes it bears the type."""
    stripped = text.strip(" \t\r\n,;")
    if not stripped:
        return []
    if type_name:
        return [Reference(stripped, entity_type_id(type_name), f"{stripped} ({type_name})")]
    if _EVERYTHING.match(stripped):
        return [Reference(stripped, "", stripped)]
    return [Reference(part, "", part) for part in split_list(stripped)]
