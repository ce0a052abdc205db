"""The limiter: shared by all workers, halves on complaints, keeps the server's pause, survives Redis."""

import asyncio

import pytest

from processing.errors import LLMRateLimitError
from processing.llm.keys import Credentials
from processing.llm.limiter import Limiter, Rates

KEY = Credentials(key="k")


class Watch:
    """How many were inside at once."""

    def __init__(self):
        self.inside = self.most = self.entered = 0

    async def call(self, limiter, error=None, seconds=0.01):
        async with limiter.turn(10):
            self.entered += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(seconds)
            self.inside -= 1
            if error:
                raise error


@pytest.fixture
def make(redis):
    return lambda **rates: Limiter("openai", KEY, Rates(**rates))


async def test_two_workers_together_stay_within_the_number_of_calls(make):
    one, two, watch = make(concurrency=3), make(concurrency=3), Watch()

    await asyncio.gather(*(watch.call(limiter) for _ in range(10) for limiter in (one, two)))
    await asyncio.gather(one.close(), two.close())

    assert watch.entered == 20
    assert watch.most <= 3


async def test_a_complaint_halves_the_calls_in_flight(make, redis):
    limiter = make(concurrency=8)

    with pytest.raises(LLMRateLimitError):
        await Watch().call(limiter, LLMRateLimitError(retry_after=0.01))
    await limiter.close()

    assert redis.hget(limiter.keys[0], "cap") == b"4"


async def test_the_servers_pause_is_kept_by_everybody(make, redis):
    one, two, watch = make(), make(), Watch()
    with pytest.raises(LLMRateLimitError):
        await watch.call(one, LLMRateLimitError(retry_after=60))

    waiting = asyncio.create_task(watch.call(two))
    await asyncio.sleep(0.2)
    assert watch.entered == 1

    redis.hset(two.keys[0], "pause", 0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.gather(one.close(), two.close())


async def test_a_spent_minute_makes_the_next_call_wait(make, redis):
    limiter, watch = make(rpm=60), Watch()
    await watch.call(limiter)

    waiting = asyncio.create_task(watch.call(limiter))
    await asyncio.sleep(0.2)
    assert watch.entered == 1

    await waiting
    assert watch.entered == 2
    await limiter.close()


async def test_calls_of_a_dead_worker_are_forgotten(make, redis):
    limiter, watch = make(concurrency=1), Watch()
    redis.zadd(limiter.keys[1], {"dead": 1.0})

    await watch.call(limiter)
    await limiter.close()
    assert watch.entered == 1


async def test_another_key_has_a_limit_of_its_own(redis):
    one = Limiter("openai", KEY, Rates(rpm=60))
    other = Limiter("openai", Credentials(key="other"), Rates(rpm=60))
    watch = Watch()

    await asyncio.gather(watch.call(one), watch.call(other))
    await asyncio.gather(one.close(), other.close())

    assert watch.entered == 2
    assert not any(b"other" in key for key in redis.scan_iter())


async def test_without_redis_work_goes_on_within_the_workers_own_number(settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    limiter, watch = Limiter("openai", KEY, Rates(concurrency=2)), Watch()

    await asyncio.gather(*(watch.call(limiter) for _ in range(6)))
    await limiter.close()

    assert watch.entered == 6
    assert watch.most == 2


async def test_calls_of_a_dead_worker_are_forgotten_and_long_calls_of_a_living_one_are_not(make, monkeypatch):
    from processing.llm import limiter

    monkeypatch.setattr(limiter, "CALL_EXPIRES", 0.4)
    dead, living, third = make(concurrency=2), make(concurrency=2), make(concurrency=2)
    call_that_never_ends = dead.turn(10)
    await call_that_never_ends.__aenter__()
    await dead.close()
    watch = Watch()
    long_call = asyncio.create_task(watch.call(living, seconds=1.2))

    await asyncio.sleep(0.8)
    await asyncio.wait_for(asyncio.gather(*(watch.call(third) for _ in range(4))), timeout=0.3)

    assert watch.most == 2
    await long_call
    await asyncio.gather(living.close(), third.close())
