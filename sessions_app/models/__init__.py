from .audit import AuditEvent
from .files import ColumnMapping, SourceRow, UploadedFile
from .idempotency import IdempotencyKey
from .invitations import Invitation
from .review import BulkChange, DuplicateDecision, TicketComment
from .saved_views import SavedView
from .sessions import Session
from .tickets import Ticket, TicketDependency, TicketRevision
from .tokens import TokenUse
from .workspaces import Membership, Workspace

__all__ = [
    "AuditEvent",
    "BulkChange",
    "ColumnMapping",
    "DuplicateDecision",
    "IdempotencyKey",
    "Invitation",
    "Membership",
    "SavedView",
    "Session",
    "SourceRow",
    "Ticket",
    "TicketComment",
    "TicketDependency",
    "TicketRevision",
    "TokenUse",
    "UploadedFile",
    "Workspace",
]
