"""The product's Markdown (CommonMark, tables, strikethrough; raw HTML is text) as tokens that have lost no word."""

from __future__ import annotations

import re
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference
from markdown_it.rules_block import StateBlock, blockquote
from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token

LONGEST: Final = 200_000
"""Characters that are read as Markdown. No ticket comes near; what lies beyond is plain text."""
DEEPEST: Final = 24
"""Levels of blocks that are read as such (a list takes two, a quote three); what lies deeper is plain text. Each level
may cost a look at every line, so this bounds the time as well.
"""

_DROPPED: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
_SPACES: Final = re.compile("[\x0b\x0c]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_ROW_PREFIX: Final = re.compile(r"^[\s>]*")


def _plain_depths(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - a parser's rule
    """The first rule of all: where it is too deep, the rest of the container is one paragraph of text.

    Without it the parser would drop what is deeper than its ``maxNesting``.
    """
    if state.level < DEEPEST or silent:
        return False
    line = start
    # A line indented less belongs to a container further out; -1 marks one that goes on lazily in this.
    while line < end and (state.isEmpty(line) or not 0 <= state.sCount[line] < state.blkIndent):
        line += 1
    text = state.getLines(start, line, state.blkIndent, keepLastLF=False).strip()
    state.push("paragraph_open", "p", 1).map = [start, line]
    inline = state.push("inline", "", 0)
    inline.children = [Token("text", "", 0, content=text)]
    state.push("paragraph_close", "p", -1)
    state.line = line
    return True


def _weighty_quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - a parser's rule
    """A quote counts three levels: ADF nests none, and each costs far more time than a list does."""
    state.level += 2
    found = blockquote(state, start, end, silent)
    state.level -= 2
    return found


def _parser() -> MarkdownIt:
    # maxNesting also bounds brackets within brackets; beyond it they stay text.
    options = {"html": False, "maxNesting": DEEPEST + 6, "inline_definitions": True, "store_labels": True}
    # Escaped characters stay apart from running text, so that `\<br>` and `\[ ]` are what they look like.
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).disable("text_join")
    ends = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.at("blockquote", _weighty_quote, {"alt": ends})
    parser.block.ruler.before("table", "plain_depths", _plain_depths)
    return parser


PARSER: Final = _parser()


def cleaned(markdown: str) -> str:
    """Without characters that no JSON reader or tracker wants: controls, byte order marks, halves of characters."""
    return _SURROGATES.sub("\ufffd", _DROPPED.sub("", _SPACES.sub(" ", markdown)))


def tokens_of(markdown: str) -> list[Token]:
    """The tokens of a cleaned text.

    Cells beyond a table's width, which other renderers drop, are in the ``meta["beyond"]`` of their row's ``tr_open``,
    each a list of inline tokens. A definition of a link has a token of its own at its place, with ``meta["used"]``.
    """
    env: dict[str, Any] = {}
    tokens = PARSER.parse(markdown, env)
    lines: list[str] = []
    columns = 0
    for place, token in enumerate(tokens):
        if token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and columns and tokens[place + 1].type == "td_open" and token.map:
            lines = lines or markdown.split("\n")
            beyond = _cells(lines[token.map[0]])[columns:]
            token.meta["beyond"] = [PARSER.parseInline(cell, env)[0].children or [] for cell in beyond if cell]
    _mark_used_definitions(tokens)
    return tokens


def _cells(line: str) -> list[str]:
    """A table's row as the parser splits it, whatever container it stands in."""
    cells = [cell.strip() for cell in escapedSplit(_ROW_PREFIX.sub("", line).rstrip())]
    return cells[1:] if cells and not cells[0] else cells


def _mark_used_definitions(tokens: list[Token]) -> None:
    """The first definition of a label counts; it is used if a link or a picture refers to it."""
    used: set[str] = set()
    waiting = list(tokens)
    while waiting:
        token = waiting.pop()
        if "label" in token.meta and token.type != "definition":
            used.add(normalizeReference(token.meta["label"]))
        waiting.extend(token.children or ())
        for cell in token.meta.get("beyond", ()):
            waiting.extend(cell)
    for token in tokens:
        if token.type == "definition":
            token.meta["used"] = token.meta["id"] in used
            used.discard(token.meta["id"])
