"""Is a sentence borne out by what it cites? Pure.

A claim is supported if each label that it cites is among the items, and the items it cites share enough of its words
and all of its figures, addresses and names with digits. That does not prove it true; it finds what was made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from .texts import STOP, stem, terms_of_all

MOST_WORDS: Final = 500
MOST_CLAIMS: Final = 30
LONGEST_CLAIM: Final = 1_000
SHARE: Final = 0.34
"""Of a claim's words, at least so many stand in what it cites."""

_FIGURE: Final = re.compile(r"[A-Za-z]*[-_./:]?\d[\w.:/-]*")
_LABEL: Final = re.compile(r"\s*[\[(](?:C\d+(?:\s*,\s*C\d+)*)[\])]")


class Claim(TypedDict):
    """``cites``: labels; ``why``: "" or what is wrong with it."""

    text: str
    cites: list[str]
    supported: bool
    why: str


def checked(claims: list[dict[str, Any]], items: Mapping[str, str], ticket: str) -> list[Claim]:
    """Claims with a verdict each, cut at 500 words in all. ``items``: label -> all that the item says; ``ticket`` may
    be repeated without being cited.
    """
    found: list[Claim] = []
    words = 0
    for each in claims[:MOST_CLAIMS]:
        text = _LABEL.sub("", " ".join(str(each.get("text", "")).replace("\0", "").split()))[:LONGEST_CLAIM]
        room = MOST_WORDS - words
        if not text or room <= 0:
            continue
        parts = text.split()
        if len(parts) > room:
            text = " ".join(parts[:room]) + " …"
        words += min(len(parts), room)
        cites = [str(label) for label in each.get("cites", []) if isinstance(label, str)]
        why = _objection(text, cites, items, ticket)
        found.append(Claim(text=text, cites=[cite for cite in cites if cite in items], supported=not why, why=why))
    return found


def _objection(text: str, cites: list[str], items: Mapping[str, str], ticket: str) -> str:
    if not cites:
        return "It cites nothing."
    unknown = [label for label in cites if label not in items]
    if unknown:
        return f"It cites {', '.join(unknown[:3])[:60]}, which was not found."
    said = "\n".join(items[label] for label in cites)
    basis = f"{said}\n{ticket}".casefold()
    figures = {figure.strip(".:/-").casefold() for figure in _FIGURE.findall(text)}
    strange = sorted(figure for figure in figures if figure and figure not in basis)
    if strange:
        return f"“{strange[0][:60]}” stands in nothing that it cites."
    words = {stem(word) for word in terms_of_all(text) - STOP if len(word) > 2}
    known = {stem(word) for word in terms_of_all(said)}
    if words and len(words & known) / len(words) < SHARE:
        return "Hardly any of its words stand in what it cites."
    return ""


def suggested(
    values: list[dict[str, Any]], allowed: Mapping[str, list[str]], longest_reason: int = 300
) -> list[dict[str, Any]]:
    """{field, value, confidence, reason} of those whose value is on the list of its field; one for each field."""
    found: dict[str, dict[str, Any]] = {}
    for each in values:
        field, value = each.get("field"), each.get("value")
        if not isinstance(field, str) or not isinstance(value, str) or field in found:
            continue
        on_list = {known.casefold(): known for known in allowed.get(field, [])}
        known_value = on_list.get(value.strip().casefold())
        confidence, reason = each.get("confidence"), each.get("reason")
        if known_value is None or isinstance(confidence, bool) or not isinstance(confidence, int | float):
            continue
        if not 0 <= confidence <= 1 or not isinstance(reason, str) or not reason.strip():
            continue
        line = " ".join(reason.replace("\0", "").split())[:longest_reason]
        found[field] = {"field": field, "value": known_value, "confidence": float(confidence), "reason": line}
    return list(found.values())
