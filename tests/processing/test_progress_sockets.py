"""Progress sockets: a snapshot, a replay of what was missed, then live until the last word; no gap, no duplicate."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from processing import consumers
from processing.engine import finish, hub, planning, relay
from processing.engine.announcements import publish_progress
from processing.generation.service import ProcessingService
from processing.models import OutboxEvent, SessionTask
from tests.factories import make_specified_session
from tests.sockets import Browser, seqs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session(people, redis):
    return make_specified_session(people.workspace)


@pytest.fixture
def task(session):
    started = ProcessingService().generate_tickets(session)
    task = SessionTask.objects.get(pk=started["task_id"])
    planning.plan(task)
    return task


async def test_a_socket_opens_without_redis_and_shows_what_the_database_knows(people, task, settings):
    """No word of a run comes through a channel layer, so a socket does not subscribe: it would wait for Redis."""
    settings.REDIS_URL = nowhere = "redis://127.0.0.1:1/0"
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [nowhere]}}}

    async with Browser(f"/ws/sessions/{task.session_id}/?after=0", people.alice) as browser:
        [snapshot, *_] = await browser.messages(until=lambda message: message["type"] == "snapshot")

    assert snapshot["details"]["total"] == task.total


announce = sync_to_async(lambda task, stage: publish_progress(task, stage=stage, force=True))
announce_all = sync_to_async(lambda task, stages: [publish_progress(task, stage=each, force=True) for each in stages])
cancel = sync_to_async(finish.cancel)
SEED = "/api/processing/progress/{}"
OWN = "/ws/sessions/{}/"


@pytest.mark.parametrize("address", [SEED, OWN])
async def test_the_first_message_is_a_snapshot_of_the_database(task, people, address):
    async with Browser(address.format(task.session_id), people.alice) as browser:
        [snapshot] = await browser.messages(until=lambda message: message["type"] == "snapshot")

    assert snapshot["task_id"] == str(task.pk)
    assert snapshot["status"] == "processing"
    assert snapshot["details"]["total"] == 6


@pytest.mark.parametrize("address", [SEED, OWN])
async def test_live_messages_follow_and_the_socket_closes_after_the_last_word(task, people, address):
    async with Browser(address.format(task.session_id), people.alice) as browser:
        await browser.messages(until=lambda message: message["type"] == "snapshot")
        await announce(task, "Halfway")
        await announce(task, "Nearly")
        await cancel(task)
        heard = await browser.messages()

    assert [message["type"] for message in heard] == ["progress", "progress", "cancelled", "closed"]
    assert [message["current_stage"] for message in heard[:2]] == ["Halfway", "Nearly"]
    assert heard[-1]["code"] == 1000


async def test_what_came_after_a_number_is_replayed_once(task, people):
    for stage in ("Two", "Three", "Four"):
        await announce(task, stage)

    async with Browser(OWN.format(task.session_id) + "?after=2", people.alice) as browser:
        heard = await browser.messages(until=lambda message: message.get("seq") == 4 and message["type"] == "progress")
        await announce(task, "Five")
        heard += await browser.messages(until=lambda message: message.get("seq") == 5)

    assert seqs(heard) == [3, 4, 5]


async def test_what_is_no_longer_kept_is_said_and_not_silently_missing(task, people):
    for stage in ("Two", "Three", "Four"):
        await announce(task, stage)
    await OutboxEvent.objects.filter(seq__lte=2).adelete()

    async with Browser(OWN.format(task.session_id) + "?after=1", people.alice) as browser:
        heard = await browser.messages(until=lambda message: message["type"] == "snapshot")
        await announce(task, "Five")
        heard += await browser.messages(until=lambda message: message.get("seq") == 5)

    assert heard[0]["resync"] is True
    assert (heard[0]["seq"], seqs(heard)) == (4, [5])


async def test_who_missed_too_much_starts_from_the_present(task, people, monkeypatch):
    monkeypatch.setattr(consumers, "MOST_REPLAYED", 2)
    for stage in ("Two", "Three", "Four"):
        await announce(task, stage)

    async with Browser(OWN.format(task.session_id) + "?after=1", people.alice) as browser:
        heard = await browser.messages(until=lambda message: message["type"] == "snapshot")
        assert heard[0]["resync"] is True
    async with Browser(OWN.format(task.session_id) + "?after=2", people.alice) as browser:
        heard = await browser.messages(until=lambda message: message.get("seq") == 4 and message["type"] == "progress")
        assert "resync" not in heard[0]
    assert seqs(heard) == [3, 4]


async def test_the_last_word_is_told_even_where_the_rest_is_forgotten(task, people):
    await announce(task, "Two")
    await cancel(task)
    await OutboxEvent.objects.filter(is_terminal=False).adelete()

    async with Browser(OWN.format(task.session_id) + "?after=1", people.alice) as browser:
        heard = await browser.messages()

    assert [message["type"] for message in heard] == ["snapshot", "cancelled", "closed"]
    assert heard[0]["resync"] is True


async def test_a_run_that_is_over_sends_its_last_word_and_closes(task, people):
    await cancel(task)

    async with Browser(SEED.format(task.session_id), people.alice) as browser:
        heard = await browser.messages()

    assert [message["type"] for message in heard] == ["snapshot", "cancelled", "closed"]


async def test_who_knows_the_last_word_already_is_only_told_that_it_is_over(task, people):
    await cancel(task)
    seq = (await SessionTask.objects.aget(pk=task.pk)).seq

    async with Browser(f"{OWN.format(task.session_id)}?after={seq}&task={task.pk}", people.alice) as browser:
        heard = await browser.messages()

    assert [message["type"] for message in heard] == ["snapshot", "closed"]


async def test_a_number_of_another_run_is_not_taken_for_this_one(task, people):
    await announce(task, "Two")

    async with Browser(f"{OWN.format(task.session_id)}?after=99&task=another", people.alice) as browser:
        heard = await browser.messages(until=lambda message: message.get("seq") == 2 and message["type"] == "progress")

    assert seqs(heard) == [1, 2]


async def test_a_session_without_a_run_waits_for_the_first_one(session, people):
    async with Browser(OWN.format(session.pk), people.alice) as browser:
        started = await sync_to_async(ProcessingService().generate_tickets)(session)
        task = await SessionTask.objects.aget(pk=started["task_id"])
        await sync_to_async(planning.plan)(task)
        heard = await browser.messages(until=lambda message: message["type"] == "progress")

    assert heard[-1]["task_id"] == str(task.pk)


async def test_a_message_that_redis_lost_is_fetched_from_the_database(task, people, redis):
    async with Browser(OWN.format(task.session_id), people.alice) as browser:
        await browser.messages(until=lambda message: message["type"] == "snapshot")
        await sync_to_async(lose_one)(task)
        await announce(task, "Three")
        heard = await browser.messages(until=lambda message: message.get("seq") == 3)

    assert seqs(heard) == [2, 3]


def lose_one(task):
    """Announce something while the relay looks away."""
    sent, relay.send = relay.send, lambda events: False
    try:
        publish_progress(task, stage="Lost", force=True)
    finally:
        relay.send = sent


async def test_messages_of_an_emptied_redis_are_fetched_from_the_database(task, people, redis):
    async with Browser(OWN.format(task.session_id), people.alice) as browser:
        await browser.messages(until=lambda message: message["type"] == "snapshot")
        await announce(task, "Two")
        await browser.messages(until=lambda message: message.get("seq") == 2)
        await sync_to_async(lose_one)(task)
        await sync_to_async(redis.flushall)()
        heard = await browser.messages(until=lambda message: message.get("seq") == 3, seconds=12)

    assert seqs(heard) == [3]


async def test_unsent_messages_leave_with_the_next_relay(task, people):
    await sync_to_async(lose_one)(task)
    assert await OutboxEvent.objects.unsent().acount() == 1

    assert await sync_to_async(relay.relay_outbox)() == {"relayed_messages": 1}
    assert await OutboxEvent.objects.unsent().acount() == 0


async def test_many_browsers_hear_the_same(task, people):
    browsers = [Browser(OWN.format(task.session_id), people.alice) for _ in range(20)]
    for browser in browsers:
        await browser.__aenter__()
        await browser.messages(until=lambda message: message["type"] == "snapshot")
    for number in range(5):
        await announce(task, f"Step {number}")
    await cancel(task)
    heard = await asyncio.gather(*(browser.messages() for browser in browsers))
    for browser in browsers:
        await browser.__aexit__()

    assert {tuple(seqs(each)) for each in heard} == {tuple(range(2, 8))}


def test_messages_carry_the_seeds_fields(task):
    publish_progress(task, 42.0, "Processing Content entities (1 of 1 groups)", {"entity_group": "Content"}, force=True)

    message = OutboxEvent.objects.get(task_id=task.pk, seq=2).payload
    assert {
        "type",
        "session_id",
        "task_id",
        "task_type",
        "timestamp",
        "status",
        "progress_percentage",
        "current_stage",
    } < set(message)
    assert (message["type"], message["progress_percentage"]) == ("progress", 42.0)
    assert message["details"]["entity_group"] == "Content"


def test_a_message_goes_out_on_the_seeds_channel_once(task, redis):
    listener = redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(f"progress:{task.session_id}:processing")
    listener.get_message(timeout=2)

    publish_progress(task, stage="Two", force=True)

    first = listener.get_message(timeout=2)
    assert json.loads(first["data"])["current_stage"] == "Two"
    assert listener.get_message(timeout=0.2) is None


def test_at_most_four_messages_a_second_go_out(task):
    sent = sum(publish_progress(task, stage=f"Step {number}") for number in range(50))

    assert sent <= 2


def test_a_message_of_a_transaction_that_failed_was_never_there(task):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        publish_progress(task, stage="Never", force=True)
        raise ZeroDivisionError

    task.refresh_from_db()
    assert task.seq == 1
    assert OutboxEvent.objects.filter(task_id=task.pk).count() == 1


async def test_of_a_flood_the_latest_is_sent_and_the_last_word_always(task, people):
    async with Browser(OWN.format(task.session_id), people.alice) as browser:
        await browser.messages(until=lambda message: message["type"] == "snapshot")
        await announce(task, "First")
        await browser.messages(until=lambda message: message.get("current_stage") == "First")
        await announce_all(task, [f"Message {number}" for number in range(20)])
        flood = await browser.messages(until=lambda message: message.get("current_stage") == "Message 19")
        await cancel(task)
        end = await browser.messages()

    assert len(flood) < 20
    assert seqs(flood) == sorted(set(seqs(flood)))
    assert [message["type"] for message in end] == ["cancelled", "closed"]


async def test_a_quiet_stream_is_not_taken_for_a_dead_redis(redis):
    listener = await hub.hub().join("some-session")
    await asyncio.sleep(0.1)
    listener.missed = False

    await asyncio.sleep(hub.WAIT_FOR_MESSAGES + 1.5)
    missed = listener.missed
    hub.hub().leave(listener)

    assert not missed
