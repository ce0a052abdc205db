"""Numbers in a ticket that no cell has and that cannot be counted from the rows.

Only numbers that say something of the configuration: how many parts or values, limits, sizes, weights, percentages.
Numbers of steps, of WCAG, of HTTP, of test data are left alone.
"""

import re
from collections.abc import Iterator
from typing import Final

from .claims import Claim, Section
from .evidence import Evidence
from .vocabulary import NUMBER_WORDS, word_set


def amounts(section: Section, evidence: Evidence) -> Iterator[Claim]:
    yield from _parts(section, evidence)
    yield from _values(section, evidence)
    yield from _limits(section, evidence)
    if not section.is_test:
        yield from _sizes(section, evidence)
        yield from _measures(section, evidence)


def _number(word: str) -> int | None:
    bare = word.strip("“”\"'`*_(,")
    if bare in NUMBER_WORDS:
        return NUMBER_WORDS[bare]
    digits = bare.replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 8 else None


# How many parts

_PARTS: Final = {
    "fields": "fields",
    "displays": "view_displays",
    "effects": "image_effects",
    "states": "workflow_states",
    "transitions": "workflow_transitions",
    "mappings": "migration_mappings",
}
_LISTED: Final = (
    "allowed values",
    "options",
    "choices",
    "permissions",
    "breakpoints",
    "image styles",
    "target bundles",
)
_SOME: Final = word_set(
    "first last other these those next following least between or any another more fewer than of about step page "
    "version remaining"
)


def _parts(section: Section, evidence: Evidence) -> Iterator[Claim]:
    for noun, csv_type in _PARTS.items():
        total = evidence.number_of_parts(csv_type) if noun in section.lower else 0
        for number, start, end in _counted(section, noun):
            if total:
                known = number in evidence.counted(csv_type) or f"{number} {noun}" in evidence.text
                says = f"the specification has {total} {noun if total != 1 else noun[:-1]}"
            else:
                known = number < 3 or number in evidence.counts or number in evidence.numbers
                says = f"no {noun} of this number can be counted"
            if not known:
                yield Claim("count", start, end, says)
    for noun in _LISTED:
        for number, start, end in _counted(section, noun):
            if number > 2 and number not in evidence.counts and number not in evidence.numbers:
                yield Claim("count", start, end, f"no {noun} of this number can be counted")


def _counted(section: Section, noun: str) -> Iterator[tuple[int, int, int]]:
    """``3 fields``, ``three required fields``: number, start, end."""
    for at in section.each(noun):
        end = at + len(noun)
        if section.lower[end : end + 1].isalnum() or section.lower[at - 1 : at] != " ":
            continue
        words = section.before(at - 1, 50).split(" ")
        for back in (1, 2, 3):
            if len(words) < back:
                break
            word = words[-back]
            number = _number(word)
            if number is not None and number > 1:
                if back == len(words) or words[-back - 1].strip("(*“") not in _SOME:
                    start = at - 1 - len(" ".join(words[-back:]))
                    start += len(word) - len(word.lstrip("“”\"'`*_("))
                    yield number, start, end
                break
            if not word.replace("-", "").strip("“”`*").isalpha() or word in _SOME:
                break


# Number of values

_UNLIMITED: Final = re.compile(
    r"unlimited(?: number of)?(?: values| cardinality|\W*$)|"
    r"(?:cardinality|number of values|values)\W{1,6}(?:is |of )?unlimited"
)
_SINGLE: Final = re.compile(
    r"(?:exactly one|only one|just one|a single|single|one) value only|only (?:one|a single) value|single-valued?\b|"
    r"(?:allows?|allow|accepts?|holds?|limit(?:ed)? to|cardinality of) (?:exactly |only )?(?:one|a single) value|"
    r"exactly (?:one|1) value"
)
_MULTIPLE: Final = re.compile(
    r"multi-?valued?\b|(?:allows?|accepts?|holds?|can have|stores?) (?:multiple|several|many) values|"
    r"multiple values (?:are )?allowed"
)
_EXACTLY: Final = re.compile(
    r"(?:cardinality|(?:allowed )?number of values)[*_`\"”]*(?:\s*[:|=]|\s+is|\s+of|\s+to|\s+set to)?[\s*_`|]*"
    r"(?P<number>-1|[0-9]{1,6}|unlimited|one|two|three|four|five|six|seven|eight|nine|ten)\b"
)
_ALLOWED: Final = re.compile(
    r"(?:allow\w*|accept\w*|holds?|stores?|take\w*|limit\w*|up to|at most|maximum|exactly|more than)[^.;\n]{0,30}$"
)
_FORBIDDEN: Final = re.compile(r"\b(?:not|no|cannot|never|without|refus\w+|second|more than)\b[^.;\n]*$")


def _values(section: Section, evidence: Evidence) -> Iterator[Claim]:
    """The number of values of a field, in a ticket about fields only."""
    if not evidence.fields:
        return
    stated = evidence.cardinalities
    if not stated and any(each["cells"].get("Vals.") for each in evidence.fields):
        return
    says = _number_of_values(stated)
    yield from _stated_values(section, stated, says)
    if 1 not in stated:
        yield from _worded(section, _SINGLE, ("one value", "single"), says)
    if stated == {1}:
        yield from _worded(section, _MULTIPLE, ("multi", "several values", "many values"), says)
    for number, start, end in () if section.is_test else _counted(section, "values"):
        known = number in stated or number in evidence.numbers or number in evidence.counts
        if not known and _ALLOWED.search(section.before(start, 40)):
            yield Claim("count", start, end, says)


def _stated_values(section: Section, stated: set[int], says: str) -> Iterator[Claim]:
    """``unlimited``, ``cardinality: 3``, ``number of values | 3``."""
    for at in section.each("unlimited"):
        found = _UNLIMITED.search(section.lower, max(0, at - 24), at + 40)
        if found and -1 not in stated:
            yield Claim("count", *_trimmed(section, *found.span()), says)
    for trigger in ("cardinality", "number of values"):
        for at in section.each(trigger):
            found = _EXACTLY.match(section.lower, at, at + 50)
            if found and _as_number(found["number"]) not in stated:
                yield Claim("count", found.start(), found.end(), says)


def _worded(section: Section, pattern: re.Pattern[str], triggers: tuple[str, ...], says: str) -> Iterator[Claim]:
    for trigger in triggers:
        for at in section.each(trigger):
            found = pattern.search(section.lower, max(0, at - 24), at + 40)
            if found and not _FORBIDDEN.search(section.before(found.start(), 40)):
                yield Claim("count", *found.span(), says)


def _trimmed(section: Section, start: int, end: int) -> tuple[int, int]:
    return start, start + len(section.text[start:end].rstrip(" \n\t.,;:)*_`|"))


def _as_number(word: str) -> int:
    return -1 if word in {"-1", "unlimited"} else NUMBER_WORDS.get(word) or int(word)


def _number_of_values(stated: set[int]) -> str:
    if not stated:
        return "the row gives no number of values"
    words = ["unlimited" if number == -1 else str(number) for number in sorted(stated, key=lambda each: each % 10**6)]
    return f"the number of values is {' or '.join(words)}"


# Limits, sizes, measures

_LIMIT: Final = re.compile(
    r"(?:(?:max(?:imum)?|min(?:imum)?)\b[a-z _-]{0,24}|at most|up to|no more than|limit(?:ed)? (?:to|of)|weight)"
    r"[*_`\"”]*(?:\s*[:|=]|\s+is|\s+of|\s+to)?[\s*_`|]*(?P<number>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,7})(?![\w:/×%-]|[.,][0-9])"
)
_TRIGGERS: Final = ("max", "min", "at most", "up to", "no more than", "limit", "weight")
_OF_WORK: Final = re.compile(
    r" ?(?:ms|s|m|h|seconds?|minutes?|hours?|days?|weeks?|months?|clicks?|attempts?|times?|steps?|lines?|people"
    r"|persons?|developers?|browsers?|tickets?|sentences?|columns?|viewports?|requests?|queries)\b"
)
_SIZE: Final = re.compile(r"[0-9]{2,5} ?[x×] ?[0-9]{2,5}")
_MEASURE: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,7}")
_TEST_DATA: Final = re.compile(
    r"\b(?:upload\w*|original\w*|source|sample|test\w*|viewport|window|screen\w*|browser|zoom\w*|contrast|coverage|larger"
    r"|smaller|bigger|e\.g|example|retina|2x|at least|breakpoint)\b"
)
_UNITS: Final = ("px", "pixels", "characters", "%", "percent", "mb", "kb", "gb")


def _limits(section: Section, evidence: Evidence) -> Iterator[Claim]:
    for trigger in _TRIGGERS:
        for at in section.each(trigger):
            found = _LIMIT.match(section.lower, at, at + 60)
            if not found or section.lower[at - 1 : at].isalpha() or _OF_WORK.match(section.lower, found.end()):
                continue
            number = int(found["number"].replace(",", ""))
            if number > 1 and not _stated(number, evidence):
                start = found.start("number") if trigger in {"limit", "up to"} else found.start()
                yield Claim("count", start, found.end(), "no cell has this number")


def _stated(number: int, evidence: Evidence) -> bool:
    return number in evidence.numbers or number in evidence.counts or number in evidence.cardinalities


def _sizes(section: Section, evidence: Evidence) -> Iterator[Claim]:
    for found in _SIZE.finditer(section.lower):
        around = section.lower[found.start() - 1 : found.start()] + section.lower[found.end() : found.end() + 1]
        if any(letter.isalnum() or letter in "_/:" for letter in around):
            continue
        sides = {int(side) for side in re.findall("[0-9]+", found[0])}
        doubled = {side // 2 for side in sides if side % 2 == 0}
        known = sides <= evidence.numbers or (len(doubled) == len(sides) and doubled <= evidence.numbers)
        if not known and not _TEST_DATA.search(section.before(found.start(), 60)):
            yield Claim("count", found.start(), found.end(), "no cell has this size")


def _measures(section: Section, evidence: Evidence) -> Iterator[Claim]:
    """``800 px``, ``255 characters``, ``80 %``."""
    for unit in _UNITS:
        for at in section.each(unit):
            if section.lower[at + len(unit) : at + len(unit) + 1].isalnum():
                continue
            before = section.before(at, 12)
            start = _start_of_number(before.rstrip(" "), at - (len(before) - len(before.rstrip(" "))))
            number = _number(section.lower[start:at].strip()) if start >= 0 else None
            if number is None or number < 2 or _stated(number, evidence) or (unit in "%percent" and number == 100):
                continue
            if unit == "characters" and number in evidence.lengths:
                continue
            if not _TEST_DATA.search(section.before(start, 60)):
                yield Claim("count", start, at + len(unit), "no cell has this number")


def _start_of_number(before: str, end: int) -> int:
    """Where the number begins that the text ends with; -1 where there is none, or it is a part of something else."""
    digits = len(before) - len(before.rstrip("0123456789,"))
    start = end - digits
    lead = before[: len(before) - digits][-1:]
    return start if digits and not (lead.isalnum() or lead in {".", "_", "/", "-", "×", ":"}) else -1
