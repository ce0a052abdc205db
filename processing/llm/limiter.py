"""How many calls, how fast: one limiter per provider key, shared by all workers through Redis.

Requests and tokens a minute as configured; a number of calls in flight that halves when the server asks to slow down
and grows by one per clean window; and a pause that everybody keeps when the server names one (Retry-After). Redis away
means no shared limit, not no work: each worker then keeps its own number of calls in flight.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import redis.asyncio as redis
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from processing.errors import LLMError

from .keys import Credentials

logger = logging.getLogger(__name__)

CLEAN_WINDOW: Final = 5.0
"""Seconds without a complaint after which one more call may be in flight."""
CALL_EXPIRES: Final = 20.0
"""Seconds after which a call in flight is taken for dead with its worker, unless the worker keeps it alive."""
ASK_AGAIN: Final = 5.0
"""Seconds without the shared limit after Redis has not answered: every call would wait for it, one after another."""

_ACQUIRE: Final = """
local now = redis.call('TIME'); now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local most, rpm, tpm = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local tokens, expires = tonumber(ARGV[5]), tonumber(ARGV[6])
local state = redis.call('HMGET', KEYS[1], 'pause', 'cap', 'requests', 'tokens', 'at')
local pause = tonumber(state[1] or 0)
if pause > now then return tostring(pause - now) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local cap = math.min(most, tonumber(state[2] or most))
if redis.call('ZCARD', KEYS[2]) >= cap then return '0.05' end
local passed = now - tonumber(state[5] or now)
local requests = math.min(math.max(1, rpm / 60), tonumber(state[3] or math.max(1, rpm / 60)) + passed * rpm / 60)
local left = math.min(tpm, tonumber(state[4] or tpm) + passed * tpm / 60)
if rpm > 0 and requests < 1 then return tostring((1 - requests) * 60 / rpm) end
if tpm > 0 and left < math.min(tokens, tpm) then return tostring((math.min(tokens, tpm) - left) * 60 / tpm) end
redis.call('HSET', KEYS[1], 'requests', requests - 1, 'tokens', left - tokens, 'at', now)
redis.call('ZADD', KEYS[2], now + expires, ARGV[1])
redis.call('EXPIRE', KEYS[1], 3600); redis.call('EXPIRE', KEYS[2], 3600)
return '0'
"""

_KEEP: Final = """
local now = redis.call('TIME'); now = tonumber(now[1]) + tonumber(now[2]) / 1000000
for n = 2, #ARGV do redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[1]), ARGV[n]) end
return '0'
"""

_RELEASE: Final = """
local now = redis.call('TIME'); now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local most, complained, wait, window = tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZREM', KEYS[2], ARGV[1])
local state = redis.call('HMGET', KEYS[1], 'cap', 'changed', 'pause')
local cap, changed = math.min(most, tonumber(state[1] or most)), tonumber(state[2] or 0)
if complained then
  if now - changed > 1 then redis.call('HSET', KEYS[1], 'cap', math.max(1, math.floor(cap / 2)), 'changed', now) end
  redis.call('HSET', KEYS[1], 'pause', math.max(tonumber(state[3] or 0), now + wait))
elseif cap < most and now - changed > window then
  redis.call('HSET', KEYS[1], 'cap', cap + 1, 'changed', now)
end
return cap
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """Calls in flight at most, requests and tokens a minute (0: no limit)."""

    concurrency: int = 256
    rpm: int = 0
    tpm: int = 0


class Limiter:
    """Gives turns. One per provider and event loop; close it with the loop."""

    def __init__(self, provider: str, credentials: Credentials, rates: Rates) -> None:
        name = f"tg:llm:{provider}:{credentials.digest}"
        self.keys = [name, f"{name}:calls"]
        self.rates = rates
        self._redis: redis.Redis | None = None
        self._redis_away_until = 0.0
        self._door = asyncio.Lock()
        self._own = asyncio.Semaphore(rates.concurrency)
        self._calls: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[None]:
        """Wait until a call of about so many tokens may start; tells the others what came of it."""
        call = uuid.uuid4().hex
        async with self._own:
            async with self._door:  # one asks for all that wait here
                await self._wait(call, tokens)
            self._calls.add(call)
            complaint: LLMError | None = None
            try:
                yield
            except LLMError as error:
                complaint = error if error.cause in ("rate_limit", "unavailable") else None
                raise
            finally:
                self._calls.discard(call)
                await self._release(call, complaint)

    async def _keep(self) -> None:
        """Calls may take minutes; a dead worker's must not hold up the others for as long."""
        while True:
            await asyncio.sleep(CALL_EXPIRES / 4)
            if self._calls:
                await self._run(_KEEP, CALL_EXPIRES, *self._calls)

    async def _wait(self, call: str, tokens: int) -> None:
        rates = self.rates
        self._keeper = self._keeper or asyncio.create_task(self._keep(), name="limiter-keeper")
        while True:
            answer = await self._run(_ACQUIRE, call, rates.concurrency, rates.rpm, rates.tpm, tokens, CALL_EXPIRES)
            wait = float(answer) if answer is not None else 0.0
            if wait <= 0:
                return
            await asyncio.sleep(min(wait, 5.0) * random.uniform(1.0, 1.1))  # noqa: S311 - jitter

    async def _release(self, call: str, complaint: LLMError | None) -> None:
        wait = (complaint.retry_after or (0.5 if complaint.cause == "rate_limit" else 0.0)) if complaint else 0.0
        await self._run(_RELEASE, call, self.rates.concurrency, "1" if complaint else "0", wait, CLEAN_WINDOW)

    async def _run(self, script: str, *arguments: Any) -> Any:
        """Run a script; None if Redis is away. Tried twice: Redis may have closed the connection in the meantime."""
        if time.monotonic() < self._redis_away_until:
            return None
        if self._redis is None:
            again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))  # not where Redis hangs
            self._redis = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=again
            )
        try:
            return await self._redis.eval(script, len(self.keys), *self.keys, *arguments)
        except RedisError as error:
            logger.warning("no shared limit, Redis is away: %s", error)
            self._redis_away_until = time.monotonic() + ASK_AGAIN
            return None

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None
