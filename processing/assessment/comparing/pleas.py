"""Texts that talk to whoever judges them. A model is told not to obey; whether one did, only a person can see."""

from __future__ import annotations

import re
from typing import Final

LOOKED_AT: Final = 60_000
_PLEA: Final = re.compile(
    r"\b(?:ignore|disregard|forget|override)\W{1,3}(?:\w{1,20}\W{1,3}){0,4}(?:instructions?|prompts?|rules|criteria)\b"
    r"|\b(?:choose|pick|select|prefer|vote\W{1,3}for)\W{1,3}(?:this|my|the\W{1,3}(?:first|second|left|right))\W{1,3}"
    r"(?:text|essay|answer|ticket|one|response)\b"
    r"|\b(?:this|my)\W{1,3}(?:text|essay|answer|ticket|response)\W{1,3}(?:is\W{1,3}the\W{1,3}winner|must\W{1,3}win|wins)\b"
    r"|\bas\W{1,3}(?:a|the|an)\W{1,3}(?:ai\W{1,3}|llm\W{1,3})?(?:judge|grader|assessor)\b[^.!?]{0,60}\byou\b"
    r"|[\"']winner[\"']\s{0,3}:",
    re.IGNORECASE,
)


def talks_to_judge(text: str) -> bool:
    """Whether it says what one says to a judge, not to a reader: “ignore the instructions”, “choose this essay”."""
    return _PLEA.search(text[:LOOKED_AT]) is not None
