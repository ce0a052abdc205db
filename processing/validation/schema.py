"""Is a document what Jira takes? The official schema, and the rules that Jira keeps though the schema does not.

The schema's own list of errors is not used: on nested documents it takes seconds and gigabytes. ``is_valid`` answers in
microseconds, and a walk of our own, by parent and child as the schema has them, finds the places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from .inline import SAFE_LINK

SCHEMA: Final = Path(__file__).parent / "vendored" / "adf-schema-57.7.22.json"
MARK_ORDER: Final = ("link", "em", "strong", "strike", "code")
LONGEST_DESCRIPTION: Final = 32_767
"""Jira's limit for a description. Sources disagree on what is counted; the compact JSON is the careful reading."""
DEEPEST: Final = 100
MOST_PROBLEMS: Final = 50

_UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Kind(StrEnum):
    """What can be wrong."""

    NOT_A_DOCUMENT = "not_a_document"
    EMPTY_DOCUMENT = "empty_document"
    UNKNOWN_NODE = "unknown_node"
    MISPLACED = "misplaced"
    NO_CONTENT = "no_content"
    NOT_A_LIST = "not_a_list"
    UNKNOWN_PROPERTY = "unknown_property"
    MISSING_PROPERTY = "missing_property"
    WRONG_ATTRIBUTE = "wrong_attribute"
    EMPTY_TEXT = "empty_text"
    BAD_CHARACTER = "bad_character"
    UNKNOWN_MARK = "unknown_mark"
    MARK_TWICE = "mark_twice"
    MARK_ORDER = "mark_order"
    CODE_WITH_MARKS = "code_with_marks"
    UNSAFE_LINK = "unsafe_link"
    TOO_DEEP = "too_deep"
    NOT_IN_SCHEMA = "not_in_schema"
    TOO_LONG = "too_long"


@dataclass(frozen=True, slots=True)
class Problem:
    """``pointer`` is the place in the document (RFC 6901); ``line`` (from 1) and ``section`` the place in the Markdown,
    where they are known.
    """

    kind: str
    pointer: str
    message: str
    line: int | None = None
    section: str = ""

    @property
    def is_blocking(self) -> bool:
        """Whether the document cannot be sent. One that is too long can: the rest goes into an attachment."""
        return self.kind != Kind.TOO_LONG

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": str(self.kind), "blocking": self.is_blocking}


def problems_of(adf: Any) -> list[Problem]:
    """All that is wrong with the document, in its order (at most 50); empty if Jira takes it as it is."""
    if not isinstance(adf, dict) or adf.get("type") != "doc":
        return [Problem(Kind.NOT_A_DOCUMENT, "", 'This is no document: the outermost node must have the type "doc".')]
    problems: list[Problem] = []
    for problem in _walk(adf):
        problems.append(problem)
        if len(problems) == MOST_PROBLEMS:
            return problems
    if not problems and not _validator().is_valid(adf):
        problems.append(Problem(Kind.NOT_IN_SCHEMA, "", "The document does not conform to the official schema."))
    # A document that cannot be sent has no size, and one that is too deep cannot even be written down.
    if is_valid(problems) and (size := size_of(adf)) > LONGEST_DESCRIPTION:
        message = (
            f"The text takes {size:,} characters; Jira allows {LONGEST_DESCRIPTION:,}. "
            "The description will hold its beginning, and an attachment all of it."
        )
        problems.append(Problem(Kind.TOO_LONG, "", message))
    return problems


def is_valid(problems: Sequence[Problem]) -> bool:
    """Whether the document with these problems can be sent."""
    return not any(problem.is_blocking for problem in problems)


def size_of(adf: dict[str, Any]) -> int:
    """Characters of the compact JSON, those beyond the basic plane counted twice, as Java does."""
    text = json.dumps(adf, ensure_ascii=False, separators=(",", ":"))
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def placed(problems: Sequence[Problem], markdown: str, lines: Sequence[int]) -> list[Problem]:
    """The same problems with their line and section. ``lines`` are those of the document's blocks."""
    return [_placed(problem, markdown.split("\n"), lines) for problem in problems]


def _placed(problem: Problem, text: list[str], lines: Sequence[int]) -> Problem:
    parts = problem.pointer.split("/")
    if len(parts) < 3 or parts[1] != "content" or int(parts[2]) >= len(lines):
        return problem
    line = lines[int(parts[2])]
    heading = next((each for each in reversed(text[: line + 1]) if each.startswith("## ")), "")
    return replace(problem, line=line + 1, section=heading.removeprefix("## ").strip())


# The schema, read as rules of parent and child


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the schema says of one type of node, over all its variants."""

    properties: frozenset[str]
    required: frozenset[str]
    children: frozenset[str]
    marks: frozenset[str]
    needs_content: bool
    attributes: Any


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return schema


@cache
def _validator() -> Any:
    return jsonschema_rs.validator_for(_schema())


def _resolved(definition: Any) -> Any:
    """The definition that a reference points to."""
    return _schema()["definitions"][definition["$ref"].rpartition("/")[2]] if "$ref" in definition else definition


def _variants(definition: Any) -> Iterator[dict[str, Any]]:
    """The plain object schemas that a definition comes down to."""
    if "$ref" in definition:
        yield from _variants(_resolved(definition))
    for key in ("anyOf", "allOf", "oneOf"):
        for part in definition.get(key, ()):
            yield from _variants(part)
    if "properties" in definition:
        yield definition


def _types(definition: Any) -> frozenset[str]:
    """The ``type``s that a definition allows."""
    found = (variant["properties"].get("type", {}).get("enum", ()) for variant in _variants(definition))
    return frozenset(name for names in found for name in names)


def _members(variants: Sequence[dict[str, Any]], key: str) -> frozenset[str]:
    """The types that may be in the list ``key`` (content or marks)."""
    found: set[str] = set()
    for variant in variants:
        items = _resolved(variant["properties"].get(key, {})).get("items", {})
        for item in items if isinstance(items, list) else [items]:
            found |= _types(item)
    return frozenset(found)


@cache
def _rules() -> dict[str, _Rule]:
    """Type of a node or mark -> its rule."""
    variants: dict[str, list[dict[str, Any]]] = {}
    for definition in _schema()["definitions"].values():
        for name in _types(definition) if "properties" in definition or "allOf" in definition else ():
            variants.setdefault(name, []).extend(_variants(definition))
    return {name: _rule(found) for name, found in variants.items()}


def _rule(variants: Sequence[dict[str, Any]]) -> _Rule:
    bases = [variant for variant in variants if "type" in variant["properties"]]
    attributes = [base["properties"]["attrs"] for base in bases if "attrs" in base["properties"]]
    contents = [base["properties"].get("content", {}) for base in bases]
    return _Rule(
        properties=frozenset(key for base in bases for key in base["properties"]),
        required=frozenset.intersection(*(frozenset(base.get("required", ())) for base in bases)),
        children=_members(variants, "content"),
        marks=_members(variants, "marks"),
        needs_content=all(each.get("minItems", 0) > 0 for each in contents),
        attributes=_attributes(attributes) if attributes else None,
    )


def _attributes(variants: list[Any]) -> Any:
    return jsonschema_rs.Draft4Validator({"definitions": _schema()["definitions"], "anyOf": variants})


# The walk


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the document, cheap to make; its pointer is spelled out only where it is asked for."""

    step: str
    parent: _Place | None = None
    depth: int = 0

    def down(self, *steps: object) -> _Place:
        place = self
        for step in steps:
            place = _Place(str(step), place, self.depth + 1)  # one level, however many steps
        return place

    def __str__(self) -> str:
        steps: list[str] = []
        place: _Place | None = self
        while place and place.parent:
            steps.append(place.step.replace("~", "~0").replace("/", "~1"))
            place = place.parent
        return "".join(f"/{step}" for step in reversed(steps))


def _walk(adf: dict[str, Any]) -> Iterator[Problem]:
    """Every node once, in the document's order, without recursion."""
    if not adf.get("content"):
        yield Problem(Kind.EMPTY_DOCUMENT, "", "The document is empty.")
    waiting: list[tuple[dict[str, Any], _Place]] = [(adf, _Place(""))]
    while waiting:
        node, place = waiting.pop()
        rule = _rules()[node["type"]]
        yield from _of_node(node, rule, place)
        content = node.get("content", [])
        if not isinstance(content, list):
            continue
        if place.depth >= DEEPEST:
            if content:
                yield Problem(Kind.TOO_DEEP, str(place), f"Blocks are nested more than {DEEPEST} deep.")
            continue
        good = []
        for number, child in enumerate(content):
            where = place.down("content", number)
            problem = _of_child(node["type"], rule, child, where)
            if problem:
                yield problem
            if _kind(child):
                good.append((child, where))
        waiting.extend(reversed(good))


def _of_child(parent: str, rule: _Rule, child: Any, place: _Place) -> Problem | None:
    kind = _kind(child)
    if kind is None:
        named = (
            f'"{str(child["type"])[:40]}"'
            if isinstance(child, dict) and "type" in child
            else "Something without a type"
        )
        return Problem(Kind.UNKNOWN_NODE, str(place), f"{named} is nothing that a document can hold.")
    if kind not in rule.children:
        return Problem(Kind.MISPLACED, str(place), f"{_noun(kind)} cannot stand in {_noun(parent).lower()}.")
    return None


def _kind(node: Any) -> str | None:
    """The type of what is a node; None for anything else."""
    kind = node.get("type") if isinstance(node, dict) else None
    return kind if isinstance(kind, str) and kind in _rules() and kind not in _marks() else None


@cache
def _marks() -> frozenset[str]:
    names = (name for key, each in _schema()["definitions"].items() if key.endswith("_mark") for name in _types(each))
    return frozenset(names)


def _of_node(node: dict[str, Any], rule: _Rule, place: _Place) -> Iterator[Problem]:
    noun = _noun(node["type"])
    for key in sorted(map(str, node.keys() - rule.properties)):
        yield Problem(Kind.UNKNOWN_PROPERTY, str(place.down(key)), f'{noun} has no property "{key[:40]}".')
    for key in sorted(rule.required - node.keys()):
        yield Problem(Kind.MISSING_PROPERTY, str(place), f'{noun} needs the property "{key}".')
    content = node.get("content", [])
    if not isinstance(content, list):
        yield Problem(Kind.NOT_A_LIST, str(place.down("content")), f"The content of {noun.lower()} must be a list.")
    elif not content and rule.needs_content and "content" in node and node["type"] != "doc":
        yield Problem(Kind.NO_CONTENT, str(place), f"{noun} must not be empty.")
    if "attrs" in node and rule.attributes is not None and not _fits(rule.attributes, node["attrs"]):
        yield Problem(Kind.WRONG_ATTRIBUTE, str(place.down("attrs")), f"{noun} cannot have these attributes.")
    if node["type"] == "text":
        yield from _of_text(node, place)
    if "marks" in node:
        yield from _of_marks(node["marks"], rule, place.down("marks"))


def _fits(validator: Any, attributes: Any) -> bool:
    return isinstance(attributes, dict) and validator.is_valid(attributes)


def _of_text(node: dict[str, Any], place: _Place) -> Iterator[Problem]:
    text = node.get("text")
    if not isinstance(text, str) or not text:
        yield Problem(Kind.EMPTY_TEXT, str(place), "A piece of text must have at least one character.")
    elif _UNWANTED.search(text):
        yield Problem(Kind.BAD_CHARACTER, str(place), "The text holds a character that cannot be shown.")


def _of_marks(marks: Any, rule: _Rule, place: _Place) -> Iterator[Problem]:
    if not isinstance(marks, list):
        yield Problem(Kind.NOT_A_LIST, str(place), "Marks must be a list.")
        return
    names = [mark.get("type") if isinstance(mark, dict) else None for mark in marks]
    for number, (name, mark) in enumerate(zip(names, marks, strict=True)):
        where = place.down(number)
        if not isinstance(name, str) or name not in rule.marks:
            yield Problem(Kind.UNKNOWN_MARK, str(where), f'The mark "{str(name)[:40]}" cannot stand here.')
        elif name in names[:number]:
            yield Problem(Kind.MARK_TWICE, str(where), f'The mark "{name}" is there twice.')
        else:
            yield from _of_mark(name, mark, where)
    if "code" in names and len(names) > 1:
        yield Problem(Kind.CODE_WITH_MARKS, str(place), "Code cannot have another mark.")
    ranks = [MARK_ORDER.index(name) for name in names if name in MARK_ORDER]
    if ranks != sorted(ranks):
        yield Problem(Kind.MARK_ORDER, str(place), f"Marks must come in this order: {', '.join(MARK_ORDER)}.")


def _of_mark(name: str, mark: dict[str, Any], place: _Place) -> Iterator[Problem]:
    rule = _rules()[name]
    attributes = mark.get("attrs")
    wrong = mark.keys() - rule.properties or rule.required - mark.keys()
    if wrong or ("attrs" in mark and rule.attributes is not None and not _fits(rule.attributes, attributes)):
        yield Problem(Kind.WRONG_ATTRIBUTE, str(place), f'The mark "{name}" has wrong attributes.')
    elif name == "link" and isinstance(attributes, dict) and not SAFE_LINK.fullmatch(attributes["href"]):
        message = f"The link leads to {attributes['href'][:80]!r}; only web and mail addresses are allowed."
        yield Problem(Kind.UNSAFE_LINK, str(place.down("attrs", "href")), message)


def _noun(kind: str) -> str:
    """``bulletList`` -> "A bullet list"."""
    words = _CAMEL.sub(" ", kind).lower()
    return f"{'An' if words[0] in 'aeiou' else 'A'} {words}"
