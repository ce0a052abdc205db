"""What a model is asked when a ticket is to be written again, whole or in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from processing.errors import ProcessingError
from processing.generation.offline import SiteContext, write_ticket
from processing.llm import prompts
from processing.llm.base import Form, Question
from processing.llm.service import checked_section
from sessions_app.models.tickets import TEXT_FIELDS
from sessions_app.parsing.payload import EntityPayload

PROMPT: Final = "revise-1"
TOKENS: Final = {"title": 40, "user_story": 60, "analysis": 500, "verification": 300}
"""Of an ordinary section."""


def question(
    payload: EntityPayload | None,
    site: SiteContext,
    present: Mapping[str, str],
    *,
    sections: Sequence[str],
    instruction: str = "",
    variant: int = 1,
) -> Question:
    """Write ``sections`` of a ticket again, from its entity (None: its row is gone), its ``present`` text and a wish.

    The offline writer knows no wishes: it can only write by rule from the cells.
    """
    wanted = [name for name in TEXT_FIELDS if name in sections]
    parts = [
        prompts.entity_fence(payload, site) if payload else "There is no row in the specification for it (any more).",
        prompts.fenced("ticket", {name: present[name] for name in TEXT_FIELDS}),
        prompts.fenced("wish", instruction) if instruction else "The reviewer gives no wish.",
        f"Write these sections: {', '.join(wanted)}.",
    ]
    if variant > 1:
        parts.append(f"This is try {variant}: write something else than before.")

    by_rule = partial(_by_rule, payload, site, wanted) if payload and not instruction else None
    return Question(_form(wanted), "\n\n".join(parts), by_rule)


def _by_rule(payload: EntityPayload, site: SiteContext, wanted: Sequence[str]) -> dict[str, str]:
    written: dict[str, Any] = dict(write_ticket(payload, site))
    return {name: written[name] for name in wanted}


def _form(wanted: Sequence[str]) -> Form:
    schema = {
        "type": "object",
        "properties": {name: prompts.SCHEMA["properties"][name] for name in wanted},
        "required": list(wanted),
        "additionalProperties": False,
    }

    def read(content: dict[str, Any]) -> dict[str, str]:
        return {name: checked_section(content, name) for name in wanted}

    tokens = sum(TOKENS[name] for name in wanted)
    return Form("ticket_sections", PROMPT, prompts.text_of(PROMPT), schema, read, tokens)


def chosen_sections(names: Sequence[str]) -> list[str]:
    """The sections in their order; all where none is named. Raises ProcessingError for a name that is none."""
    unknown = sorted(set(names) - set(TEXT_FIELDS))
    if unknown:
        raise ProcessingError(
            f"A ticket has no section “{unknown[0][:40]}”.",
            recovery_actions=(f"Choose from: {', '.join(TEXT_FIELDS)}.",),
        )
    return [name for name in TEXT_FIELDS if not names or name in names]
