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


async def test_what_comes_before_the_last_word_is_passed_on_without_it(redis):
    """To end a socket takes time, and there may be thousands."""
    hub = Hub()
    listener = await hub.join("some-session")
    passed = []

    async def pass_on(batch):
        if batch.is_plain:
            passed.append([message["seq"] for message in batch.messages])
        return batch.is_plain

    listener.pass_on = pass_on
    group = hub.groups["some-session"][0]
    for seq, kind in enumerate(("progress", "progress", "cancelled"), start=1):
        group.put({"task_id": "one", "task_type": "processing", "seq": seq, "type": kind}, "{}")
    await asyncio.wait_for(listener.bell.wait(), timeout=2)
    hub.leave(listener)

    assert passed == [[1, 2]]
    assert [message["seq"] for message in listener.take()] == [3]
