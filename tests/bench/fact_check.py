"""The fact check on hostile texts: four times the length may take about four times as long."""

from __future__ import annotations

import time

from processing.generation.fact_check import check
from tests.processing.generation.test_fact_check import HOSTILE, content, sample

from .figures import Figure, figure, size

LENGTH = 200_000


def fact_check() -> list[Figure]:
    """The worst of all hostile texts, as the time of a text over that of a quarter of it."""
    entity, worst, slowest = sample("summary"), 0.0, 0.0

    def seconds(piece: str, length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        taken = []
        for _ in range(2):
            begun = time.perf_counter()
            check(entity, content(analysis=text, verification=text))
            taken.append(time.perf_counter() - begun)
        return min(taken)

    whole_length = size(LENGTH)
    for piece in HOSTILE:
        whole = seconds(piece, whole_length)
        slowest = max(slowest, whole)
        if whole > 0.1:  # below that the clock and not the text is measured
            worst = max(worst, whole / seconds(piece, whole_length // 4))
    return [
        figure("fact check, hostile text: time of it over time of a quarter", worst, 9, ideal=4),
        figure("fact check, slowest hostile text of 2 x 200,000 characters, s", slowest),
    ]
