"""Inline tokens to ADF: text with marks, line breaks. What has no place in ADF becomes text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markdown_it.token import Token

from .dialect import PARSER

Node = dict[str, Any]

SAFE_LINK: Final = re.compile(r"(?:https?://[^\s/?#]|mailto:[^\s@]+@)\S*", re.IGNORECASE)
"""What a tracker accepts and a reader may follow: the web and mail. Anything else is shown as text."""

_BR: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TASK: Final = re.compile(r"\[([ xX])\][ \t]+")
_STYLES: Final = ("em", "strong", "strike")
_MARK_OF: Final = {"em": "em", "strong": "strong", "s": "strike"}


@dataclass(slots=True)
class _Link:
    """A link or a picture that is open. ``shown`` is the text in it so far."""

    href: str
    title: str
    is_live: bool
    shown: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a run of text is marked with; the order of ``as_nodes`` is the one that Jira wants."""

    href: str = ""
    title: str = ""
    styles: tuple[str, ...] = ()

    def as_nodes(self) -> list[Node]:
        link = {"href": self.href, "title": self.title} if self.title else {"href": self.href}
        links: list[Node] = [{"type": "link", "attrs": link}] if self.href else []
        return [*links, *({"type": style} for style in self.styles)]


class Inline:
    """Collects inline nodes. ``bold``: all text is strong, as in a heading that cannot be one."""

    def __init__(self, *, bold: bool = False) -> None:
        self._open = Counter({"strong": int(bold)})
        self._links: list[_Link] = []
        self._runs: list[tuple[_Marks | None, list[str]]] = []

    def nodes(self) -> list[Node]:
        """What was collected; neighbours with the same marks are one, and no text is empty."""
        return [_node(marks, "".join(pieces)) for marks, pieces in self._runs]

    def take(self, tokens: Iterable[Token]) -> Inline:
        for token in tokens:
            self._take(token)
        return self

    def text(self, text: str) -> Inline:
        """Add plain text under the marks that are open."""
        return self._add(text, self._marks())

    def link(self, href: str, title: str = "", inside: Iterable[Token] = ()) -> Inline:
        """Add a link around ``inside``, or around its own address if nothing is inside."""
        self._enter(href, title)
        self.take(inside)
        self._leave()
        return self

    def _take(self, token: Token) -> None:
        match token.type:
            case "text":
                for number, line in enumerate(_BR.split(token.content)):
                    if number:
                        self._break()
                    self.text(line)
            case "code_inline":
                self._code(token.content)
            case "softbreak":
                self.text(" ")
            case "hardbreak":
                self._break()
            case "link_open":
                self._enter(str(token.attrGet("href") or ""), str(token.attrGet("title") or ""))
            case "link_close":
                self._leave()
            case "image":
                source, title = str(token.attrGet("src") or ""), str(token.attrGet("title") or "")
                self.link(source, title, token.children or ())
            case "em_open" | "strong_open" | "s_open":
                self._open[_MARK_OF[token.tag]] += 1
            case "em_close" | "strong_close" | "s_close":
                self._open[_MARK_OF[token.tag]] -= 1
            case _:
                self.text(token.content)

    def _code(self, content: str) -> None:
        """Code takes no other mark in Jira; in a link the link is worth more than the looks."""
        linked = any(link.is_live for link in self._links)
        self._add(content, self._marks() if linked else _Marks(styles=("code",)))

    def _enter(self, href: str, title: str) -> None:
        nested = any(link.is_live for link in self._links)
        self._links.append(_Link(href, title, is_live=not nested and bool(SAFE_LINK.fullmatch(href))))

    def _leave(self) -> None:
        """Show the address of what is no live link, and of what shows nothing."""
        link = self._links[-1]
        shown = "".join(link.shown).strip()
        address = PARSER.normalizeLinkText(link.href)
        if link.is_live and not shown:
            self.text(address)
        self._links.pop()
        if link.is_live:
            return
        said = [address] if address and address != shown else []
        said += [f'"{link.title}"'] if link.title else []
        if said:
            self.text(f" ({' '.join(said)})" if shown else " ".join(said))

    def _marks(self) -> _Marks:
        link = next((link for link in self._links if link.is_live), None)
        styles = tuple(style for style in _STYLES if self._open[style] > 0)
        return _Marks(link.href, link.title, styles) if link else _Marks(styles=styles)

    def _break(self) -> None:
        self._runs.append((None, []))

    def _add(self, text: str, marks: _Marks) -> Inline:
        if text:
            if self._runs and self._runs[-1][0] == marks:
                self._runs[-1][1].append(text)
            else:
                self._runs.append((marks, [text]))
            for link in self._links:
                link.shown.append(text)
        return self


def _node(marks: _Marks | None, text: str) -> Node:
    if marks is None:
        return {"type": "hardBreak"}
    node: Node = {"type": "text", "text": text}
    nodes = marks.as_nodes()
    return {**node, "marks": nodes} if nodes else node


def task_of(tokens: Sequence[Token]) -> tuple[bool, list[Token]] | None:
    """(is it done, the tokens after the box) for text that begins with ``[ ]`` or ``[x]`` and goes on; else None."""
    found = _TASK.match(tokens[0].content) if tokens and tokens[0].type == "text" else None
    if not found or (len(tokens) == 1 and found.end() == len(tokens[0].content)):
        return None
    first = tokens[0].copy(content=tokens[0].content[found.end() :])
    return found[1] != " ", [first, *tokens[1:]]
