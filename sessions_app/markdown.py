"""Markdown of models and strangers to HTML that can do nothing: no raw HTML, no pictures, web and mail links only."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

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
def to_html(text: str) -> SafeString:
    """Rendered, then cleaned by an allow-list; a text that is far too long is cut."""
    rendered = _PARSER.render(text[:LONGEST])
    cleaned = nh3.clean(
        rendered,
        tags=set(TAGS),
        attributes={"a": {"href"}, "ol": {"start"}, "code": {"class"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return mark_safe(cleaned)  # noqa: S308 - cleaned by nh3 just above
