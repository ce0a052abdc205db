"""Tickets written again when people ask for it: a new text beside the old, to be accepted, discarded or revised."""

from .service import accept, propose, retry

__all__ = ["accept", "propose", "retry"]
