"""What a call cost, from a kept price list that ships with the product. An unknown price is unknown, never zero."""

from __future__ import annotations

from decimal import Decimal


def cost_of(provider: str, model: str, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> Decimal | None:
    """US dollars, or None where the list does not know the model. ``tokens_in`` includes the cached ones."""
    from genai_prices import Usage, calc_price

    if provider not in ("openai", "anthropic"):
        return None
    usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=tokens_cached or None)
    try:
        return Decimal(calc_price(usage, model_ref=model, provider_id=provider).total_price)
    except LookupError:
        return None
