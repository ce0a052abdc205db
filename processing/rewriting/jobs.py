"""The job that writes a proposal."""

from __future__ import annotations

import logging
import uuid

from django.db import DatabaseError, InterfaceError

from processing.errors import ProcessingError
from processing.models import TicketProposal
from sessions_app.correlation import correlation_id
from sessions_app.errors import Category

from .service import write

logger = logging.getLogger(__name__)


def rewrite_ticket_job(proposal_id: str) -> None:
    """Safe to be delivered twice. A lost database is left to the sweep; anything unforeseen ends the proposal."""
    proposal = TicketProposal.objects.filter(pk=uuid.UUID(proposal_id)).first()
    if proposal is None:
        return
    token = correlation_id.set(proposal.request_id or proposal_id)
    try:
        write(proposal.pk)
    except (DatabaseError, InterfaceError):
        logger.exception("proposal %s lost its database; the sweep will take it up", proposal_id)
        raise
    except Exception:
        logger.exception("proposal %s stopped unexpectedly", proposal_id)
        message = "Something went wrong that was not foreseen. An administrator finds the details in the log."
        proposal.fail(ProcessingError(message, Category.ADMIN_REQUIRED))
        raise
    finally:
        correlation_id.reset(token)
