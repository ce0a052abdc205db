"""How outside systems sign what they send: HMAC-SHA256 over ``{timestamp}.{raw body}`` with a shared secret. Pure.

X-Ticketgen-Workspace   whose secret signed it: the workspace's slug
X-Ticketgen-Timestamp   when it was signed: seconds since 1970 (UTC)
X-Ticketgen-Delivery    the sender's id of this delivery; the same one when it is sent again
X-Ticketgen-Signature   sha256= and the digest in hexadecimal
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

WORKSPACE: Final = "X-Ticketgen-Workspace"
TIMESTAMP: Final = "X-Ticketgen-Timestamp"
DELIVERY: Final = "X-Ticketgen-Delivery"
SIGNATURE: Final = "X-Ticketgen-Signature"

TOLERANCE: Final = 300
"""Seconds that a sender's clock may be wrong by, and that a message may be under way."""

_SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_DELIVERY: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_DIGEST: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")


class Unsigned(ValueError):
    """The headers are missing, not well-formed or of another time; the text says which, and what is expected."""


@dataclass(frozen=True, slots=True)
class Headers:
    """What a message claims. ``digest`` is lower-case hexadecimal."""

    workspace: str
    timestamp: int
    delivery_id: str
    digest: str


def headers_of(headers: Mapping[str, str], now: float) -> Headers:
    """The claims, checked for form and time. Raises Unsigned.

    ``headers`` looks up names regardless of case, as Django's ``request.headers`` does; ``now`` is in seconds since
    1970.
    """
    workspace = _wellformed(headers, WORKSPACE, _SLUG, "the slug of the workspace")[0]
    seconds = _wellformed(headers, TIMESTAMP, _SECONDS, "the time in seconds since 1970")[0]
    delivery = _wellformed(headers, DELIVERY, _DELIVERY, "up to 100 letters, digits and . _ : -")[0]
    digest = _wellformed(headers, SIGNATURE, _DIGEST, "sha256= and 64 hexadecimal digits")[1]
    if abs(now - int(seconds)) > TOLERANCE:
        raise Unsigned(f"{TIMESTAMP} is more than {TOLERANCE // 60} minutes away from the time here.")
    return Headers(workspace, int(seconds), delivery, digest.lower())


def _wellformed(headers: Mapping[str, str], name: str, form: re.Pattern[str], expected: str) -> re.Match[str]:
    found = form.fullmatch(headers.get(name, "").strip())
    if found is None:
        raise Unsigned(f"The header {name} is missing or not well-formed; expected: {expected}.")
    return found


def digest_of(secret: str, timestamp: int, body: bytes) -> str:
    """The digest in hexadecimal. Raises ValueError for an empty secret, with which anybody could sign."""
    if not secret:
        raise ValueError("An empty secret signs nothing.")
    return hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def signed_headers(secret: str, *, workspace: str, timestamp: int, delivery_id: str, body: bytes) -> dict[str, str]:
    """What a sender adds to its request."""
    return {
        WORKSPACE: workspace,
        TIMESTAMP: str(timestamp),
        DELIVERY: delivery_id,
        SIGNATURE: f"sha256={digest_of(secret, timestamp, body)}",
    }


def signer(claimed: Headers, body: bytes, secrets: Iterable[str]) -> int | None:
    """Which of the secrets signed the message, by its place; None if none did.

    All are tried, each in constant time, so that the time taken tells nothing.
    """
    found = None
    for place, secret in enumerate(secrets):
        if hmac.compare_digest(digest_of(secret, claimed.timestamp, body), claimed.digest) and found is None:
            found = place
    return found


def message_digest(claimed: Headers, body: bytes) -> str:
    """Names a signed message, whatever it is called by: the same words at the same time are the same message."""
    return hashlib.sha256(b"%d." % claimed.timestamp + body).hexdigest()
