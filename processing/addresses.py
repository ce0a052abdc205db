"""Addresses that people type in and machines then call: what a host's name stands for, and whether that is public."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def addresses_of(host: str, port: int) -> list[IP]:
    """All addresses of a host, those that hide an IPv4 address inside of an IPv6 one as what they hide.

    Raises OSError or UnicodeError if there are none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [unmapped(ipaddress.ip_address(str(each[4][0]).partition("%")[0])) for each in found]


def unmapped(address: IP) -> IP:
    """The IPv4 address inside a mapped, translated (NAT64) or tunnelled (6to4, Teredo) one; others as they are."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address


def is_public(address: IP) -> bool:
    """One that anybody on the internet could be reached under: not private, loopback, link-local, reserved …"""
    return address.is_global and not address.is_multicast
