"""Questions that are no tickets: answered, entered, paid for once, within the limit of money."""

from concurrent.futures import CancelledError, ThreadPoolExecutor
from decimal import Decimal

import pytest

from processing.engine import questions
from processing.engine.conversation import conversation
from processing.engine.questions import ask
from processing.errors import BudgetReached, ProcessingError
from processing.llm.base import Form, Question
from processing.llm.service import LLMService
from processing.models import LLMCall, ProviderSettings, SetAside
from tests.fakes.model_server import model_server
from tests.processes import wait_for


def read(content):
    if not isinstance(content.get("verdict"), str):
        raise ProcessingError("There is no verdict.")
    return {"verdict": content["verdict"]}


FORM = Form("verdict", "verdict-1", "Judge.", {"type": "object", "properties": {"verdict": {"type": "string"}}}, read)


def question(text, by_rule=None):
    return Question(FORM, text, by_rule)


@pytest.fixture
def server(settings):
    settings.ENGINE = {**settings.ENGINE, "RETRY_DELAY": 0.001}
    with model_server() as running:
        running.server.writers["verdict"] = lambda request: {"verdict": request["messages"][-1]["content"].upper()}
        settings.LLM_PROVIDERS = {
            "compatible": {"BASE_URL": f"{running.url}/v1", "MODEL": "fake"},
            "anthropic": {"BASE_URL": running.url, "KEY": "k", "MODEL": "fake"},
        }
        yield running


def service(workspace, name="compatible", model="fake", **more):
    return LLMService(default_provider=name, model=model, workspace=workspace, **more)


@pytest.mark.parametrize("name", ["compatible", "anthropic"])
@pytest.mark.django_db
def test_many_are_asked_at_once_and_answered_under_their_keys(server, people, name):
    answers = ask(service(people.workspace, name), people.workspace, {key: question(key) for key in "abc"})

    assert {key: answer.content["verdict"] for key, answer in answers.items()} == {"a": "A", "b": "B", "c": "C"}
    assert answers["a"].author == f"{name} fake"
    assert set(LLMCall.objects.values_list("entity_key", "outcome", "prompt_version")) == {
        (key, "ok", "verdict-1") for key in "abc"
    }


@pytest.mark.django_db
def test_what_was_paid_for_is_not_asked_again_by_the_same_workspace(server, people):
    asked = {"a": question("a"), "same": question("a")}
    first = service(people.workspace)
    ask(first, people.workspace, {"a": asked["a"]})

    again = ask(first, people.workspace, asked)
    ask(service(people.charlies), people.charlies, {"a": asked["a"]})

    assert [answer.paid_before for answer in again.values()] == [True, True]
    assert server.calls == 2


@pytest.mark.django_db
def test_an_answer_that_does_not_fit_is_repaired_once(server, people):
    server.server.writers["verdict"] = lambda request: {"verdict": "yes" if len(request["messages"]) > 3 else 7}

    answer = ask(service(people.workspace), people.workspace, {"a": question("a")})["a"]

    assert answer.content == {"verdict": "yes"}
    assert list(LLMCall.objects.order_by("created_at", "step").values_list("step", "outcome")) == [
        ("first", "invalid"),
        ("repair", "ok"),
    ]


@pytest.mark.django_db
def test_trouble_that_may_pass_is_tried_again_and_other_trouble_is_told(server, people):
    server.behave(fault="500", retry_after=0)
    failed = ask(service(people.workspace), people.workspace, {"a": question("a")}, attempts=3)["a"]
    server.behave(fault="refuse")
    refused = ask(service(people.workspace), people.workspace, {"a": question("a")})["a"]

    assert (failed.error.code, refused.error.code) == ("llm_unavailable", "llm_refused")
    assert LLMCall.objects.filter(error_code="llm_unavailable").count() == 3
    assert LLMCall.objects.filter(error_code="llm_refused").count() == 1


@pytest.mark.django_db
def test_a_server_that_never_answers_ends_at_the_time_that_was_given(server, people):
    server.behave(fault="hang")

    answer = ask(service(people.workspace), people.workspace, {"a": question("a")}, seconds=0.2)["a"]

    assert answer.error.code == "llm_timeout"


@pytest.mark.django_db
def test_an_answer_that_nobody_waited_for_is_none(server, people):
    server.behave(fault="hang")
    ask(service(people.workspace), people.workspace, {"a": question("a")}, seconds=0.2)
    server.behave()

    answer = ask(service(people.workspace), people.workspace, {"a": question("a")})["a"]

    assert (answer.content, answer.paid_before) == ({"verdict": "A"}, False)
    assert list(LLMCall.objects.order_by("created_at").values_list("outcome", "error_code")) == [
        ("error", "given_up"),
        ("ok", ""),
    ]


@pytest.mark.django_db
def test_who_hangs_up_ends_what_is_asked_and_is_asked_no_more(server, people):
    server.behave(fault="hang")
    asked = service(people.workspace)
    asked.provider()
    with conversation() as talk, ThreadPoolExecutor() as others:
        waits = others.submit(talk.ask, asked.ask(question("a")))
        wait_for(lambda: server.calls, "the question")
        talk.hang_up(asked.close())

        with pytest.raises(CancelledError):
            waits.result(5)
        with pytest.raises(CancelledError):
            talk.ask(asked.ask(question("b")))
    assert server.calls == 1


@pytest.mark.django_db
def test_the_offline_writer_answers_by_rule_or_says_that_it_takes_a_model(people):
    offline = service(people.workspace, "offline", "")

    answers = ask(
        offline,
        people.workspace,
        {"rule": question("a", lambda: {"verdict": "by rule"}), "model": question("b")},
    )

    assert answers["rule"].content == {"verdict": "by rule"}
    assert answers["model"].error.message == "The offline writer cannot do this: it takes a model."


@pytest.mark.django_db
def test_money_is_set_aside_while_calls_are_made_and_the_limit_holds(server, people, monkeypatch):
    workspace = people.workspace
    ProviderSettings.objects.create(
        workspace=workspace, provider="compatible", price_in=Decimal("1000"), price_out=Decimal("1000")
    )
    workspace.monthly_budget = Decimal("5")
    workspace.save()
    held = []
    server.server.writers["verdict"] = lambda request: held.append(1) or {"verdict": "yes"}

    with pytest.raises(BudgetReached, match="limit of this month"):
        ask(service(workspace), workspace, {str(n): question(str(n)) for n in range(3)})
    ask(service(workspace), workspace, {"a": question("a")})

    assert len(held) == 1
    assert not SetAside.objects.exists()
    SetAside.objects.create(workspace=workspace, amount=4, until="2999-01-01T00:00Z")
    with pytest.raises(BudgetReached):
        ask(service(workspace), workspace, {"b": question("b")})


@pytest.mark.django_db
def test_a_limit_cannot_be_kept_where_the_price_is_unknown(server, people):
    people.workspace.monthly_budget = Decimal("5")
    people.workspace.save()

    with pytest.raises(BudgetReached, match="price of this model is unknown"):
        ask(service(people.workspace), people.workspace, {"a": question("a")})


@pytest.mark.django_db
def test_calls_that_were_made_are_entered_even_if_the_asking_breaks(server, people, monkeypatch):
    """The event loop of the process may be stopped from outside: what was paid for is kept."""
    people.workspace.monthly_budget = Decimal("5")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(questions, "_answered", stop)
    with pytest.raises(KeyboardInterrupt):
        ask(service(people.workspace), people.workspace, {"a": question("a")})

    assert LLMCall.objects.get().outcome == "ok"
