"""Markdown to Jira's wiki markup, which Jira's CSV importer expects in descriptions."""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER: Final = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable(["table", "strikethrough"])
_WIKI_SPECIAL = re.compile(r"([\\{}\[\]|*_^~!])")
_MARKS: Final = {
    "strong_open": "*",
    "strong_close": "*",
    "em_open": "_",
    "em_close": "_",
    "s_open": "-",
    "s_close": "-",
}


def to_wiki(markdown: str) -> str:
    """The text in wiki markup; what is text stays text (its special characters are escaped)."""
    writer = _Writer()
    for token in _PARSER.parse(markdown):
        writer.take(token)
    return re.sub(r"\n{3,}", "\n\n", "".join(writer.out)).strip()


class _Writer:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.lists: list[str] = []
        self.in_header = False
        self.tight = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self.out.append(f"\n\nh{token.tag[1:]}. ")
            case "bullet_list_open" | "ordered_list_open":
                self.lists.append("*" if token.type.startswith("bullet") else "#")
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
                self.out.append("" if self.lists else "\n\n")
            case "list_item_open":
                self.out.append(f"\n{''.join(self.lists)} ")
            case "paragraph_open":
                self.out.append("" if self.lists else "\n\n")
            case "blockquote_open" | "blockquote_close":
                self.out.append("\n{quote}\n")
            case "fence" | "code_block":
                self.out.append("\n{code}\n" + token.content.replace("{code}", "{ code}").rstrip("\n") + "\n{code}\n")
            case "hr":
                self.out.append("\n\n----\n\n")
            case "inline":
                self.out.append(self._inline(token.children or []))
            case _:
                self._table(token)

    def _table(self, token: Token) -> None:
        match token.type:
            case "thead_open" | "thead_close":
                self.in_header = token.type == "thead_open"
            case "tr_open":
                self.out.append("\n")
            case "th_open" | "td_open":
                self.out.append("||" if self.in_header else "|")
            case "tr_close":
                self.out.append("||" if self.in_header else "|")
            case "table_close":
                self.out.append("\n\n")

    def _inline(self, children: list[Token]) -> str:
        parts: list[str] = []
        links: list[str] = []
        for child in children:
            match child.type:
                case "text" | "html_inline":
                    parts.append(
                        "\n" if child.content in {"<br>", "<br/>"} else _WIKI_SPECIAL.sub(r"\\\1", child.content)
                    )
                case "code_inline":
                    parts.append("{{" + _WIKI_SPECIAL.sub(r"\\\1", child.content) + "}}")
                case "softbreak" | "hardbreak":
                    parts.append(" " if child.type == "softbreak" else "\n")
                case "link_open":
                    links.append(str(child.attrGet("href") or ""))
                    parts.append("[")
                case "link_close":
                    parts.append(f"|{links.pop().replace('|', '%7C').replace(']', '%5D')}]")
                case "image":
                    parts.append(_WIKI_SPECIAL.sub(r"\\\1", child.content))
                case kind:
                    parts.append(_MARKS.get(kind, ""))
        text = "".join(parts)
        return text.replace("\n", " \\\\ ") if self.in_header or self.lists else text
