"""Connections to addresses that people typed in. (A module of its own, as whoever never asks a model should not load
aiohttp.)
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import ResolveResult
from django.conf import settings

from processing.addresses import unmapped
from processing.errors import LLMError

from .addresses import require_callable


def session_with(address: str, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """For the requests to this address; names are looked up by the rules of :func:`require_allowed`."""
    connector = aiohttp.TCPConnector(resolver=_CheckedResolver(urlsplit(address).scheme), limit=0, ssl=tls)
    return aiohttp.ClientSession(connector=connector)


class _CheckedResolver(aiohttp.ThreadedResolver):
    """Gives a connection its addresses, or OSError if one of them must not be called."""

    def __init__(self, scheme: str) -> None:
        super().__init__()
        self.scheme = scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if host.lower() not in settings.LLM_ALLOWED_HOSTS:
            meant = [unmapped(ipaddress.ip_address(each["host"].partition("%")[0])) for each in found]
            try:
                require_callable(self.scheme, meant)
            except LLMError as error:
                raise OSError(None, error.message) from None
        return found
