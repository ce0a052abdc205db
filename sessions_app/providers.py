"""Which writers a session may choose. What they are made of is ``processing.llm``'s affair; here they are names."""

from __future__ import annotations

from django.conf import settings


def offered() -> list[tuple[str, str]]:
    """(name, label for people) of the offline writer and of every provider that has a key or an address."""
    return [
        (name, label)
        for name, label in settings.LLM_PROVIDER_LABELS.items()
        if name == "offline" or any(settings.LLM_PROVIDERS.get(name, {}).get(part) for part in ("KEY", "BASE_URL"))
    ]
