"""The door to models: who is asked, in which order, how often, and what is remembered."""

import asyncio

import pytest

from processing.errors import BudgetReached, LLMError
from processing.llm.base import Allowance, Manner
from processing.llm.service import LLMService
from tests.fakes.model_server import model_server
from tests.processing.llm.test_providers import ENTITY, SITE


@pytest.fixture
def server(settings):
    with model_server() as running:
        settings.LLM_PROVIDERS = {
            "compatible": {"BASE_URL": f"{running.url}/v1", "MODEL": "fake"},
            "anthropic": {"BASE_URL": running.url, "KEY": "k", "MODEL": "fake"},
        }
        yield running


def ask(service, allowance=None):
    async def call():
        try:
            return await service._call_llm(ENTITY, SITE, allowance)
        finally:
            await service.close()

    return asyncio.run(call())


def service_with(model, *fallbacks, **more):
    return LLMService(default_provider="compatible", model=model, fallbacks=fallbacks, **more)


def steps(allowance):
    return [(call.provider, call.step, call.outcome) for call in allowance.calls]


# Fallbacks


@pytest.mark.parametrize("fault", ["refuse", "truncate"])
def test_what_the_chosen_model_will_not_write_the_next_one_writes(server, fault):
    allowance = Allowance(most=4)

    completion = ask(service_with(f"fake:fault={fault}", ("anthropic", "fake")), allowance)

    assert (completion.provider, completion.model) == ("anthropic", "fake")
    assert completion.fallback_reason.startswith(f"compatible fake:fault={fault}: The model")
    assert steps(allowance) == [("compatible", "first", "error"), ("anthropic", "fallback", "ok")]


def test_an_answer_is_repaired_before_another_model_is_asked(server):
    allowance = Allowance(most=4)

    ask(service_with("fake:fault=broken", ("anthropic", "fake")), allowance)

    assert steps(allowance) == [
        ("compatible", "first", "invalid"),
        ("compatible", "repair", "invalid"),
        ("anthropic", "fallback", "ok"),
    ]


def test_a_failure_that_may_pass_waits_for_its_turn(server):
    """Only the last call of an item's budget goes to the fallback."""
    service = service_with("fake:fault=500,retry_after=0", ("anthropic", "fake"))
    with pytest.raises(LLMError) as caught:
        ask(service, Allowance(most=3))
    assert caught.value.retryable

    completion = ask(service_with("fake:fault=500,retry_after=0", ("anthropic", "fake")), Allowance(most=2))
    assert completion.provider == "anthropic"


def test_the_offline_writer_as_a_fallback_costs_no_call(server):
    completion = ask(service_with("fake:fault=500,retry_after=0", ("offline", "")), Allowance(most=1))

    assert completion.provider == "offline"


def test_a_provider_that_takes_no_key_is_asked_once(server):
    service = service_with("fake:fault=401", ("anthropic", "fake"))

    async def call_twice():
        return [(await service._call_llm(ENTITY, SITE, Allowance(most=4))).provider for _ in range(2)]

    assert asyncio.run(call_twice()) == ["anthropic", "anthropic"]
    assert server.server.stats["401"] == 1


def test_a_fallback_that_has_no_key_is_left_out(server, settings):
    settings.LLM_PROVIDERS = {"compatible": settings.LLM_PROVIDERS["compatible"]}

    with pytest.raises(LLMError) as caught:
        ask(service_with("fake:fault=refuse", ("anthropic", "")))
    assert caught.value.code == "llm_refused"


# The allowance


def test_no_repair_beyond_the_allowance(server):
    allowance = Allowance(most=1)

    with pytest.raises(LLMError):
        ask(service_with("fake:fault=broken"), allowance)
    assert len(allowance.calls) == server.calls == 1


def test_whoever_has_to_agree_is_asked_before_each_call_after_the_first(server):
    def disagree():
        raise BudgetReached("No money.")

    allowance = Allowance(most=4, agree=disagree)
    with pytest.raises(BudgetReached):
        ask(service_with("fake:fault=broken", ("anthropic", "fake")), allowance)
    assert server.calls == 1


def test_a_paid_answer_that_is_of_no_use_is_in_the_ledger_with_its_tokens(server):
    allowance = Allowance(most=1)
    with pytest.raises(LLMError):
        ask(service_with("fake:fault=refuse"), allowance)

    call = allowance.calls[0]
    assert (call.outcome, call.error_code, call.tokens_out) == ("error", "llm_refused", 600)


# What is sent


def test_the_choices_of_a_session_are_sent(server):
    ask(service_with("fake", manner=Manner(language="de", temperature=0.3)))

    request = server.server.prompts[0]
    assert "in German" in request
    assert '"temperature":0.3' in request.replace(" ", "")


def test_nothing_is_said_of_what_was_not_chosen(server):
    ask(service_with("fake"))

    assert "temperature" not in server.server.prompts[0]
    assert "in English, headings" not in server.server.prompts[0]


def test_a_prompt_that_is_not_there_is_an_error_that_names_those_that_are(server):
    with pytest.raises(LLMError, match="no prompt “ticket-0”") as caught:
        service_with("fake", manner=Manner(prompt_version="ticket-0")).provider()
    assert "ticket-1" in caught.value.recovery_actions[0]


def test_answers_are_kept_apart_by_all_that_shapes_them(server):
    services = [
        service_with("fake"),
        service_with("other"),
        service_with("fake", manner=Manner(language="de")),
        service_with("fake", manner=Manner(temperature=0.3)),
        LLMService(default_provider="anthropic", model="fake"),
    ]
    hashes = [service.call_hash("x", SITE) for service in services]
    hashes += [services[0].call_hash("y", SITE), services[0].call_hash("x", {**SITE, "site_name": "Other"})]

    assert len(set(hashes)) == len(hashes)


# Health


def test_a_good_health_is_remembered_and_asked_anew_on_request(server, redis):
    service = service_with("fake")
    first = service.validate_connectivity()
    asked = server.server.stats["models"]

    assert service.validate_connectivity() == first == service_with("fake").validate_connectivity()
    assert server.server.stats["models"] == asked == 1
    assert service.remembered_health("compatible") == first

    service.validate_connectivity(fresh=True)
    assert server.server.stats["models"] == 2


def test_another_key_is_another_health(server, redis, settings):
    assert service_with("fake").validate_connectivity()["status"] == "healthy"

    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": "http://127.0.0.1:9/v1"}}
    assert service_with("fake").validate_connectivity()["status"] == "unhealthy"


def test_health_is_told_while_redis_is_away(server, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert service_with("fake").validate_connectivity()["status"] == "healthy"
