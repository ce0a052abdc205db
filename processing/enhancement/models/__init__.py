from .desk import HelpDesk, WriteBack
from .findings import ContextItem, Suggestion, Synthesis
from .history import EnhancementAttempt, EnhancementHistory
from .imports import LibraryImport
from .library import Asset, AssetMark, KnowledgeArticle, ResolvedTicket

__all__ = [
    "Asset",
    "AssetMark",
    "ContextItem",
    "EnhancementAttempt",
    "EnhancementHistory",
    "HelpDesk",
    "KnowledgeArticle",
    "LibraryImport",
    "ResolvedTicket",
    "Suggestion",
    "Synthesis",
    "WriteBack",
]
