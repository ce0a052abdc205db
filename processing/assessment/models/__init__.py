from .batches import AssessedItem, AssessmentBatch
from .comparisons import ComparisonPair, PairSkip
from .events import AssessmentEvent, EventDelivery, WebhookTarget
from .rubric import RubricScore
from .scores import ScoringRun

__all__ = [
    "AssessedItem",
    "AssessmentBatch",
    "AssessmentEvent",
    "ComparisonPair",
    "EventDelivery",
    "PairSkip",
    "RubricScore",
    "ScoringRun",
    "WebhookTarget",
]
