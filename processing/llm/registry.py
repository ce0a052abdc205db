"""Providers by name. A new one is one file and one line here (CONTRIBUTING.md)."""

from __future__ import annotations

from typing import Final

from django.utils.module_loading import import_string

from processing.errors import LLMError
from sessions_app.errors import Category

from .base import Provider

PROVIDERS: Final = {"offline": ("Offline writer (no model)", "processing.llm.offline.Offline")}
"""Name -> (label for people, class)."""


def provider_named(name: str, model: str = "") -> Provider:
    """An instance of the provider; imports its SDK only now. Raises LLMError for an unknown name."""
    if name not in PROVIDERS:
        raise LLMError(f"There is no model provider called “{name}”.", Category.ADMIN_REQUIRED)
    provider: Provider = import_string(PROVIDERS[name][1])()
    if model:
        provider.model = model
    return provider
