"""The judge that needs no model: by what can be counted in a text. Good to try things with, and says what it is. Pure.

It looks at structure, examples and the means to check a text, with the length at a discount; it understands nothing.
"""

from __future__ import annotations

import math
import re
from typing import Final

NAME: Final = "offline"
REASON: Final = "By rule: words, structure and things to check were counted; nobody read the texts."

_WORD = re.compile(r"\w{2,}")
_STRUCTURE = re.compile(r"^\s{0,3}(?:#{1,6}\s|[-*+]\s|\d{1,3}[.)]\s)", re.MULTILINE)
_CHECKABLE = re.compile(
    r"\b(?:given|when|then|must|should|because|therefore|example|verify|check|so that)\b", re.IGNORECASE
)
_NEAR: Final = 0.02


def merit(text: str) -> float:
    """A number that grows with what can be counted."""
    words = _WORD.findall(text.lower()[:50_000])
    different = len(set(words))
    structure = min(30, len(_STRUCTURE.findall(text)))
    checkable = min(30, len(_CHECKABLE.findall(text)))
    return math.log1p(different) + 0.25 * math.log1p(structure) + 0.35 * math.log1p(checkable)


def better(first: str, second: str) -> str:
    """first, second or tie."""
    one, other = merit(first), merit(second)
    if abs(one - other) <= _NEAR * max(one, other, 1.0):
        return "tie"
    return "first" if one > other else "second"


def ratings(ticket: dict[str, str], needs: int) -> dict[str, dict[str, object]]:
    """INVEST by rule: what can be counted about each criterion, and which count it was."""
    words = sum(len(_WORD.findall(text)) for text in ticket.values())
    story, analysis, check = (ticket.get(name, "") for name in ("user_story", "analysis", "verification"))
    steps = len(_STRUCTURE.findall(check)) + len(re.findall(r"\b(?:given|when|then)\b", check, re.IGNORECASE))
    benefit = bool(re.search(r"\bso that\b", story, re.IGNORECASE))
    role = bool(re.search(r"\bas an?\b", story, re.IGNORECASE))
    orders = len(re.findall(r"\b(?:must|exactly|only)\b", analysis, re.IGNORECASE))
    return {
        "independent": _rated(5 - min(4, needs), f"{needs} other tickets are needed first."),
        "negotiable": _rated(5 - min(3, orders // 3), f"{orders} words of command in the analysis."),
        "valuable": _rated(1 + 2 * benefit + 2 * role, "Looked for who wants it, and “so that”."),
        "estimable": _rated(min(5, 1 + len(_WORD.findall(analysis)) // 30), "Counted the words of the analysis."),
        "small": _rated(5 - min(4, words // 500), f"{words} words in all."),
        "testable": _rated(min(5, 1 + steps), f"{steps} steps to verify."),
    }


def _rated(score: int, reason: str) -> dict[str, object]:
    return {"score": max(1, min(5, score)), "reason": reason}
