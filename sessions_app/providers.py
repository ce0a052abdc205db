"""Which writers a session may choose. What they are made of is ``processing.llm``'s affair; here they are names.

``processing`` says at start what it knows (:func:`know`), as nothing here may import it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings

from .models.sessions import LANGUAGES

if TYPE_CHECKING:
    from .models import Workspace

MOST_FALLBACKS = 3
LONGEST_MODEL = 120


@dataclass
class _Known:
    configured: Callable[[Workspace | None], set[str]] = lambda workspace: set()
    prompt_versions: Callable[[], list[str]] = list


_known = _Known()


def know(configured: Callable[[Workspace | None], set[str]], prompt_versions: Callable[[], list[str]]) -> None:
    """``configured`` gives the names of the providers that a workspace has a key or an address for."""
    _known.configured, _known.prompt_versions = configured, prompt_versions


def offered(workspace: Workspace | None = None) -> list[tuple[str, str]]:
    """(name, label for people) of the offline writer and of every provider that can be used."""
    usable = _known.configured(workspace)
    return [
        (name, label) for name, label in settings.LLM_PROVIDER_LABELS.items() if name == "offline" or name in usable
    ]


def prompt_versions() -> list[str]:
    """Names of the prompts that tickets can be written with."""
    return _known.prompt_versions()


def problem_with_fallbacks(value: Any, workspace: Workspace | None) -> str:
    """What is wrong with a list of {provider, model}, or ``""``."""
    names = [name for name, _ in offered(workspace)]
    if not isinstance(value, list) or len(value) > MOST_FALLBACKS:
        return f"Give a list of at most {MOST_FALLBACKS} fallbacks."
    for each in value:
        if not isinstance(each, dict) or not {"provider"} <= each.keys() <= {"provider", "model"}:
            return "Each fallback is an object of provider and model."
        if each["provider"] not in names:
            return f"Choose the provider of a fallback from: {', '.join(names)}."
        model = each.get("model", "")
        if not isinstance(model, str) or len(model) > LONGEST_MODEL or not model.isprintable():
            return "The model of a fallback is a short name."
    return ""


__all__ = ["LANGUAGES", "know", "offered", "problem_with_fallbacks", "prompt_versions"]
