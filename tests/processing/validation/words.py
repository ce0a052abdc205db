"""Which words a text has, and which of them its ADF has lost. Knows nothing of how either is made."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

WORD = re.compile(r"[^\W_]+")
NUMBERED = re.compile(r"(?:(?<=[\s>*+-])|^)\d{1,9}[.)](?=\s|$)", re.MULTILINE)
DEFINED = re.compile(r"\[((?:[^\[\]\\]|\\.)+)\]:")


def words(text: str) -> set[str]:
    return set(WORD.findall(text))


def strings(node: Any) -> Iterator[str]:
    """All that an ADF document says: texts, addresses, titles of links, languages of code."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from (node[key] for key in ("text", "href", "title", "language") if key in node)
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def said(adf: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for text in strings(adf):
        found |= words(text) | words(unquote(text))
    return found


def lost(markdown: str, adf: dict[str, Any]) -> set[str]:
    """Words of the text that the document has not. Not counted: the numbers of a list, names of characters
    (``&copy;``), and labels that only tie a link to its address.
    """
    text = NUMBERED.sub(" ", markdown)
    wanted = words(text) & words(html.unescape(text))
    ties = {word.casefold() for label in DEFINED.findall(markdown) for word in words(label)}
    return {word for word in wanted - said(adf) if word.casefold() not in ties}
