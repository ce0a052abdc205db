"""What production refuses to start with. The settings ask, so that it holds for web, worker and schedules alike."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

SHORTEST_SECRET = 32


def refusals(
    *, secret_key: str, debug: bool, allowed_hosts: Sequence[str], encryption_keys: Sequence[str]
) -> list[str]:
    """One sentence for each unsafe setting; [] if there is none."""
    found = []
    if len(secret_key) < SHORTEST_SECRET:
        found.append(f"SECRET_KEY has to be a random text of at least {SHORTEST_SECRET} characters.")
    if debug:
        found.append("DEBUG has to be off: its error pages show everything.")
    if not allowed_hosts or any(host in {"*", "."} for host in allowed_hosts):
        found.append("ALLOWED_HOSTS has to name the hosts that are served, without “*”.")
    if not encryption_keys or not all(map(_is_fernet_key, encryption_keys)):
        found.append(
            "FIELD_ENCRYPTION_KEYS has to hold a key for stored secrets (32 random bytes, as URL-safe base64)."
        )
    return found


def _is_fernet_key(text: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(text)) == 32
    except (binascii.Error, ValueError):
        return False
