"""How long to wait before trying again. Pure."""

from __future__ import annotations

import random
from typing import Final

LONGEST: Final = 600.0
JITTER: Final = 0.25
"""At most this share is added, so that what failed together does not come back together."""

chance: random.Random = random.Random()  # noqa: S311 - jitter


def wait_after(
    attempt: int, *, first: float = 2.0, asked_for: float = 0.0, source: random.Random | None = None
) -> float:
    """Seconds to wait after attempt 1, 2, 3: 2, 4, 8 and a little, at least what the other side asked for, at most 600
    (requirements B-016 to B-018).
    """
    wait = first * 2.0 ** min(max(0, attempt - 1), 32)
    wait *= 1 + JITTER * (source or chance).random()
    return min(LONGEST, max(wait, asked_for))
