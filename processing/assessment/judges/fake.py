"""What ``manage.py fake_llm`` answers as a judge: a known truth, noise, and biases on request.

A text's merit is its ``merit=1.5`` if it has one, else what the offline rule counts. The better text wins with the
odds e^(difference / noise). How this judge is, its model's name says: ``fake:noise=0.5,first=1,longer=0.7``.

noise    1.0 by default; 0 never errs
first    drawn to the text that comes first, in the same unit as merit
longer   drawn to the longer text, for each doubling
coin     1: does not read at all
"""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any, Final

from . import rule

_FENCED: Final = re.compile(r"<(comparison|ticket)>\n(.*)\n</\1>", re.DOTALL)
_MERIT: Final = re.compile(r"merit=(-?\d{1,6}(?:\.\d{1,6})?)")
_SPREAD: Final = 6.0
"""Merits by rule lie within a few tenths of each other; times this, like those of essays of one class."""


def judged(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request for a judgement."""
    asked, habits = _body(request), _habits(str(request.get("model", "")))
    first, second = str(asked.get("first", "")), str(asked.get("second", ""))
    share = 0.5 if habits.get("coin") else _chance_of_first(first, second, habits)
    winner = "first" if random.random() < share else "second"  # noqa: S311 - a development server
    return {
        "winner": winner,
        "confidence": round(max(share, 1 - share), 2),
        "reason": f"The {winner} text does better by the question.",
    }


def rated(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request for INVEST ratings: as by rule, since nobody reads the ticket."""
    texts = {name: str(text) for name, text in _body(request).items()}
    return dict(rule.ratings(texts, 0))


def _chance_of_first(first: str, second: str, habits: dict[str, float]) -> float:
    pull = _merit(first) - _merit(second) + habits.get("first", 0.0)
    pull += habits.get("longer", 0.0) * math.log2((len(first) + 1) / (len(second) + 1))
    noise = habits.get("noise", 1.0)
    if noise <= 0:
        return 0.5 if pull == 0 else float(pull > 0)
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, pull / noise))))


def _merit(text: str) -> float:
    said = _MERIT.search(text)
    return float(said[1]) if said else _SPREAD * rule.merit(text)


def _habits(model: str) -> dict[str, float]:
    """From the model's name; what is no number is left out."""
    found = {}
    for word in model.partition(":")[2].split(","):
        name, _, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            continue
    return found


def _body(request: dict[str, Any]) -> dict[str, Any]:
    """What stands between the tags. Both protocols have messages; what they hold may be a text or parts."""
    messages = request.get("messages", [])
    found = _FENCED.search("\n".join(_said(message.get("content", "")) for message in messages))
    body = json.loads(found[2]) if found else {}
    return body if isinstance(body, dict) else {}


def _said(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)
