"""Markdown to Jira's wiki markup, which Jira's CSV importer expects in descriptions."""

from __future__ import annotations

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER: Final = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable(["table", "strikethrough"]).disable("text_join")
)
_MARKS: Final = {
    "strong_open": "*",
    "strong_close": "*",
    "em_open": "_",
    "em_close": "_",
    "s_open": "-",
    "s_close": "-",
}
_BREAK: Final = "\0"
_BR: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
# What would mark up wherever it stands; what would at the edge of a word; emoticons; and what would start a line.
_SPECIAL: Final = re.compile(r"([{}\[\]|*_^~!]|(?<!\w)[-+](?=\S)|\?(?=\?)|(?<=\?)\?)")
_EMOTICON: Final = re.compile(r"(\((?=(?:[ynix/!+?*-]|on|off|\\?\*[rgby]?|flag|flagoff)\))|[:;](?=[()PD]))")
_LINE_START: Final = re.compile(r"^([#-])(?=[#*-]*\s)", re.MULTILINE)
_BLOCK_START: Final = re.compile(r"^(h[1-6]|bq)\.", re.MULTILINE)
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_LINE_BREAK: Final = " \\\\ "


def to_wiki(markdown: str) -> str:
    """The text in wiki markup; what is text stays text (its special characters are escaped)."""
    writer = _Writer()
    for token in _PARSER.parse(markdown.replace("\0", "")):
        writer.take(token)
    return re.sub(r"\n{3,}", "\n\n", "".join(writer.out)).strip()


def escaped(text: str) -> str:
    """Plain text so that Jira shows it as it stands. (A doubled backslash is Jira's line break, so a backslash becomes
    an entity.)
    """
    text = _ENTITY.sub("&amp;", text)
    text = _EMOTICON.sub(r"\\\1", _SPECIAL.sub(r"\\\1", text.replace("\\", _BREAK)))
    text = _BLOCK_START.sub(r"\1&#46;", _LINE_START.sub(r"\\\1", text))
    return text.replace(_BREAK, "&#92;")


def _code_block(content: str) -> str:
    macro = "noformat" if "{code" in content else "code"
    safe = content.rstrip("\n").replace(f"{{{macro}", f"{{ {macro}")
    return f"{{{macro}}}\n{safe}\n{{{macro}}}"


class _Writer:
    def __init__(self) -> None:
        self.out: list[str] = []
        self.lists: list[str] = []
        self.paragraphs: list[int] = []
        self.in_table = self.in_header = False

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self.out.append(f"\n\nh{token.tag[1:]}. ")
            case "paragraph_open":
                self._paragraph()
            case "blockquote_open" | "blockquote_close":
                self.out.append("\n{quote}\n")
            case "fence" | "code_block":
                block = _code_block(token.content)
                self.out.append(f" {block}" if self.lists else f"\n\n{block}\n\n")
            case "hr":
                self.out.append("\n\n----\n\n")
            case "inline":
                self.out.append(self._inline(token.children or []))
            case kind if "list" in kind:
                self._list(kind)
            case kind:
                self._table(kind)

    def _paragraph(self) -> None:
        """A further paragraph of a list item goes on in its line, for a new line would end the list."""
        if not self.lists:
            self.out.append("\n\n")
            return
        if self.paragraphs[-1]:
            self.out.append(_LINE_BREAK)
        self.paragraphs[-1] += 1

    def _list(self, kind: str) -> None:
        match kind:
            case "bullet_list_open" | "ordered_list_open":
                self.out.append("" if self.lists else "\n")
                self.lists.append("*" if kind.startswith("bullet") else "#")
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
                self.out.append("" if self.lists else "\n\n")
            case "list_item_open":
                self.paragraphs.append(0)
                self.out.append(f"\n{''.join(self.lists)} ")
            case "list_item_close":
                self.paragraphs.pop()

    def _table(self, kind: str) -> None:
        bar = "||" if self.in_header else "|"
        match kind:
            case "table_open" | "table_close":
                self.in_table = kind == "table_open"
                self.out.append("\n" if self.in_table else "\n\n")
            case "thead_open" | "thead_close":
                self.in_header = kind == "thead_open"
            case "tr_open":
                self.out.append("\n")
            case "th_open" | "td_open":
                self.out.append(bar)
            case "tr_close":
                self.out.append(bar)

    def _inline(self, children: list[Token]) -> str:
        parts: list[str] = []
        links: list[str] = []
        raw = ""
        for child in [*children, Token("end", "", 0)]:
            if child.type in {"text", "text_special"}:
                raw += _BR.sub("\n", child.content) if child.type == "text" else child.content
                continue
            parts.append(escaped(raw))
            raw = ""
            match child.type:
                case "code_inline":
                    parts.append("{{" + escaped(child.content) + "}}")
                case "softbreak" | "hardbreak":
                    parts.append(" " if child.type == "softbreak" else "\n")
                case "link_open":
                    links.append(str(child.attrGet("href") or ""))
                    parts.append("[")
                case "link_close":
                    parts.append(f"|{links.pop().replace('|', '%7C').replace(']', '%5D')}]")
                case "image":
                    parts.append(escaped(child.content))
                case kind:
                    parts.append(_MARKS.get(kind, ""))
        text = "".join(parts)
        if self.in_table and not text.strip():
            return " "  # two bars without anything between them would make a header
        return text.replace("\n", _LINE_BREAK) if self.in_table or self.lists else text
