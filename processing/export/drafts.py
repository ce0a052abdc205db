"""From tickets to what is sent: labels that are the same every time, texts, epics, fingerprints."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Final

from sessions_app.models import Session, Ticket

from .files import facts_as_markdown
from .targets import Draft, Part

EPIC: Final = "epic:"
SUMMARY: Final = 254
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def common_label(session: Session) -> str:
    """What all issues of a session have in common: ``ticketgen-3f2a9c1d``."""
    return f"ticketgen-{session.pk.hex[:8]}"


def label_of(session: Session, item_key: str) -> str:
    """What one issue can be found by, for ever: made of the entity's key, not of the ticket's number, which may change
    when tickets are deleted and written again.
    """
    return f"{common_label(session)}-{hashlib.sha256(item_key.encode()).hexdigest()[:10]}"


def one_line(text: str, limit: int = SUMMARY) -> str:
    """A title as trackers take it: one line, cut at the limit."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def draft_of_ticket(session: Session, ticket: Ticket, parent: str = "") -> Draft:
    """``parent``: the remote key of the group's epic."""
    return Draft(
        key=ticket.key,
        label=label_of(session, ticket.key),
        common_label=common_label(session),
        title=one_line(ticket.title),
        markdown=ticket_text(session, ticket),
        group=ticket.entity_group,
        parent=parent,
    )


def draft_of_epic(session: Session, group: str) -> Draft:
    key = EPIC + group
    return Draft(
        key=key,
        label=label_of(session, key),
        common_label=common_label(session),
        title=one_line(f"{session.site_name}: {group}"),
        markdown=f"All tickets of the group {group}, written by ticketgen ({session.short_key}).",
        group=group,
        is_epic=True,
    )


def ticket_text(session: Session, ticket: Ticket) -> str:
    """The whole ticket as Markdown, without its title: the sections, the cells it was made from, where it is from."""
    rows = ", ".join(str(row) for row in ticket.csv_source.get("rows", [])[:20])
    file = str(ticket.csv_source.get("filename", "")).replace("`", "'")
    source = f" from `{file}`, row {rows}" if file else ""
    return "\n\n".join(
        (
            ticket.description,
            "## Configuration\n\n" + facts_as_markdown(ticket.facts),
            f"---\n\n{ticket.short_key} of {session.short_key}{source}, written by ticketgen",
        )
    )


def fingerprint(payload: dict[str, Any], parts: list[Part]) -> str:
    """Of all that is sent for an issue; the same as long as nothing of it changes."""
    said = json.dumps([payload, [part.name for part in parts]], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def beginning(markdown: str, fits: Callable[[str], bool]) -> str:
    """As many whole blocks from the beginning as fit; of a first block that is too long, as many characters."""
    blocks = markdown.split("\n\n")
    most = _most(len(blocks), lambda count: fits("\n\n".join(blocks[:count])))
    if most:
        return "\n\n".join(blocks[:most])
    return blocks[0][: _most(len(blocks[0]), lambda count: fits(blocks[0][:count]))]


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest count up to the limit that fits, where smaller ones do as well; by halves."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
