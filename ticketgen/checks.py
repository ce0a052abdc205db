"""What production refuses to start with. The settings ask, so that it holds for web, worker and schedules alike.

And what ``manage.py check`` says of settings whose packages are missing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.core.checks import CheckMessage, Error

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


def observability_is_installed(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    from django.conf import settings

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
