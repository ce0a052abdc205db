"""How to reach a provider: what the workspace says, and for the rest the environment.

Keys are held here and in the clients, nowhere else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.conf import settings

from processing.models import ProviderSettings
from sessions_app.models import Workspace

from .addresses import require_allowed


@dataclass(frozen=True, slots=True)
class Credentials:
    """A provider's key, address, default model, limits (0: none) and own prices in US dollars per million tokens.

    The key is not part of the representation, so no log or traceback shows it. ``is_typed_in``: the address is one that
    people of a workspace entered, and not the operator's.
    """

    key: str = field(default="", repr=False)
    base_url: str = ""
    model: str = ""
    concurrency: int = 0
    rpm: int = 0
    tpm: int = 0
    prices: tuple[Decimal, Decimal] | None = None
    is_typed_in: bool = False

    @property
    def digest(self) -> str:
        """Names this access without giving it away: limits and health are kept under it."""
        return hashlib.sha256(f"{self.key}\x1f{self.base_url}".encode()).hexdigest()[:16]

    @property
    def usable(self) -> bool:
        """Is there anything to reach a server with?"""
        return bool(self.key or self.base_url)


def credentials_for(provider: str, workspace: Workspace | None = None, *, key: str = "") -> Credentials:
    """``key`` replaces what is stored. A workspace with a key or an address of its own never uses the environment's.

    Raises WrongEncryptionKey if the stored key cannot be read, LLMError if its address must not be called.
    """
    environment: dict[str, Any] = settings.LLM_PROVIDERS.get(provider, {})
    own = ProviderSettings.objects.filter(workspace=workspace, provider=provider).first() if workspace else None
    prices = (own.price_in, own.price_out) if own and own.price_in is not None and own.price_out is not None else None
    mine = own is not None and bool(own.key or own.base_url)
    if own and own.base_url:
        require_allowed(own.base_url)
    return Credentials(
        key=key or (own.key.reveal() if own and mine else environment.get("KEY", "")),
        base_url=own.base_url if own and mine else environment.get("BASE_URL", ""),
        model=(own.llm_model if own else "") or environment.get("MODEL", ""),
        concurrency=(own.concurrency if own else 0) or int(environment.get("CONCURRENCY") or 0),
        rpm=(own.rpm if own else 0) or int(environment.get("RPM") or 0),
        tpm=(own.tpm if own else 0) or int(environment.get("TPM") or 0),
        prices=prices,
        is_typed_in=bool(own and own.base_url),
    )


def configured(workspace: Workspace | None) -> set[str]:
    """Names of the providers that this workspace can use beside the offline writer; decrypts nothing."""
    names = {name for name, said in settings.LLM_PROVIDERS.items() if said.get("KEY") or said.get("BASE_URL")}
    if workspace is not None:
        rows = ProviderSettings.objects.filter(workspace=workspace)
        names |= {row.provider for row in rows if row.key or row.base_url}
    return names
