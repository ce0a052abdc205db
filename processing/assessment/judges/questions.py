"""What a model is asked: which of two texts is better, and how well a ticket is cut. Texts are fenced, never obeyed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from processing.errors import LLMInvalidAnswer
from processing.llm.base import Form, Question
from processing.llm.prompts import visible

from . import rule

JUDGE: Final = "judge-1"
INVEST: Final = "invest-1"
CRITERIA: Final = ("independent", "negotiable", "valuable", "estimable", "small", "testable")
LONGEST: Final = 40_000

_JUDGEMENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "winner": {"type": "string", "enum": ["first", "second", "tie"]},
        "confidence": {"type": "number"},
        "reason": {"type": "string"},
    },
    "required": ["winner", "confidence", "reason"],
    "additionalProperties": False,
}
_RATING: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"score": {"type": "integer"}, "reason": {"type": "string"}},
    "required": ["score", "reason"],
    "additionalProperties": False,
}
_RATINGS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": dict.fromkeys(CRITERIA, _RATING),
    "required": list(CRITERIA),
    "additionalProperties": False,
}


@cache
def _system(version: str) -> str:
    return (Path(__file__).parent / f"{version}.md").read_text(encoding="utf-8")


@cache
def _form(version: str) -> Form:
    if version == JUDGE:
        return Form("judgement", JUDGE, _system(JUDGE), _JUDGEMENT, checked_judgement, tokens=120)
    return Form("invest", INVEST, _system(INVEST), _RATINGS, checked_ratings, tokens=400)


def judgement(question: str, first: str, second: str) -> Question:
    """Which is better, asked blind: no names, no ids, nothing but the texts."""
    body = {"question": question, "first": _shown(first), "second": _shown(second)}
    return Question(
        _form(JUDGE),
        _fenced("comparison", body),
        lambda: {"winner": rule.better(first, second), "confidence": None, "reason": rule.REASON},
    )


def invest(ticket: dict[str, str], needs: int = 0) -> Question:
    """How well a ticket is cut; ``needs``: how many others have to be done first."""
    return Question(
        _form(INVEST),
        _fenced("ticket", {name: _shown(text) for name, text in ticket.items()}),
        lambda: rule.ratings(ticket, needs),
    )


def _fenced(name: str, body: dict[str, str]) -> str:
    """As ``prompts.fenced``, for texts longer than cells: tags that no text can close, nothing invisible."""
    text = json.dumps({key: visible(value) for key, value in body.items()}, ensure_ascii=False).replace("<", "\\u003c")
    return f"<{name}>\n{text}\n</{name}>\n\nJudge."


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… (cut)"


def checked_judgement(answer: dict[str, Any]) -> dict[str, Any]:
    """Raises LLMInvalidAnswer with the sentence that the model gets to repair it."""
    winner, reason = answer.get("winner"), answer.get("reason")
    if winner not in ("first", "second", "tie"):
        raise LLMInvalidAnswer("`winner` has to be first, second or tie.")
    if not isinstance(reason, str):
        raise LLMInvalidAnswer("`reason` has to be a sentence.")
    return {"winner": winner, "confidence": _within(answer.get("confidence")), "reason": _clean(reason)[:1000]}


def checked_ratings(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in CRITERIA:
        rating = answer.get(name)
        if not isinstance(rating, dict):
            raise LLMInvalidAnswer(f"`{name}` has to be an object with `score` and `reason`.")
        score = rating.get("score")
        if not isinstance(score, int) or isinstance(score, bool) or not 1 <= score <= 5:
            raise LLMInvalidAnswer(f"`{name}` needs a `score` from 1 to 5.")
        found[name] = {"score": score, "reason": _clean(str(rating.get("reason", "")))[:300]}
    return found


def _within(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()
