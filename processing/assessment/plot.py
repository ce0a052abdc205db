"""A ranking drawn: one line per text with its score and its interval, as numbers for an SVG. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 960
LABELS: Final = 300
ROW: Final = 24
HEAD: Final = 34
MARGIN: Final = 24
MOST_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """Positions in the drawing. ``told`` says the same in words."""

    y: float
    x: float
    low: float
    high: float
    label: str
    told: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    height: int
    rows: list[Row]
    ticks: list[Tick]
    zero: float | None
    left_out: int
    width: int = WIDTH
    head: int = HEAD
    labels: int = LABELS


def plot(rankings: list[dict[str, Any]]) -> Plot | None:
    """None if there is nothing to draw. At most 200 rows; the table has all."""
    shown = [row for row in rankings[:MOST_ROWS] if row.get("score") is not None]
    if not shown:
        return None
    lows = [_or(row.get("low"), row["score"]) for row in shown]
    highs = [_or(row.get("high"), row["score"]) for row in shown]
    least, most = min(lows), max(highs)
    spread = (most - least) or 1.0
    scale = (WIDTH - LABELS - MARGIN) / spread

    def across(value: float) -> float:
        return round(LABELS + (value - least) * scale, 1)

    rows = [
        Row(
            y=HEAD + ROW * number + ROW / 2,
            x=across(row["score"]),
            low=across(low),
            high=across(high),
            label=_label(row),
            told=f"{_label(row)}: {row['score']:.2f}, {low:.2f} to {high:.2f}",
            is_sure=not row.get("one_sided"),
        )
        for number, (row, low, high) in enumerate(zip(shown, lows, highs, strict=True))
    ]
    step = _step(spread)
    first = int(least / step) - 1
    marks = [step * number for number in range(first, first + int(spread / step) + 4)]
    ticks = [Tick(across(mark), f"{mark:g}") for mark in marks if least <= mark <= most]
    zero = across(0.0) if least <= 0 <= most else None
    return Plot(HEAD + ROW * len(rows) + 8, rows, ticks, zero, len(rankings) - len(rows))


def _or(value: Any, other: float) -> float:
    return other if value is None else float(value)


def _label(row: dict[str, Any]) -> str:
    name = str(row.get("title") or row.get("name") or row["essay_id"])
    return f"{row['rank']}. {name if len(name) <= 34 else name[:33] + '…'}"


def _step(spread: float) -> float:
    return next((step for step in (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0) if spread / step <= 9), 25.0)
