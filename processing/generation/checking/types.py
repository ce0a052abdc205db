"""Field types, widgets, display types and kinds of bundle in a ticket that the specification gives otherwise.

Only where the cells give one that we know: about others there is nothing to hold against.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from .claims import Claim, Section
from .evidence import Evidence
from .vocabulary import BUNDLE_PHRASES, DISPLAY_PHRASES, TYPE_PHRASES, WIDGET_PHRASES, word_set

_SAID: Final = (
    r"[*_`\"”“]*(?:\s*[:|=]|\s+is|\s+as|\s+of|\s+to|\s+must be|\s+should be|\s+set to)?[\s*_`\"“|]*(?:an? |the )?"
)
_ARTICLES: Final = frozenset({"a", "an", "type"})
_EDGE: Final = "“”\"'`*_"


def _phrases(known: dict[str, str] | dict[str, frozenset[str]]) -> str:
    longest_first = sorted(known, key=len, reverse=True)
    return rf"(?P<phrase>{'|'.join(re.escape(phrase) for phrase in longest_first)})(?![\w-])(?! \([a-z])"


_EXACT: Final = re.compile(r"\((?:plain|formatted|integer|decimal|float|text)(?:, (?:long|with summary)){0,2}\)")
_TYPE_IS: Final = re.compile(rf"field type{_SAID}{_phrases(TYPE_PHRASES)}")
_OF_TYPE: Final = re.compile(rf"field (?:of|with) (?:the )?type {_SAID}{_phrases(TYPE_PHRASES)}")
_WIDGET_IS: Final = re.compile(rf"widget{_SAID}{_phrases(WIDGET_PHRASES)}")
_DISPLAY_IS: Final = re.compile(rf"display (?:type|plugin){_SAID}{_phrases(DISPLAY_PHRASES)}")
_PLUGIN_IDS: Final = ("string_long", "text_long", "text_with_summary", "list_string", "list_integer", "list_float")


def types(section: Section, evidence: Evidence) -> Iterator[Claim]:
    if evidence.fields and evidence.plugins:
        yield from _field_types(section, evidence)
    if evidence.fields and evidence.widgets:
        yield from _widgets(section, evidence)
    if evidence.entity["type"] == "view_displays" and evidence.displays:
        yield from _displays(section, evidence)
    if evidence.kinds:
        yield from _kinds(section, evidence)


# Field types


def _field_types(section: Section, evidence: Evidence) -> Iterator[Claim]:
    says = f"the field type is {evidence.cells_of('Field type')}"
    for start, end in _asserted_types(section, evidence):
        phrase = section.lower[start:end]
        if TYPE_PHRASES[phrase].isdisjoint(evidence.plugins):
            yield Claim("type", start, end, says)


def _asserted_types(section: Section, evidence: Evidence) -> Iterator[tuple[int, int]]:
    """Where the text says a field type; vague words pass where the cells have them too ("Image" as a label)."""
    lower = section.lower
    for found in _EXACT.finditer(lower):
        for word in ("text ", "number ", "list "):
            start = found.start() - len(word)
            if start >= 0 and lower.startswith(word, start) and lower[start : found.end()] in TYPE_PHRASES:
                yield start, found.end()
    for trigger, pattern in (("field type", _TYPE_IS), ("field of ", _OF_TYPE), ("field with ", _OF_TYPE)):
        for at in section.each(trigger):
            match = pattern.match(lower, at, at + 80)
            if match:
                yield match.span("phrase")
    for plugin in _PLUGIN_IDS:
        at = section.whole(plugin) if plugin in lower else -1
        if at >= 0:
            yield at, at + len(plugin)
    for start, end in _before_noun(section, " field", TYPE_PHRASES.__contains__):
        if lower[start:end] not in evidence.text:
            yield start, end


def _before_noun(section: Section, noun: str, known: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """``a <phrase> field``: the longest known phrase of up to three words between an article and the noun."""
    for at in section.each(noun):
        if section.lower[at + len(noun) : at + len(noun) + 1].isalnum():
            continue
        words = section.before(at, 50).split(" ")
        for count in (3, 2, 1):
            if len(words) > count and words[-count - 1].strip(_EDGE) in _ARTICLES:
                phrase = " ".join(words[-count:])
                bare = phrase.strip(_EDGE)
                if known(bare):
                    start = at - len(phrase) + phrase.find(bare)
                    yield start, start + len(bare)
                    break


# Widgets and displays


def _widgets(section: Section, evidence: Evidence) -> Iterator[Claim]:
    says = f"the form widget is {evidence.cells_of('Form widget')}"
    said = [
        match.span("phrase") for at in section.each("widget") if (match := _WIDGET_IS.match(section.lower, at, at + 80))
    ]
    said += _words_before(section, " widget", WIDGET_PHRASES.__contains__)
    for start, end in said:
        if WIDGET_PHRASES[section.lower[start:end]] not in evidence.widgets:
            yield Claim("type", start, end, says)


def _words_before(section: Section, noun: str, known: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """``<phrase> noun`` with no article needed; only phrases of two words and more are telling enough."""
    for at in section.each(noun):
        words = section.before(at, 50).split(" ")
        for count in (4, 3, 2):
            phrase = " ".join(words[-count:])
            bare = phrase.strip(_EDGE)
            if len(words) >= count and known(bare):
                start = at - len(phrase) + phrase.find(bare)
                yield start, start + len(bare)
                break


def _displays(section: Section, evidence: Evidence) -> Iterator[Claim]:
    says = f"the display plugin is {evidence.cells_of('Display plugin')}"
    said = [
        match.span("phrase")
        for at in section.each("display ")
        if (match := _DISPLAY_IS.match(section.lower, at, at + 60))
    ]
    said += _before_noun(section, " display", DISPLAY_PHRASES.__contains__)
    for start, end in said:
        if DISPLAY_PHRASES[section.lower[start:end]] not in evidence.displays:
            yield Claim("type", start, end, says)


# Kinds of bundle

_KIND_WORDS: Final = (
    "content block", "block content", "custom block", "content", "media", "paragraphs", "paragraph", "block", "comment",
)  # fmt: skip
_LOOSE_LEFT: Final = word_set("the a an of on to in for from and or new each every existing this that with by as")
_RIGHT: Final = re.compile(r"s?:?[\s*_`“\"]+")
_LEFT: Final = re.compile(r"[\s*_`”\"(]+$")
_NOUNS: Final = {
    "node": "content type",
    "taxonomy_term": "vocabulary",
    "media": "media type",
    "comment": "comment type",
    "paragraph": "paragraph type",
    "block_content": "block type",
}


def _kinds(section: Section, evidence: Evidence) -> Iterator[Claim]:
    for start, end in _kind_phrases(section):
        phrase = section.lower[start:end]
        for label_start, label_end in _labels_beside(section, start, end, evidence):
            label = section.lower[label_start:label_end]
            kinds = evidence.kinds[label]
            if BUNDLE_PHRASES[phrase] not in kinds:
                said = " and ".join(sorted(f"a {_NOUNS[kind]}" for kind in kinds))
                first, last = min(start, label_start), max(end, label_end)
                yield Claim("type", first, last, f"{section.text[label_start:label_end]} is {said}")


def _kind_phrases(section: Section) -> Iterator[tuple[int, int]]:
    for at in section.each(" type"):
        before = section.before(at, 20)
        word = next((word for word in _KIND_WORDS if before.endswith(word)), "")
        if word and not before[-len(word) - 1 : -len(word)].isalnum():
            yield at - len(word), at + len(" type")
    for at in section.each("vocabulary"):
        yield at, at + len("vocabulary")


def _labels_beside(section: Section, start: int, end: int, evidence: Evidence) -> Iterator[tuple[int, int]]:
    """Labels of bundles right after the words of a kind, or right before."""
    lower = section.lower
    gap = _RIGHT.match(lower, end, end + 8)
    if gap:
        words = section.after(gap.end(), 80).split(" ")
        for count in range(min(6, len(words)), 0, -1):
            label = " ".join(words[:count]).rstrip("”\"'`*_.,;:)(")
            if label in evidence.kinds:
                yield gap.end(), gap.end() + len(label)
                return
    left = _LEFT.search(lower, max(0, start - 6), start)
    if not left:
        return
    quoted = any(mark in left[0] for mark in '”"(')
    words = section.before(left.start(), 80).split(" ")
    for count in range(min(6, len(words)), 0, -1):
        label = " ".join(words[-count:])
        bare = label.lstrip("“\"'`*_(")
        determined = len(words) == count or words[-count - 1].strip(_EDGE) in _LOOSE_LEFT
        if bare in evidence.kinds and (quoted or determined or bare != label):
            begin = left.start() - len(bare)
            yield begin, begin + len(bare)
            return
