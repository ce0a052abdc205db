"""Prompts are versioned files; the version used is on every call and ticket. A changed text is a new file."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from processing.errors import LLMError
from processing.generation.offline import SiteContext
from sessions_app.models.sessions import LANGUAGES
from sessions_app.parsing.payload import EntityPayload

TICKET: Final = "ticket-1"
LONGEST_CELL: Final = 4_000
LONGEST_ENTITY: Final = 60_000

_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


@cache
def versions() -> list[str]:
    """Names of all prompts for tickets that ship with the product."""
    return sorted(path.stem for path in Path(__file__).parent.glob("ticket-*.md"))


@cache
def system_prompt(version: str = TICKET, language: str = "en") -> str:
    """What the model is told to do. Raises LLMError for a version that is not there (any more)."""
    if version not in versions():
        raise LLMError(
            f"There is no prompt “{version}”.", recovery_actions=(f"Choose one of: {', '.join(versions())}.",)
        )
    text = text_of(version)
    name = dict(LANGUAGES).get(language, "English")
    return text if name == "English" else text + _IN_LANGUAGE.format(name)


_IN_LANGUAGE: Final = """
Write all four fields in {}, headings too. Labels, machine names, paths and commands stay as they are in the JSON; the
keywords of Gherkin stay English.
"""


def messages(entity: EntityPayload, site: SiteContext) -> list[dict[str, str]]:
    """The question for one entity, as a conversation."""
    return [{"role": "user", "content": user_prompt(entity, site)}]


def repair_messages(answer: str, problem: str) -> list[dict[str, str]]:
    """What follows an answer that does not fit."""
    return [
        {"role": "assistant", "content": answer.strip() or "(nothing usable)"},
        {"role": "user", "content": repair_prompt(problem)},
    ]


def user_prompt(entity: EntityPayload, site: SiteContext) -> str:
    """The question for one entity."""
    return f"{entity_fence(entity, site)}\n\nWrite the ticket for this entity."


def entity_fence(entity: EntityPayload, site: SiteContext) -> str:
    """The entity and its site as fenced JSON."""
    body = {
        "site": {"name": site["site_name"], "description": site["site_description"]},
        "entity": {
            "type": entity["type"],
            "group": entity["entity_group"],
            **entity["data"],
            "entity_type": entity["entity_type"],
            "bundle": entity["bundle"],
            "part_of": entity["parent_label"],
            "cells": entity["cells"],
            "other_columns": entity["extra"],
            "needs": [
                {name: need[name] for name in ("csv_type", "label", "machine_name", "kind")} for need in entity["needs"]
            ],
            "parts": [
                {"type": child["type"], **child["data"], "cells": child["cells"]} for child in entity["children"]
            ],
        },
    }
    return fenced("specification", body)


def fenced(name: str, body: Any) -> str:
    """Data from strangers as JSON between tags that it cannot close; invisible characters are gone, lengths capped."""
    said = json.dumps(_clean(body), ensure_ascii=False).replace("<", "\\u003c")[:LONGEST_ENTITY]
    return f"<{name}>\n{said}\n</{name}>"


def visible(text: str) -> str:
    """Without characters that nobody sees and a model may obey."""
    return _INVISIBLE.sub("", text)


@cache
def text_of(version: str) -> str:
    """A prompt that ships with the product, by its version."""
    return (Path(__file__).parent / f"{version}.md").read_text(encoding="utf-8")


def repair_prompt(problem: str) -> str:
    """The one chance to mend an answer that does not fit (D-03)."""
    return f"Your answer cannot be used: {problem} Answer again, whole, with all fields in the form that was asked."


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        shown = _INVISIBLE.sub("", value)
        return shown if len(shown) <= LONGEST_CELL else shown[:LONGEST_CELL] + "… (cut)"
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value


SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "One line, at most 120 characters."},
        "user_story": {"type": "string"},
        "analysis": {"type": "string", "description": "Markdown with level-3 headings."},
        "verification": {"type": "string", "description": "Markdown: numbered steps, then a gherkin block."},
    },
    "required": ["title", "user_story", "analysis", "verification"],
    "additionalProperties": False,
}
"""JSON schema of an answer; lengths are checked by us, as not every server knows them."""
