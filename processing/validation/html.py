"""ADF to HTML: what a ticket looks like in Jira. Every text is escaped here; only these elements are written.

Jira draws a few things in its own way, and the preview says so by the same shapes: a code block with its language, a
task as a box, a quote without a source.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .inline import SAFE_LINK, Node

_ELEMENTS: Final = {
    "paragraph": "p",
    "bulletList": "ul",
    "listItem": "li",
    "blockquote": "blockquote",
    "tableRow": "tr",
    "tableCell": "td",
    "tableHeader": "th",
}
_MARKS: Final = {"em": "em", "strong": "strong", "strike": "s", "code": "code"}


def html_of(document: Node) -> SafeString:
    """The document as HTML that can do nothing; unknown nodes are shown by what is in them."""
    return mark_safe("".join(_node(node) for node in document.get("content", ())))  # noqa: S308 - escaped piece by piece


def _node(node: Node) -> str:  # noqa: PLR0911 - one line per kind
    attrs: dict[str, Any] = node.get("attrs", {})
    match node["type"]:
        case "text":
            return _text(node)
        case "hardBreak":
            return "<br>"
        case "rule":
            return "<hr>"
        case "heading":
            # One level down: the page has its own headings above.
            return _around(f"h{min(6, int(attrs['level']) + 1)}", node)
        case "orderedList":
            start = f' start="{int(attrs["order"])}"' if "order" in attrs else ""
            return f"<ol{start}>{_inside(node)}</ol>"
        case "codeBlock":
            language = f' class="language-{escape(attrs["language"])}"' if "language" in attrs else ""
            return f"<pre><code{language}>{_inside(node)}</code></pre>"
        case "table":
            return f"<table><tbody>{_inside(node)}</tbody></table>"
        case "taskList":
            return f'<ul class="tasks">{_inside(node)}</ul>'
        case "taskItem":
            box = "☑" if attrs.get("state") == "DONE" else "☐"
            return f"<li>{box} {_inside(node)}</li>"
        case kind:
            return _around(_ELEMENTS.get(kind, "div"), node)


def _around(element: str, node: Node) -> str:
    return f"<{element}>{_inside(node)}</{element}>"


def _inside(node: Node) -> str:
    children: Iterable[Node] = node.get("content", ())
    return "".join(_node(child) for child in children)


def _text(node: Node) -> str:
    html = str(escape(node["text"]))
    for mark in reversed(node.get("marks", ())):
        if mark["type"] == "link":
            href = mark["attrs"]["href"]
            if SAFE_LINK.fullmatch(href):
                html = f'<a href="{escape(href)}" rel="nofollow noopener noreferrer">{html}</a>'
        elif mark["type"] in _MARKS:
            element = _MARKS[mark["type"]]
            html = f"<{element}>{html}</{element}>"
    return html
