"""Who looks in for a moment leaves nothing behind: no task that reads the stream, no connection to Redis."""

import asyncio

import pytest

from processing.engine.hub import Hub


@pytest.mark.parametrize("moments", range(1, 12))
async def test_whoever_leaves_while_the_hub_connects_leaves_nobody_reading(redis, moments):
    """Redis' client loses cancellations at some of these moments."""
    hub = Hub()
    visit = asyncio.create_task(hub.join("some-session"))
    for _ in range(moments):
        await asyncio.sleep(0)
    reader = hub.reader
    visit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visit

    assert reader
    await asyncio.wait_for(asyncio.gather(reader, return_exceptions=True), timeout=2)
    assert hub.reader is None
    assert not [each for each in redis.client_list() if each["cmd"] == "xread"]
