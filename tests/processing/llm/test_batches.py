"""Both SDKs' batches against the fake server: one meaning for both."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from processing.errors import LLMError
from processing.llm import prompts
from processing.llm.anthropic import Anthropic
from processing.llm.batching import BatchPhase, SubmissionUnknown
from processing.llm.keys import Credentials
from processing.llm.openai import Compatible, OpenAI
from tests.fakes.model_server import model_server
from tests.processing.llm.test_providers import ENTITY, SITE

BATCH_ID = uuid.UUID(int=7).hex


@pytest.fixture
def server():
    with model_server() as running:
        yield running


@pytest.fixture(params=[OpenAI, Anthropic])
def make(request, server):
    """A new provider: an SDK's client belongs to one event loop."""

    def provider():
        address = server.url if request.param is Anthropic else f"{server.url}/v1"
        return request.param(Credentials(key="sk-canary-1234567890", base_url=address), "fake")

    return provider


def ask(make, conversation):
    async def run():
        provider = make()
        try:
            return await conversation(provider)
        finally:
            await provider.close()

    return asyncio.run(run())


def requests(provider, count=4):
    body = provider.request(prompts.messages(ENTITY, SITE), provider.ticket_form)
    return {f"{BATCH_ID}-{n}": body for n in range(count)}


async def submitted(provider):
    return await provider.batches.submit(BATCH_ID, requests(provider))


async def read(provider, remote_id):
    return {custom_id: answer async for custom_id, answer in provider.batches.results(remote_id)}


def just_now():
    return timezone.now() - timedelta(seconds=5)


def test_answers_come_back_under_the_ids_they_were_asked_under(make):
    async def whole(provider):
        remote_id = await submitted(provider)
        state = await provider.batches.look(remote_id)
        return state, await read(provider, remote_id)

    state, answers = ask(make, whole)

    assert (state.phase, state.answered) == (BatchPhase.ENDED, 4)
    assert set(answers) == {f"{BATCH_ID}-{n}" for n in range(4)}
    answer = answers[f"{BATCH_ID}-0"]
    assert "Build bundles Article (article)" in answer.text
    assert answer.tokens_out == 600


def test_an_open_batch_is_open_and_can_be_cancelled(make, server):
    server.behave(batch_seconds=3600.0)

    async def cancelled(provider):
        remote_id = await submitted(provider)
        before = await provider.batches.look(remote_id)
        await provider.batches.cancel(remote_id)
        await provider.batches.cancel(remote_id)
        return before, await provider.batches.look(remote_id), await read(provider, remote_id)

    before, after, answers = ask(make, cancelled)
    assert (before.phase, after.phase) == (BatchPhase.OPEN, BatchPhase.CANCELLED)
    assert answers == {}


def test_calls_that_were_not_made_are_left_out(make, server):
    server.behave(batch_fault="expired")

    async def expired(provider):
        remote_id = await submitted(provider)
        return await provider.batches.look(remote_id), await read(provider, remote_id)

    state, answers = ask(make, expired)
    assert (state.phase, answers) == (BatchPhase.EXPIRED, {})


@pytest.mark.parametrize(
    ("fault", "code", "retryable"),
    [("429", "llm_rate_limit", True), ("500", "llm_unavailable", True), ("refuse", "llm_refused", False)],
)
def test_an_error_in_a_batch_means_what_it_means_alone(make, server, fault, code, retryable):
    server.behave(fault=fault)

    async def answers(provider):
        return await read(provider, await submitted(provider))

    found = set()
    for answer in ask(make, answers).values():
        error = answer if isinstance(answer, LLMError) else answer.error
        found.add((error.code, error.retryable))
    assert found == {(code, retryable)}


def test_a_batch_whose_answer_was_lost_is_found_again(make, server):
    server.behave(batch_fault="lost")
    with pytest.raises(SubmissionUnknown):
        ask(make, submitted)

    found = ask(make, lambda provider: provider.batches.find(BATCH_ID, 4, just_now()))
    assert found in server.server.batches.batches


def test_a_batch_that_nobody_submitted_is_not_found(make, server):
    async def other(provider):
        await provider.batches.submit(uuid.UUID(int=8).hex, {"x-1": requests(provider)[f"{BATCH_ID}-1"]})
        return await provider.batches.find(BATCH_ID, 1, just_now())

    assert ask(make, other) is None


def test_while_anthropic_is_at_work_nobody_can_say_whose_batch_it_is(make, server):
    server.behave(batch_seconds=3600.0, batch_fault="lost")
    with pytest.raises(SubmissionUnknown):
        ask(make, submitted)

    async def find(provider):
        return await provider.batches.find(BATCH_ID, 4, just_now())

    if isinstance(make(), OpenAI):
        assert ask(make, find)
    else:
        with pytest.raises(SubmissionUnknown):
            ask(make, find)
        server.server.batches.progress = 1.0
        assert ask(make, find)


def test_a_refused_batch_says_so(make, server):
    server.behave(batch_fault="refused")

    async def look(provider):
        return await provider.batches.look(await submitted(provider))

    if isinstance(make(), OpenAI):
        state = ask(make, look)
        assert state.phase is BatchPhase.FAILED
        assert "invalid_request" in state.error.message
    else:
        with pytest.raises(LLMError, match="refused"):
            ask(make, look)


def test_a_batch_that_is_gone_is_gone(make):
    assert ask(make, lambda provider: provider.batches.look("batch_of_yesterday")).phase is BatchPhase.GONE


def test_results_that_break_off_are_an_error_of_ours(make, server):
    server.behave(batch_fault="cut")

    async def answers(provider):
        return await read(provider, await submitted(provider))

    with pytest.raises(LLMError) as caught:
        ask(make, answers)
    assert caught.value.code == "llm_unavailable"


def test_a_server_of_ones_own_has_no_batches(server):
    provider = Compatible(Credentials(base_url=f"{server.url}/v1"), "fake")

    assert provider.batches is None
