from .errors import SessionError
from .ledger import LLMCall
from .outbox import OutboxEvent
from .tasks import SessionTask, WorkItem

__all__ = ["LLMCall", "OutboxEvent", "SessionError", "SessionTask", "WorkItem"]
