"""What keeps approved tickets from being sent."""

from __future__ import annotations

from processing.validation.readiness import TicketProblems, not_sendable
from sessions_app.models import Session


def blocked(session: Session) -> list[TicketProblems]:
    """Approved tickets whose text is not known to be valid as it is now, each with the reason. [] if all may go."""
    return not_sendable(session)
