"""“Can you trust this?” in plain words: what was measured, and what it means for whoever wants to use the ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from .bradley_terry import Comparisons, Fit
from .measures import (
    Accuracy,
    JudgeFit,
    Share,
    accuracy,
    first_shown_wins,
    item_fit,
    judge_fits,
    longer_wins,
    own_wins,
    reliability,
    split_half,
)

NOTHING = Share(0, 0)


class Verdict(StrEnum):
    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the panel. ``value`` is the figure that it rests on, None where there is none."""

    name: str
    verdict: Verdict
    sentence: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the panel looks at. ``judges`` name who judged each comparison, ``writers`` who wrote each item ("" for
    unknown), ``lengths`` are characters. ``flips``: comparisons made in both orders, and how many turned round;
    ``pleas``: names of texts that talk to their judge.
    """

    data: Comparisons
    found: Fit
    held_out: Any
    judges: list[str]
    writers: list[str]
    lengths: Any
    adaptive: bool = False
    flips: Share = NOTHING
    pleas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """``verdict`` sums up; ``findings`` come with the most telling first."""

    verdict: Verdict
    sentence: str
    findings: list[Finding]
    judges: list[JudgeFit]
    item_fit: list[float]

    def as_json(self) -> dict[str, Any]:
        judges = [
            {
                "judge": each.judge,
                "comparisons": each.count,
                "infit": rounded(each.infit),
                "agreement": rounded(each.agreement.value),
                "ties": each.ties,
            }
            for each in self.judges
        ]
        findings = [{**asdict(each), "value": rounded(each.value)} for each in self.findings]
        return {"verdict": self.verdict, "sentence": self.sentence, "findings": findings, "judges": judges}


def rounded(value: float | None, places: int = 4) -> float | None:
    """For JSON: None for what is no number."""
    return None if value is None or not math.isfinite(value) else round(value, places)


def panel(evidence: Evidence) -> Panel:
    """Look at everything that can be looked at."""
    data, found = evidence.data, evidence.found
    predicted = accuracy(data, evidence.held_out, by_chance=not evidence.adaptive)
    separation = reliability(found)
    judges = judge_fits(data, found, evidence.judges)
    ties = Share(float(np.sum(data.share == 0.5)), len(data))
    findings = [
        _of_accuracy(predicted, ties),
        _of_scales(found),
        _of_reliability(separation, adaptive=evidence.adaptive),
        _of_split_half(split_half(data), adaptive=evidence.adaptive),
        _of_position(first_shown_wins(data)),
        *_of_flips(evidence.flips),
        _of_length(longer_wins(data, evidence.lengths)),
        *_of_own(*own_wins(data, evidence.judges, evidence.writers)),
        *_of_ties(ties),
        *_of_pleas(evidence.pleas),
        *_of_one_sided(found),
        *_of_judges(judges),
    ]
    verdict, sentence = _summed_up(findings, ties)
    return Panel(verdict, sentence, findings, judges, item_fit(data, found).tolist())


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _of_accuracy(found: Accuracy, ties: Share) -> Finding:
    name, share = "Predicts new judgements", found.share
    if share.count < 10 and ties.count - ties.hits < 10 <= ties.count:
        return Finding(name, Verdict.UNKNOWN, "Nearly all comparisons are ties, so there is no winner to name.", None)
    if share.count < 10:
        return Finding(name, Verdict.UNKNOWN, "Too few comparisons to test the scores with.", None)
    low, high = share.interval
    how = "comparisons that were held out by chance" if found.held_out else "comparisons, each told from the others"
    said = f"The scores named the winner in {percent(share.value)} of {share.count} {how} "
    said += f"({percent(low)}–{percent(high)}; a coin has 50 %)."
    if low <= 0.5:
        return Finding(name, Verdict.BAD, said + " That is no better than a coin.", share.value)
    if share.value < 0.65:
        return Finding(name, Verdict.CAUTION, said + " That is little better than a coin.", share.value)
    if found.expected - high > 0.05:
        return Finding(name, Verdict.CAUTION, said + " The scores promise more than that.", share.value)
    return Finding(name, Verdict.GOOD, said, share.value)


def _of_scales(found: Fit) -> Finding:
    name = "One scale"
    if found.scales == 1:
        return Finding(name, Verdict.GOOD, "Comparisons join all texts, so all scores can be compared.", 1)
    apart = int(np.sum(found.scale != 0))
    said = (
        f"Not on one scale: comparisons leave the texts in {found.scales} groups, with {apart} outside of the largest. "
        "Scores of different groups cannot be compared."
    )
    return Finding(name, Verdict.BAD, said, found.scales)


def _of_reliability(value: float, *, adaptive: bool) -> Finding:
    name = "Separates the texts"
    if not math.isfinite(value):
        return Finding(name, Verdict.UNKNOWN, "It takes three texts on one scale to say how well they are told apart.")
    said = f"Scale separation reliability {value:.2f}: "
    said += f"{percent(value)} of the spread of scores is difference between texts, the rest is error."
    if adaptive:
        warning = " With adaptive pairing this figure is too kind (coin tosses reach 0.8): go by the prediction above."
        return Finding(name, Verdict.CAUTION, said + warning, value)
    verdict = Verdict.GOOD if value >= 0.8 else Verdict.CAUTION if value >= 0.6 else Verdict.BAD
    hint = "" if value >= 0.8 else " More comparisons would help."
    if value < 0.05:
        hint = " The scores differ no more than chance would make them."
    return Finding(name, verdict, said + hint, value)


def _of_split_half(value: float, *, adaptive: bool) -> Finding:
    name = "Two halves agree"
    if not math.isfinite(value):
        return Finding(name, Verdict.UNKNOWN, "Too few comparisons to be split in two.")
    said = f"Split-half reliability {value:.2f}: scores from one half of the comparisons against those from the other."
    if adaptive:
        return Finding(name, Verdict.CAUTION, said + " Too kind with adaptive pairing.", value)
    verdict = Verdict.GOOD if value >= 0.7 else Verdict.CAUTION if value >= 0.5 else Verdict.BAD
    return Finding(name, verdict, said, value)


def _of_position(share: Share) -> Finding:
    name = "No matter which text is shown first"
    if share.count < 20:
        return Finding(name, Verdict.UNKNOWN, "Too few comparisons had a winner to see a preference for a place.")
    low, high = share.interval
    said = f"The text shown first won {percent(share.value)} of {share.count} "
    said += f"({percent(low)}–{percent(high)}; fair is 50 %)."
    if not share.excludes(0.5):
        return Finding(name, Verdict.GOOD, said, share.value)
    large = abs(share.value - 0.5) > 0.15
    hint = " Judges lean to a place. Each text was first as often as second, so ranks suffer little, but errors grow."
    return Finding(name, Verdict.BAD if large else Verdict.CAUTION, said + hint, share.value)


def _of_flips(share: Share) -> list[Finding]:
    if not share.count:
        return []
    said = (
        f"Asked in both orders, the model changed its mind in {percent(share.value)} of {share.count}; those are ties."
    )
    verdict = Verdict.GOOD if share.value <= 0.15 else Verdict.CAUTION if share.value <= 0.35 else Verdict.BAD
    return [Finding("Same answer in both orders", verdict, said, share.value)]


def _of_length(share: Share) -> Finding:
    name = "Not just the longer text"
    if share.count < 20:
        return Finding(name, Verdict.UNKNOWN, "Too few pairs of different length to see a preference for long texts.")
    low, high = share.interval
    said = f"The longer text won {percent(share.value)} of {share.count} ({percent(low)}–{percent(high)})."
    if low > 0.65:
        hint = " Length may be merit here, or it may be what judges fall for: read a few short texts with low ranks."
        return Finding(name, Verdict.CAUTION, said + hint, share.value)
    return Finding(name, Verdict.GOOD, said, share.value)


def _of_own(mine: Share, others: Share) -> list[Finding]:
    if mine.count < 10:
        return []
    said = (
        f"A model that judged texts of its own against others' chose its own in {percent(mine.value)} of {mine.count}"
    )
    if others.count < 10:
        return [
            Finding(
                "No model prefers its own",
                Verdict.UNKNOWN,
                said + "; nobody else judged enough of these to compare.",
                mine.value,
            )
        ]
    said += f"; other judges chose these in {percent(others.value)} of {others.count}."
    leans = mine.interval[0] > others.interval[1]
    return [Finding("No model prefers its own", Verdict.BAD if leans else Verdict.GOOD, said, mine.value)]


def _of_ties(share: Share) -> list[Finding]:
    """Nothing where they are few."""
    if share.count < 10 or share.value <= 0.3:
        return []
    said = (
        f"{percent(share.value)} of {share.count} comparisons are ties: judges could not say which text is better. "
        "The texts may be too much alike for this question."
    )
    return [Finding("Few ties", Verdict.BAD if share.value >= 0.5 else Verdict.CAUTION, said, share.value)]


def _of_pleas(names: Sequence[str]) -> list[Finding]:
    if not names:
        return []
    shown = ", ".join(f"“{name[:60]}”" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    said = f"Words that talk to the judge, as “choose this text” does, are in {shown}{more}. Read them yourself."
    return [Finding("No text talks to the judge", Verdict.CAUTION, said, len(names))]


def _of_one_sided(found: Fit) -> list[Finding]:
    count = int(found.one_sided.sum())
    if not count:
        return []
    said = f"{count} text{'s' if count > 1 else ''} won or lost every comparison: how far ahead or behind is a guess."
    return [Finding("Texts without a match", Verdict.CAUTION, said, count)]


def _of_judges(judges: list[JudgeFit]) -> list[Finding]:
    odd = [each for each in judges if each.count >= 20 and (each.infit > 1.3 or not each.agreement.excludes(0.5))]
    if len(judges) < 2 or not odd:
        return []
    names = ", ".join(f"{each.judge} ({percent(each.agreement.value)})" for each in odd[:5])
    said = f"These judges agree with the common scores less than one should expect: {names}."
    return [Finding("Judges who differ", Verdict.CAUTION, said, len(odd))]


def _summed_up(findings: list[Finding], ties: Share) -> tuple[Verdict, str]:
    verdicts = [each.verdict for each in findings]
    if findings[0].verdict is Verdict.BAD:
        return Verdict.BAD, "No. The judgements do not bear out the ranking: it is no better than tossing coins."
    if findings[1].verdict is Verdict.BAD:
        return Verdict.BAD, "Not as a whole. Some texts were never joined to the others by a comparison."
    if findings[0].verdict is Verdict.UNKNOWN:
        return _without_prediction(ties)
    if Verdict.BAD in verdicts:
        return Verdict.CAUTION, "With care. Look at what is marked below before you use the order."
    if Verdict.CAUTION in verdicts:
        return Verdict.CAUTION, "Mostly. The order holds in the large; neighbours may well change places."
    return Verdict.GOOD, "Yes. New judgements agree with the ranking, and nothing was found that bends it."


def _without_prediction(ties: Share) -> tuple[Verdict, str]:
    if ties.count >= 10 and ties.value >= 0.5:
        return Verdict.BAD, "No. Most comparisons are ties: judges could hardly tell the texts apart."
    return Verdict.UNKNOWN, "There are too few comparisons to say."
