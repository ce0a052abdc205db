from .batches import ProviderBatch
from .errors import SessionError
from .ledger import LLMCall
from .outbox import OutboxEvent
from .providers import ProviderSettings
from .tasks import SessionTask, WorkItem

__all__ = ["LLMCall", "OutboxEvent", "ProviderBatch", "ProviderSettings", "SessionError", "SessionTask", "WorkItem"]
