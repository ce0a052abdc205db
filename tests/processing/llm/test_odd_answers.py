"""Whatever a model server answers, what comes of it is an answer or an error of ours, and can be kept.

Anything may listen at an address that somebody entered: a proxy, another service, somebody who means harm.
"""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from processing.errors import LLMError
from processing.export.fakes.server import Reply
from processing.llm.answers import MOST_TOKENS, LLMNotAllowed, error_for, retry_after
from processing.llm.batching import LONGEST_ID
from processing.llm.keys import Credentials
from tests.fakes.says import Says
from tests.processing.export.trackers import running
from tests.processing.llm.test_providers import ENTITY, SITE

TICKET = json.dumps(dict.fromkeys(("title", "user_story", "analysis", "verification"), "words"))
ODD = (None, 5, -5, True, "x", "9" * 30, 2**70, 1e300, [], [5], {}, {"a": 1})


@pytest.fixture
def says():
    with running(Says()) as server:
        yield server


@pytest.fixture(params=["openai", "anthropic", "compatible"])
def kind(request):
    return request.param


def completion(kind, **changes):
    """An answer of this provider, with something changed in it."""
    if kind == "anthropic":
        content = [{"type": "text", "text": TICKET}]
        usage = {"input_tokens": 7, "output_tokens": 3}
        told = {"id": "m", "type": "message", "role": "assistant", "model": "x", "stop_reason": "end_turn"}
        return {**told, "content": content, "usage": usage, **changes}
    choices = [{"message": {"content": TICKET}, "finish_reason": "stop"}]
    return {"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 3}, **changes}


def shapes(kind):
    yield from (None, 5, "x", [], [5], {}, {"data": 5}, {"error": 5})
    for odd in ODD:
        yield completion(kind, usage=odd)
        if kind == "anthropic":
            yield completion(kind, usage={"input_tokens": odd, "output_tokens": odd, "cache_read_input_tokens": odd})
            yield from (
                completion(kind, content=odd),
                completion(kind, content=[odd]),
                completion(kind, stop_reason=odd),
            )
            yield completion(kind, content=[{"type": "text", "text": odd}])
        else:
            details = {"cached_tokens": odd}
            yield completion(
                kind, usage={"prompt_tokens": odd, "completion_tokens": odd, "prompt_tokens_details": details}
            )
            yield completion(kind, usage={"prompt_tokens": 7, "prompt_tokens_details": odd})
            yield from (completion(kind, choices=odd), completion(kind, choices=[odd]))
            yield completion(kind, choices=[{"message": odd}])
            yield completion(kind, choices=[{"message": {"content": odd, "refusal": odd}, "finish_reason": odd}])


def answers_of(kind, says, replies, ask):
    """(what was said, answer or error of ours) of each reply. Anything else that is raised fails the test."""
    from processing.llm.anthropic import Anthropic
    from processing.llm.openai import Compatible, OpenAI

    made = {"openai": OpenAI, "anthropic": Anthropic, "compatible": Compatible}[kind]
    address = says.url if kind == "anthropic" else f"{says.url}/v1"

    async def talk():
        provider = made(Credentials(key="sk-canary-1234567890", base_url=address), "fake")
        found = []
        try:
            for reply in replies:
                says.reply = reply
                try:
                    found.append((reply, await ask(provider)))
                except LLMError as error:
                    found.append((reply, error))
        finally:
            await provider.close()
        return found

    return asyncio.run(talk())


def test_an_answer_of_any_shape_is_a_ticket_or_an_error(kind, says):
    replies = [Reply(200, shape) for shape in shapes(kind)]

    found = answers_of(kind, says, replies, lambda provider: provider.write_ticket(ENTITY, SITE))

    for reply, answer in found:
        if isinstance(answer, LLMError):
            continue
        assert answer.content["title"] == "words", reply
        counts = (answer.tokens_in, answer.tokens_out, answer.tokens_cached)
        assert all(isinstance(each, int) and 0 <= each <= 3 * MOST_TOKENS for each in counts), reply
    assert sum(not isinstance(answer, LLMError) for _, answer in found) > 10


def test_a_good_answer_is_read_as_it_is(kind, says):
    [(_, answer)] = answers_of(
        kind, says, [Reply(200, completion(kind))], lambda provider: provider.write_ticket(ENTITY, SITE)
    )

    assert (answer.content["title"], answer.tokens_in, answer.tokens_out) == ("words", 7, 3)


@pytest.mark.parametrize("status", [400, 401])
def test_an_error_of_any_shape_is_an_error_of_ours(kind, says, status):
    bodies = [None, 5, [5], *({"error": odd} for odd in ODD)]
    bodies += [{"error": {"code": odd, "type": odd, "message": odd}} for odd in ODD]
    replies = [Reply(status, body) for body in bodies]

    found = answers_of(kind, says, replies, lambda provider: provider.write_ticket(ENTITY, SITE))

    assert {type(answer) for _, answer in found} == {LLMError if status == 400 else LLMNotAllowed}


@pytest.mark.parametrize("code", ODD, ids=repr)
def test_a_code_that_is_no_word_says_nothing(code):
    assert error_for(429, {"retry-after": "7"}, code).retry_after == 7


@pytest.mark.parametrize(
    ("text", "seconds"), [("nan", 0), ("-1", 0), ("9" * 400, 300), ("tomorrow", None), ("", None), ("1e3", 300)]
)
def test_a_wait_is_never_longer_than_five_minutes(text, seconds):
    assert retry_after({"retry-after": text}) == seconds


def test_the_health_of_anything_is_told(kind, says):
    replies = [Reply(200, body) for body in (None, 5, "x", [], [5], {"data": 5}, {"data": [5]}, {"data": []})]

    found = answers_of(kind, says, replies, lambda provider: provider.health())

    assert {health["status"] for _, health in found} == {"healthy", "unhealthy"}


@pytest.mark.parametrize("kind", ["openai", "anthropic"], indirect=True)
@pytest.mark.parametrize("asked", ["submit", "find", "look", "results", "cancel"])
def test_what_is_said_of_a_batch_is_understood_or_an_error(kind, says, asked):
    entries = [5, {}, {"metadata": 5}, {"id": 5, "created_at": "x", "request_counts": 5}]
    bodies = [5, "x", [], {}, {"data": 5}, *({"data": [each], "has_more": True} for each in entries)]
    bodies += [
        {"id": odd, "status": odd, "processing_status": odd, "request_counts": odd, "errors": odd} for odd in ODD
    ]
    bodies += [{"status": "failed", "errors": {"data": odd}} for odd in (5, [5], [{"code": "x" * 99}], [{"code": []}])]
    bodies += [{"processing_status": "ended", "request_counts": odd, "results_url": odd} for odd in ODD]
    bodies += [{"id": "b", "output_file_id": odd, "error_file_id": odd} for odd in ODD]

    async def ask(provider):
        batches = provider.batches
        if asked == "results":
            return [each async for each in batches.results("b1")]
        if asked == "submit":
            return await batches.submit("ours", {"ours-1": {}})
        if asked == "find":
            return await batches.find("ours", 1, datetime.now(UTC))
        return await getattr(batches, asked)("b1")

    for reply, answer in answers_of(kind, says, [Reply(200, body) for body in bodies], ask):
        if asked == "submit" and not isinstance(answer, LLMError):
            assert isinstance(answer, str) and 0 < len(answer) <= LONGEST_ID, reply
        if asked == "look" and not isinstance(answer, LLMError):
            assert answer.answered is None or 0 <= answer.answered <= MOST_TOKENS, reply
