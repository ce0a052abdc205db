"""What is looked at of a ticket: the text that leaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from processing.export.drafts import ticket_text
from sessions_app.models import Session, Ticket


@dataclass(frozen=True, slots=True)
class Text:
    """One version of a ticket's Markdown."""

    version: int
    markdown: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.markdown.encode("utf-8", "surrogatepass")).hexdigest()


def text_of(session: Session, ticket: Ticket) -> Text:
    """The ticket as a tracker gets it, title and links apart."""
    return Text(ticket.version, ticket_text(session, ticket))
