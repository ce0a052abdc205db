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
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
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

_SETTLE: Final = """
local now = redis.call('TIME'); now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local most, rpm, tpm = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local expires, window, wait_asked, over = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local state = redis.call('HMGET', KEYS[1], 'pause', 'cap', 'changed', 'requests', 'tokens', 'at')
local pause, cap, changed = tonumber(state[1] or 0), math.min(most, tonumber(state[2] or most)), tonumber(state[3] or 0)
if over > 0 then
  redis.call('ZREM', KEYS[2], unpack(ARGV, 8, 7 + over))
  if wait_asked >= 0 then
    if now - changed > 1 then
      cap = math.max(1, math.floor(cap / 2))
      redis.call('HSET', KEYS[1], 'cap', cap, 'changed', now)
    end
    pause = math.max(pause, now + wait_asked)
    redis.call('HSET', KEYS[1], 'pause', pause)
  elseif cap < most and now - changed > window then
    cap = cap + 1
    redis.call('HSET', KEYS[1], 'cap', cap, 'changed', now)
  end
  redis.call('EXPIRE', KEYS[1], 3600)
end
if #ARGV == 7 + over then return {0, '0'} end
if pause > now then return {0, tostring(pause - now)} end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local free, given, wait = cap - redis.call('ZCARD', KEYS[2]), 0, 0
local passed, burst = now - tonumber(state[6] or now), math.max(1, rpm / 60)
local requests = math.min(burst, tonumber(state[4] or burst) + passed * rpm / 60)
local left = math.min(tpm, tonumber(state[5] or tpm) + passed * tpm / 60)
for n = 8 + over, #ARGV, 2 do
  local tokens = math.min(tonumber(ARGV[n + 1]), tpm)
  if free < 1 then wait = 0.05 break end
  if rpm > 0 and requests < 1 then wait = (1 - requests) * 60 / rpm break end
  if tpm > 0 and left < tokens then wait = (tokens - left) * 60 / tpm break end
  free, given, left = free - 1, given + 1, left - tokens
  if rpm > 0 then requests = requests - 1 end
  redis.call('ZADD', KEYS[2], now + expires, ARGV[n])
end
if given > 0 then
  redis.call('HSET', KEYS[1], 'requests', requests, 'tokens', left, 'at', now)
  redis.call('EXPIRE', KEYS[1], 3600); redis.call('EXPIRE', KEYS[2], 3600)
end
return {given, tostring(wait)}
"""
"""Strikes out calls that are over and admits those that wait, in their order: one round trip for all of them.

ARGV: the limits; the pause a server asked for in seconds (-1: no complaint); how many calls are over, and which; then
pairs of a waiting call and its tokens. Returns how many of these may start, and in how many seconds to ask again.
"""
AT_ONCE: Final = 500
"""Calls of one round trip, of each kind."""

_KEEP: Final = """
local now = redis.call('TIME'); now = tonumber(now[1]) + tonumber(now[2]) / 1000000
for n = 2, #ARGV do redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[1]), ARGV[n]) end
return '0'
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
        self._own = asyncio.Semaphore(rates.concurrency)
        self._calls: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._clerk: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._waiting: deque[tuple[str, int, asyncio.Future[None]]] = deque()
        self._over: list[str] = []
        self._wait_asked = -1.0
        self._is_closed = False
        self._desk = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[None]:
        """Wait until a call of about so many tokens may start; tells the others what came of it."""
        call = uuid.uuid4().hex
        async with self._own:
            may_start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((call, tokens, may_start))
            self._is_closed = False
            self._tell()
            await may_start
            complaint = False
            try:
                yield
            except LLMError as error:
                complaint = error.cause in ("rate_limit", "unavailable")
                if complaint:
                    pause = error.retry_after or (0.5 if error.cause == "rate_limit" else 0.0)
                    self._wait_asked = max(self._wait_asked, pause)
                raise
            finally:
                self._calls.discard(call)
                self._over.append(call)
                if complaint:
                    await self._settle()  # before anybody asks again, here or elsewhere
                self._tell()

    def _tell(self) -> None:
        self._news.set()
        if self._is_closed:
            return
        if self._clerk is None or self._clerk.done():
            self._clerk = asyncio.create_task(self._settle_all(), name="limiter-clerk")
        self._keeper = self._keeper or asyncio.create_task(self._keep(), name="limiter-keeper")

    async def _keep(self) -> None:
        """Calls may take minutes; a dead worker's must not hold up the others for as long."""
        while True:
            await asyncio.sleep(CALL_EXPIRES / 4)
            if self._calls:
                await self._run(_KEEP, CALL_EXPIRES, *self._calls)

    async def _settle_all(self) -> None:
        """One asks for all: while there is anything to tell or to ask."""
        while self._over or self._waiting:
            self._news.clear()
            wait = await self._settle()
            if wait > 0 and not self._over:
                patience = min(wait, 5.0) * random.uniform(1.0, 1.1)  # noqa: S311 - jitter
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over_or_closed(), patience)

    async def _over_or_closed(self) -> None:
        """Until a call of ours ends, which may make room; others that begin to wait change nothing."""
        while not self._over and self._waiting:
            self._news.clear()
            await self._news.wait()

    async def _settle(self) -> float:
        """One round trip; returns the seconds after which those that still wait should ask again."""
        async with self._desk:
            return await self._settle_now()

    async def _settle_now(self) -> float:
        rates = self.rates
        over, self._over = self._over[:AT_ONCE], self._over[AT_ONCE:]
        wait_asked, self._wait_asked = self._wait_asked, -1.0
        self._waiting = deque(each for each in self._waiting if not each[2].done())  # the others were cancelled
        asking = list(islice(self._waiting, AT_ONCE))
        pairs = [argument for call, tokens, _ in asking for argument in (call, tokens)]
        limits = (rates.concurrency, rates.rpm, rates.tpm, CALL_EXPIRES, CLEAN_WINDOW)
        answer = await self._run(_SETTLE, *limits, wait_asked, len(over), *over, *pairs)
        given, wait = (int(answer[0]), float(answer[1])) if answer is not None else (len(asking), 0.0)
        for _ in range(given):
            call, _, may_start = self._waiting.popleft()
            if may_start.done():
                self._over.append(call)
            else:
                self._calls.add(call)
                may_start.set_result(None)
        return wait

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
        """Whoever still waits is sent away; what is over is told."""
        for _, _, may_start in self._waiting:
            may_start.cancel()
        self._waiting.clear()
        self._news.set()
        self._is_closed = True
        if self._clerk is not None:
            await self._clerk
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None
