"""Keys and addresses of model servers, from the environment. They are held here and in the clients, nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach a provider. The key is not part of the representation, so no log or traceback shows it."""

    key: str = field(default="", repr=False)
    base_url: str = ""
    model: str = ""


def credentials_for(provider: str, key: str = "") -> Credentials:
    """What the settings say about a provider; ``key`` replaces theirs."""
    configured = settings.LLM_PROVIDERS.get(provider, {})
    return Credentials(key or configured.get("KEY", ""), configured.get("BASE_URL", ""), configured.get("MODEL", ""))
