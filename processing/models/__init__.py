from .batches import ProviderBatch
from .errors import SessionError
from .exports import ExportRecord, ExportRun, TrackerConnection
from .ledger import LLMCall, SetAside
from .outbox import OutboxEvent
from .proposals import TicketProposal
from .providers import ProviderSettings
from .tasks import SessionTask, WorkItem
from .validation import TicketValidation

__all__ = [
    "ExportRecord",
    "ExportRun",
    "LLMCall",
    "OutboxEvent",
    "ProviderBatch",
    "ProviderSettings",
    "SessionError",
    "SessionTask",
    "SetAside",
    "TicketProposal",
    "TicketValidation",
    "TrackerConnection",
    "WorkItem",
]
