from .batches import ProviderBatch
from .errors import SessionError
from .exports import ExportRecord, ExportRun, TrackerConnection
from .ledger import LLMCall, SetAside
from .metrics import MetricLabel, MetricSample
from .operation import AdminNotice, SessionBundle
from .outbox import OutboxEvent
from .proposals import TicketProposal
from .providers import ProviderSettings
from .tasks import SessionTask, WorkItem
from .validation import TicketValidation
from .webhooks import WebhookDelivery, WebhookSecret

__all__ = [
    "AdminNotice",
    "ExportRecord",
    "ExportRun",
    "LLMCall",
    "MetricLabel",
    "MetricSample",
    "OutboxEvent",
    "ProviderBatch",
    "ProviderSettings",
    "SessionBundle",
    "SessionError",
    "SessionTask",
    "SetAside",
    "TicketProposal",
    "TicketValidation",
    "TrackerConnection",
    "WebhookDelivery",
    "WebhookSecret",
    "WorkItem",
]
