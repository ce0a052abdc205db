"""From a ticket and what was found for it to a short text and suggestions: by a model, or by rule without one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from processing.errors import ProcessingError
from processing.llm.base import Form, Question
from processing.llm.prompts import fenced
from sessions_app.errors import Category

from .claims import MOST_CLAIMS, Claim, checked, suggested
from .models import ContextItem, HelpDesk
from .models.history import EnhancementHistory
from .texts import network_of, sentences, shared, terms_of

VERSION: Final = "synthesis-1"
FIELDS: Final = ("category", "priority", "assignee")
EXCERPTS: Final = 1_200
"""Characters of an item that the model reads."""
SENTENCE: Final = 260

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "description": "One sentence."},
                    "cites": {"type": "array", "items": {"type": "string"}, "description": "Labels such as C1."},
                },
                "required": ["text", "cites"],
                "additionalProperties": False,
            },
        },
        "suggestions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "enum": list(FIELDS)},
                    "value": {"type": "string"},
                    "confidence": {"type": "number"},
                    "reason": {"type": "string", "description": "One line."},
                },
                "required": ["field", "value", "confidence", "reason"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["claims", "suggestions"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A synthesis that was checked: claims, and suggestions from the lists."""

    claims: list[Claim] = field(default_factory=list)
    suggestions: list[dict[str, Any]] = field(default_factory=list)


@cache
def system_prompt() -> str:
    return (Path(__file__).parent / "prompts" / f"{VERSION}.md").read_text(encoding="utf-8")


def question_of(history: EnhancementHistory, items: Sequence[ContextItem], desk: HelpDesk) -> Question:
    """What the model is asked. What strangers wrote is fenced; nothing of other workspaces is in it."""
    body = {
        "ticket": {
            "title": history.title,
            "description": history.description[:12_000],
            "priority": history.priority,
        },
        "context": [_told(item) for item in items],
        "lists": lists_of(desk),
    }
    form = Form("synthesis", VERSION, system_prompt(), SCHEMA, _read, tokens=900)
    by_rule = partial(by_rule_of, history, list(items), desk)
    return Question(form, f"{fenced('help_desk', body)}\n\nWrite the synthesis for this ticket.", by_rule)


def _told(item: ContextItem) -> dict[str, Any]:
    details = {name: value[:EXCERPTS] if isinstance(value, str) else value for name, value in item.details.items()}
    return {"label": item.label, "kind": item.kind, "title": item.title, "excerpt": item.excerpt, **details}


def lists_of(desk: HelpDesk) -> dict[str, list[str]]:
    return {"category": desk.categories, "priority": desk.priorities, "assignee": desk.assignees}


def _read(content: dict[str, Any]) -> Mapping[str, Any]:
    """The answer in its form; whether it is true is looked at afterwards. Raises ProcessingError."""
    claims, suggestions = content.get("claims"), content.get("suggestions")
    if not isinstance(claims, list) or not all(isinstance(each, dict) for each in claims):
        raise ProcessingError("claims has to be a list of {text, cites}.", Category.ADMIN_REQUIRED)
    if not any(isinstance(each.get("text"), str) and each["text"].strip() for each in claims):
        raise ProcessingError("There is no claim with a text.", Category.ADMIN_REQUIRED)
    if not all(isinstance(each.get("cites"), list) for each in claims):
        raise ProcessingError("Each claim needs cites, a list of labels.", Category.ADMIN_REQUIRED)
    if not isinstance(suggestions, list) or not all(isinstance(each, dict) for each in suggestions):
        raise ProcessingError("suggestions has to be a list.", Category.ADMIN_REQUIRED)
    if len(json.dumps(content)) > 60_000:
        raise ProcessingError("The answer is far too long: at most 500 words.", Category.ADMIN_REQUIRED)
    kept = [{"text": str(each.get("text", "")), "cites": each["cites"][:10]} for each in claims[:MOST_CLAIMS]]
    return {"claims": kept, "suggestions": suggestions[:10]}


def drawn_from(
    content: Mapping[str, Any], history: EnhancementHistory, items: Sequence[ContextItem], desk: HelpDesk
) -> Draft:
    """The answer held against what it cites and against the lists."""
    said = {item.label: all_of(item) for item in items}
    claims = checked(content.get("claims", []), said, f"{history.title}\n{history.description}\n{history.priority}")
    allowed = {name: values for name, values in lists_of(desk).items() if values}
    return Draft(claims, suggested(content.get("suggestions", []), allowed))


def all_of(item: ContextItem) -> str:
    """Everything that an item says, for checking a sentence against it."""
    said = [item.external_id, item.title, item.excerpt, *map(str, item.details.values()), *map(str, item.matched)]
    return "\n".join(said)


# Without a model: the sentences themselves


def _how_concerned(asset: ContextItem) -> str:
    """What only shares a network with an address of the ticket is near it, and not more."""
    own = {network_of(each) for each in asset.details.get("networks", "").split()}
    others = [each for each in asset.matched if (network := network_of(each)) and network not in own]
    if others and len(others) == len(asset.matched):
        return f"{asset.title} is near {others[0]}"
    where = asset.details.get("location")
    return f"{asset.title} is concerned" + (f" ({asset.details.get('kind') or 'host'}, {where})" if where else "")


def by_rule_of(history: EnhancementHistory, items: Sequence[ContextItem], desk: HelpDesk) -> dict[str, Any]:
    """An honest extract: sentences of the best items as they stand, each with its source, and what solved tickets
    agree on.
    """
    terms = terms_of(f"{history.title}\n{history.description}", history.title)
    claims: list[dict[str, Any]] = []
    for item in items:
        best = _best_sentence(item, terms)
        if item.kind == ContextItem.Kind.TICKET:
            text = f"{item.external_id} was solved like this: {best}" if best else f"Similar: {item.title}"
        elif item.kind == ContextItem.Kind.ARTICLE:
            text = f"{item.title}: {best}" if best else f"Article: {item.title}"
        else:
            text = _how_concerned(item)
        claims.append({"text": text, "cites": [item.label]})
    if not claims:
        claims = [{"text": "Nothing similar was found for this ticket.", "cites": []}]
    return {"claims": claims[:8], "suggestions": _agreed(items, desk)}


def _best_sentence(item: ContextItem, terms: Sequence[str]) -> str:
    """Of a solved ticket the beginning of its solution; of an article the sentence with most of the ticket's words."""
    solution = str(item.details.get("resolution") or "")
    found = sentences(solution or item.excerpt)
    if not found:
        return ""
    best = found[0] if solution else max(found, key=lambda each: len(shared(terms, each)))
    return best if len(best) <= SENTENCE else best[:SENTENCE].rpartition(" ")[0] + " …"


def _agreed(items: Sequence[ContextItem], desk: HelpDesk) -> list[dict[str, Any]]:
    """What at least two of the similar tickets say, in the words of the lists; the share of them is the confidence."""
    tickets = [item for item in items if item.kind == ContextItem.Kind.TICKET]
    found = []
    for name, allowed in lists_of(desk).items():
        known = {value.casefold(): value for value in allowed}
        said = Counter(
            known[value.casefold()]
            for item in tickets
            if isinstance(value := item.details.get(name), str) and value.casefold() in known
        )
        if not said:
            continue
        value, votes = said.most_common(1)[0]
        if votes >= 2 or len(tickets) == 1:
            reason = f"{votes} of {len(tickets)} similar tickets had it."
            share = round(votes / (len(tickets) + 1), 2)
            found.append({"field": name, "value": value, "confidence": share, "reason": reason})
    return found


# What the fake model answers


_FENCE: Final = re.compile(r"<help_desk>\n(.*)\n</help_desk>", re.DOTALL)


def fake_answer(request: dict[str, Any]) -> dict[str, Any]:
    """A plain synthesis of the context in the prompt, for development and tests."""
    body = asked_of(request)
    claims = [
        {"text": f"{item['title']}: {item['excerpt']}"[:200], "cites": [item["label"]]} for item in body["context"][:5]
    ]
    first = {name: values[0] for name, values in body["lists"].items() if values}
    return {
        "claims": claims or [{"text": "Nothing similar was found.", "cites": []}],
        "suggestions": [
            {"field": name, "value": value, "confidence": 0.8, "reason": "It is the first of the list."}
            for name, value in first.items()
        ],
    }


def asked_of(request: dict[str, Any]) -> dict[str, Any]:
    """{ticket, context, lists} of a request to a model, in either protocol."""
    found = _FENCE.search("\n".join(str(message["content"]) for message in request["messages"]))
    body: dict[str, Any] = json.loads(found[1]) if found else {"ticket": {}, "context": [], "lists": {}}
    return body
