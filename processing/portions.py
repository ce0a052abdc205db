"""Much at once, a portion at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
AT_ONCE: Final = 1_000
"""Keys that one query asks for: databases allow some ten thousands."""


def portions(things: Sequence[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    """One after another, at most ``size`` each; none of nothing."""
    return (things[start : start + size] for start in range(0, len(things), size))
