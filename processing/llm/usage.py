"""What a call cost, from a kept price list that ships with the product. An unknown price is unknown, never zero."""

from __future__ import annotations

from decimal import Decimal
from importlib.metadata import version
from typing import Final

PRICED: Final = ("openai", "anthropic")
"""Providers that the list knows. Of a compatible server only its owner knows the price."""
BATCH_SHARE: Final = Decimal("0.5")
"""What both providers ask for a call in a batch, of the price of one made at once."""


def price_list() -> str:
    """Where the prices come from, with the release that they are of."""
    return f"genai-prices {version('genai-prices')}"


def cost_of(
    provider: str,
    model: str,
    tokens_in: int,
    tokens_out: int,
    tokens_cached: int = 0,
    *,
    prices: tuple[Decimal, Decimal] | None = None,
    economy: bool = False,
) -> Decimal | None:
    """US dollars, or None where neither the list nor ``prices`` (per million tokens in, out) knows the model.

    ``tokens_in`` includes the cached ones.
    """
    cost = (
        _own(prices, tokens_in, tokens_out)
        if prices
        else _listed(provider, model, tokens_in, tokens_out, tokens_cached)
    )
    return cost * BATCH_SHARE if cost is not None and economy else cost


def import_prices() -> None:
    """The list takes a tenth of a second to be imported."""
    from genai_prices.data_snapshot import get_snapshot

    get_snapshot()


def _own(prices: tuple[Decimal, Decimal], tokens_in: int, tokens_out: int) -> Decimal:
    return (prices[0] * tokens_in + prices[1] * tokens_out) / 1_000_000


def _listed(provider: str, model: str, tokens_in: int, tokens_out: int, tokens_cached: int) -> Decimal | None:
    from genai_prices import Usage, calc_price

    if provider not in PRICED:
        return None
    usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=tokens_cached or None)
    try:
        return Decimal(calc_price(usage, model_ref=model, provider_id=provider).total_price)
    except LookupError:
        return None
