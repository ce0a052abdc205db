from .audit import AuditEvent
from .files import ColumnMapping, SourceRow, UploadedFile
from .review import BulkChange, TicketComment
from .sessions import Session
from .tickets import Ticket, TicketDependency, TicketRevision
from .workspaces import Membership, Workspace

__all__ = [
    "BulkChange",
    "TicketComment",
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
