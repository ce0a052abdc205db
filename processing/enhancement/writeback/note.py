"""What a note says, as Markdown and as HTML. Everything in it that strangers wrote is text."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator
from typing import Final

from processing.enhancement.models import ContextItem, EnhancementHistory

LONGEST: Final = 12_000
HEADINGS: Final = {
    ContextItem.Kind.TICKET: "Similar solved tickets",
    ContextItem.Kind.ARTICLE: "Articles",
    ContextItem.Kind.ASSET: "Hosts and networks",
}


def marker_of(workspace: object, target: str, ticket_id: str, text_hash: str) -> str:
    """How a note is known again in the help desk."""
    name = "\x1f".join((str(workspace), target, ticket_id, text_hash))
    return f"ticketgen-{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def html_of(run: EnhancementHistory, marker: str) -> str:
    """For ServiceDesk Plus."""
    written, size = [], 0
    for kind, text in _lines(run):
        line = f"<b>{html.escape(text)}</b><br>" if kind == "heading" else f"{html.escape(text)}<br>"
        size += len(line)
        if size > LONGEST:
            break
        written.append(line)
    return "".join(written) + f"<br>{html.escape(marker)}"


def adf_of(run: EnhancementHistory, marker: str) -> dict[str, object]:
    """For Jira: paragraphs of plain text, so that nothing in it is markup."""
    content, size = [], 0
    for kind, text in [*_lines(run), ("text", marker)]:
        size += len(text)
        if size > LONGEST and text != marker:
            continue
        node: dict[str, object] = {"type": "text", "text": text}
        if kind == "heading":
            node["marks"] = [{"type": "strong"}]
        content.append({"type": "paragraph", "content": [node]})
    return {"type": "doc", "version": 1, "content": content}


def _lines(run: EnhancementHistory) -> Iterator[tuple[str, str]]:
    """(heading or text, words), none empty."""
    yield "heading", "Found for this ticket by ticketgen"
    synthesis = run.synthesis
    if synthesis.failure:
        yield "text", f"There is no synthesis, only what was found. {synthesis.failure}"
    elif synthesis.is_offline:
        yield "text", "Put together by rule, without a model: sentences of the sources as they stand."
    for claim in synthesis.claims:
        cites = ", ".join(claim["cites"])
        doubt = "" if claim["supported"] else " [not borne out by a source]"
        yield "text", f"• {claim['text']}{f' ({cites})' if cites else ''}{doubt}"
    items = list(run.items.all())
    for kind, heading in HEADINGS.items():
        mine = [item for item in items if item.kind == kind]
        if mine:
            yield "heading", heading
        for item in mine:
            yield "text", f"{item.label}: {item.external_id} {item.title} {item.url}".strip()
    suggestions = list(run.suggestions.all())
    if suggestions:
        yield "heading", "Suggested"
    for each in suggestions:
        yield "text", f"{each.get_field_display()}: {each.value} ({each.percent} %: {each.reason})"
