"""Addresses of model servers that people type in: only such as the operator's network may be asked for.

Looked at when they are entered, before each use, and once more by the connection itself (:mod:`checked_sessions`): a
name may mean another address the next time that it is asked for (DNS rebinding), so what is connected to is what was
checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings

from processing.addresses import IP, addresses_of
from processing.errors import LLMError
from sessions_app.errors import Category


def require_allowed(address: str) -> None:
    """Raises LLMError unless the address is one that may be called.

    Hosts in settings.LLM_ALLOWED_HOSTS always may. Others have to be public and spoken to by https; on a developer's
    machine loopback and private networks may be asked as well. Link-local addresses, where clouds keep their secrets,
    never may.
    """
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise _refused("The address has to look like https://models.example.com/v1, without a name or a password.")
    if host.lower() in settings.LLM_ALLOWED_HOSTS:
        return
    require_callable(parts.scheme, _resolved(host, parts.port or 443))


def require_callable(scheme: str, found: Sequence[IP]) -> None:
    """Raises LLMError if one of the addresses that a name means must not be called."""
    private = any(not each.is_global for each in found)
    if any(each.is_link_local or each.is_multicast or each.is_unspecified for each in found):
        raise _refused("The address is not one of a model server.")
    if settings.PRODUCTION and private:
        raise _refused(
            "The address is in a private network. An administrator can allow its host with LLM_ALLOWED_HOSTS."
        )
    if scheme == "http" and not private:
        raise _refused("A server outside the own network has to be asked by https: the key is sent along.")


def _resolved(host: str, port: int) -> list[IP]:
    try:
        return addresses_of(host, port)
    except (OSError, UnicodeError):
        raise LLMError("The host of the address cannot be found.", Category.USER_FIXABLE) from None


def _refused(message: str) -> LLMError:
    return LLMError(message, Category.USER_FIXABLE)
