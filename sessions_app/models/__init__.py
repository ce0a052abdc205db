from .audit import AuditEvent
from .files import ColumnMapping, SourceRow, UploadedFile
from .sessions import Session
from .tickets import Ticket, TicketDependency, TicketRevision
from .workspaces import Membership, Workspace

__all__ = [
    "AuditEvent",
    "ColumnMapping",
    "Membership",
    "Session",
    "SourceRow",
    "Ticket",
    "TicketDependency",
    "TicketRevision",
    "UploadedFile",
    "Workspace",
]
