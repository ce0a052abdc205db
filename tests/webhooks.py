"""Signed messages as an outside system sends them."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from django.test import Client

from processing import signatures

_numbers = itertools.count(1)


def signed_post(
    client: Client,
    path: str,
    body: Any,
    *,
    secret: str,
    workspace: str,
    at: float | None = None,
    delivery_id: str = "",
    **headers: str,
) -> Any:
    """POST ``body`` (bytes as they are, all else as JSON); ``headers`` replace those of the signature."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = signatures.signed_headers(
        secret,
        workspace=workspace,
        timestamp=int(time.time() if at is None else at),
        delivery_id=delivery_id or f"delivery-{next(_numbers)}",
        body=raw,
    )
    return client.post(path, raw, content_type="application/json", headers={**signed, **headers})
