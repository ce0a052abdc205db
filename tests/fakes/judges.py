"""How the fake model server judges: by numbers that it finds in the texts (``merit=1.5``), else by the offline rule.

So a test knows the truth, and can have a judge that tosses coins: the question ``coin``.
"""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any

from processing.assessment.judges import rule
from processing.assessment.judges.questions import CRITERIA

_FENCED = re.compile(r"<(comparison|ticket)>\n(.*)\n</\1>", re.DOTALL)
_MERIT = re.compile(r"merit=(-?\d+(?:\.\d+)?)")


WRITERS: dict[str, Any] = {
    "winner": lambda request: judge(request, obeys=False),
    "testable": lambda request: rate(request, obeys=False),
}
"""For ``FakeModelServer.writers``."""


def judge(request: dict[str, Any], *, obeys: bool) -> dict[str, Any]:
    """``obeys``: does what the first text asks it to, which here is to win."""
    asked = _body(request)
    if obeys:
        winner = "first"
    elif asked.get("question") == "coin":
        winner = random.choice(("first", "second"))
    else:
        winner = _winner(asked.get("first", ""), asked.get("second", ""))
    return {"winner": winner, "confidence": 0.8, "reason": f"The {winner} text has more merit."}


def _winner(first: str, second: str) -> str:
    merits = [_MERIT.search(text) for text in (first, second)]
    if merits[0] is None or merits[1] is None:
        return rule.better(first, second)
    gap = float(merits[0][1]) - float(merits[1][1])
    return "first" if random.random() < 1 / (1 + math.exp(-gap)) else "second"


def rate(request: dict[str, Any], *, obeys: bool) -> dict[str, Any]:
    return {name: {"score": 5 if obeys else 4, "reason": f"It is {name} enough."} for name in CRITERIA}


def _body(request: dict[str, Any]) -> dict[str, Any]:
    text = "\n".join(str(message["content"]) for message in request["messages"])
    found = _FENCED.search(text)
    body = json.loads(found[2]) if found else {}
    return body if isinstance(body, dict) else {}
