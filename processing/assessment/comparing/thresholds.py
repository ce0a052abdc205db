"""When a batch has enough results, and when too many of them are errors. Ratios are within 0 and 1."""

from __future__ import annotations

from enum import Enum, auto
from math import ceil
from typing import Final

SAMPLE: Final = 10
SAMPLE_SHARE: Final = 0.1
RECOVERY_SHARE: Final = 0.8
"""Of the budget: a batch whose results stopped coming is scored from so many, and failed with fewer."""


class Decision(Enum):
    GO_ON = auto()
    FAIL = auto()
    ENOUGH = auto()
    ALL_IN = auto()


def decide(completed: int, failed: int, total: int, *, threshold: float, min_success: float) -> Decision:
    """The success rate is looked at from a minimum sample on (10 results, or a tenth of the budget if that is more),
    and at the end: tested on every result, five good ones and then two errors would fail a batch.
    """
    processed = completed + failed
    all_in = processed >= total
    if not processed:
        return Decision.GO_ON
    if (all_in or processed >= max(SAMPLE, ceil(SAMPLE_SHARE * total))) and completed < min_success * processed:
        return Decision.FAIL
    if all_in:
        return Decision.ALL_IN if completed else Decision.FAIL
    return Decision.ENOUGH if completed >= threshold * total else Decision.GO_ON
