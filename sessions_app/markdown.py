"""Markdown of models and strangers to HTML that can do nothing: no raw HTML, no pictures, web and mail links only."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from .marks import Words, pieces

_PARSER: Final = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).enable(["table", "strikethrough"])

TAGS: Final = frozenset(
    [
        "p",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "pre",
        "code",
        "em",
        "strong",
        "s",
        "del",
        "a",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
)
LONGEST: Final = 200_000


@lru_cache(maxsize=256)
def to_html(text: str, marked: Words | None = None) -> SafeString:
    """Rendered, then cleaned by an allow-list; a text that is far too long is cut. ``marked``: words to stand out."""
    tokens = _PARSER.parse(text[:LONGEST])
    if marked:
        tokens = [_with_marks(token, marked) for token in tokens]
    cleaned = nh3.clean(
        _PARSER.renderer.render(tokens, _PARSER.options, {}),
        tags={*TAGS, "mark"} if marked else set(TAGS),
        attributes={"a": {"href"}, "ol": {"start"}, "code": {"class"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return mark_safe(cleaned)  # noqa: S308 - cleaned by nh3 just above


def _with_marks(token: Token, marked: Words) -> Token:
    """The token with the words in ``<mark>``: in running text, in code spans, in blocks of code."""
    if token.children:
        token.children = [each for child in token.children for each in _marked_inline(child, marked)]
    elif token.type in {"fence", "code_block"}:
        language = token.info.split(" ")[0]
        opening = f'<code class="language-{escape(language)}">' if language else "<code>"
        token = Token(
            "html_block", "", 0, content=f"<pre>{opening}{_marked(token.content, marked.in_code)}</code></pre>\n"
        )
    return token


def _marked_inline(token: Token, marked: Words) -> list[Token]:
    if token.type == "text":
        return [Token("html_inline", "", 0, content=_marked(token.content, marked.anywhere))]
    if token.type == "code_inline":
        return [Token("html_inline", "", 0, content=f"<code>{_marked(token.content, marked.in_code)}</code>")]
    return [token]


def _marked(text: str, words: tuple[str, ...]) -> str:
    """As HTML, all of it escaped but our own ``<mark>``."""
    return "".join(f"<mark>{escape(piece)}</mark>" if found else escape(piece) for piece, found in pieces(text, words))
