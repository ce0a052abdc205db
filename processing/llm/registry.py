"""Providers by name. A new one is one file and one line here (CONTRIBUTING.md)."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from processing.errors import LLMError
from sessions_app.errors import Category
from sessions_app.models import Workspace

from . import usage
from .base import Manner, Provider
from .keys import Credentials, credentials_for

PROVIDERS: Final = {
    "offline": "processing.llm.offline.Offline",
    "openai": "processing.llm.openai.OpenAI",
    "anthropic": "processing.llm.anthropic.Anthropic",
    "compatible": "processing.llm.openai.Compatible",
}
"""Name -> class. What people read stands in the settings (LLM_PROVIDER_LABELS)."""


def provider_named(name: str, model: str, credentials: Credentials, manner: Manner) -> Provider:
    """An instance of the provider; imports its SDK only now. Raises LLMError for an unknown name or a missing key."""
    if name not in PROVIDERS:
        raise LLMError(f"There is no model provider called “{name}”.", Category.ADMIN_REQUIRED)
    made: Provider = import_string(PROVIDERS[name])(credentials, model, manner)
    return made


def import_sdks() -> None:
    """Import what the providers that the environment names need: in a worker before it forks, once and not for each
    job; in a web process once it is there.
    """
    from .remote import certificates

    for name, configured in settings.LLM_PROVIDERS.items():
        if configured.get("KEY") or configured.get("BASE_URL"):
            import_string(PROVIDERS[name])
            usage.import_prices()
            certificates()


def default_model(name: str, workspace: Workspace | None = None) -> str:
    """The model that a session gets where it names none; without making a client."""
    if name not in PROVIDERS or name == "offline":
        return ""
    return credentials_for(name, workspace).model or str(import_string(PROVIDERS[name]).default_model)
