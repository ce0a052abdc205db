"""What production refuses to start with. The settings ask, so that it holds for web, worker and schedules alike.

And what ``manage.py check`` says of settings that contradict each other, or whose packages are missing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

SHORTEST_SECRET = 32
OPTIONAL = {
    "SENTRY_DSN": ("sentry_sdk", "ticketgen.E001"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("opentelemetry.exporter.otlp.proto.http", "ticketgen.E002"),
}
"""Settings that need a package which not everybody installs."""


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


@register("settings")
def observability_is_installed(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{setting} is set, but the package it needs is not installed.",
            hint="pip install --require-hashes -r requirements-observability.txt",
            id=identity,
        )
        for setting, (package, identity) in OPTIONAL.items()
        if getattr(settings, setting) and not _is_installed(package)
    ]


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


@register("settings")
def pairs_are_whole(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """A provider that people sign in by needs the id and the secret of its app; with one of them it stays off."""
    return [
        Error(
            f"{name}_CLIENT_{'ID' if client_id else 'SECRET'} is set without {name}_CLIENT_{missing}.",
            hint="Set both to let people sign in by it, or neither. See docs/operations.md.",
            id="ticketgen.E003",
        )
        for name, (client_id, secret) in settings.SSO_CREDENTIALS.items()
        if bool(client_id) != bool(secret)
        for missing in ["SECRET" if client_id else "ID"]
    ]
