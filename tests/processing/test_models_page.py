"""The workspace's page of models: keys go in and never come out."""

import pytest

from processing.models import ProviderSettings
from sessions_app.models import AuditEvent, Session, Workspace
from tests.factories import make_session, make_specified_session
from tests.fakes.model_server import model_server

pytestmark = pytest.mark.django_db

KEY = "sk-canary-1234567890"


@pytest.fixture
def page(people):
    return f"/workspaces/{people.workspace.pk}/models/"


@pytest.fixture
def alice(people):
    return people.browser("alice")


def test_an_owner_sets_a_key_and_nobody_sees_it_again(people, page, alice, redis):
    answer = alice.post(f"{page}openai/", {"openai-new_key": KEY, "openai-llm_model": "gpt-5.4-mini"}, follow=True)

    row = ProviderSettings.objects.get()
    assert (row.key.reveal(), row.llm_model, row.changed_by) == (KEY, "gpt-5.4-mini", people.alice)
    text = answer.content.decode()
    assert "canary" not in text
    assert "ends in 7890" in text
    event = AuditEvent.objects.get(action="models.changed")
    assert "canary" not in str(event.details)


def test_an_empty_field_keeps_the_key_and_a_box_forgets_it(page, alice, redis):
    alice.post(f"{page}openai/", {"openai-new_key": KEY})
    alice.post(f"{page}openai/", {"openai-rpm": "60"})
    row = ProviderSettings.objects.get()
    assert (row.key.reveal(), row.rpm) == (KEY, 60)

    alice.post(f"{page}openai/", {"openai-forget_key": "on"})
    assert not ProviderSettings.objects.get().key


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"compatible-base_url": "http://169.254.169.254/v1"}, "not one of a model server"),
        ({"compatible-base_url": "http://8.8.8.8/v1"}, "has to be asked by https"),
        ({"compatible-new_key": "two words"}, "does not look like a key"),
        ({"compatible-price_in": "1"}, "both prices or none"),
        ({"compatible-price_in": "-1", "compatible-price_out": "1"}, "price"),
        ({"compatible-concurrency": "99999"}, "less than or equal to 1024"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason_and_nothing_is_kept(page, alice, redis, fields, words):
    answer = alice.post(f"{page}compatible/", fields)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ProviderSettings.objects.exists()


def test_openais_address_is_not_for_workspaces_to_say(page, alice, redis):
    alice.post(f"{page}openai/", {"openai-new_key": KEY, "openai-base_url": "https://elsewhere.example/v1"})

    assert ProviderSettings.objects.get().base_url == ""


def test_a_stored_key_is_not_sent_to_another_address(page, alice, redis):
    """Else whoever may change settings could have it told by a server of their own."""
    first, second = "http://127.0.0.1:9/v1", "http://127.0.0.1:10/v1"
    alice.post(f"{page}compatible/", {"compatible-base_url": first, "compatible-new_key": KEY})

    answer = alice.post(f"{page}compatible/", {"compatible-base_url": second})
    assert answer.status_code == 422
    assert "Enter the key again" in answer.content.decode()
    assert ProviderSettings.objects.get().base_url == first

    alice.post(f"{page}compatible/", {"compatible-base_url": first, "compatible-rpm": "7"})
    alice.post(f"{page}compatible/", {"compatible-base_url": second, "compatible-new_key": "sk-another-1234567"})
    row = ProviderSettings.objects.get()
    assert (row.base_url, row.rpm, row.key.reveal()) == (second, 0, "sk-another-1234567")


def test_the_page_says_who_answers(page, alice, redis):
    with model_server() as server:
        alice.post(f"{page}compatible/", {"compatible-base_url": f"{server.url}/v1"})
        assert "Not checked lately" in alice.get(page).content.decode()

        answer = alice.post(f"{page}compatible/check/", follow=True)
        assert "compatible answers" in answer.content.decode()
        assert ">Answers<" in alice.get(page).content.decode()

    answer = alice.post(f"{page}compatible/check/", follow=True)
    assert "cannot be reached" in answer.content.decode()
    assert "Does not answer" in alice.get(page).content.decode()


def test_members_look_and_owners_change(people, page, redis):
    for name in ("bob", "rita", "vera"):
        text = people.browser(name).get(page).content.decode()
        assert "new_key" not in text
        assert people.browser(name).post(f"{page}openai/", {"openai-new_key": KEY}).status_code == 403
    assert people.browser("charlie").get(page).status_code == 404
    assert not ProviderSettings.objects.exists()


def test_the_admin_shows_no_key(people, page, alice, redis):
    alice.post(f"{page}openai/", {"openai-new_key": KEY})
    people.alice.is_staff = people.alice.is_superuser = True
    people.alice.save()

    for path in ("/admin/processing/providersettings/",):
        text = alice.get(path).content.decode()
        assert "openai" in text
        assert "canary" not in text
    row = ProviderSettings.objects.get()
    text = alice.get(f"/admin/processing/providersettings/{row.pk}/change/").content.decode()
    assert "canary" not in text
    assert row.key.encrypted() not in text


def test_a_limit_of_the_month_is_set_and_lifted(people, page, alice, redis):
    alice.post(f"{page}budget/", {"monthly_budget": "25.50"})
    assert str(Workspace.objects.get(pk=people.workspace.pk).monthly_budget) == "25.50"
    assert "of 25.50" in alice.get(page).content.decode()

    assert alice.post(f"{page}budget/", {"monthly_budget": "-1"}).status_code == 422
    alice.post(f"{page}budget/", {"monthly_budget": ""})
    assert Workspace.objects.get(pk=people.workspace.pk).monthly_budget is None


# What a session may choose


@pytest.fixture
def with_key(people):
    row = ProviderSettings(workspace=people.workspace, provider="openai")
    row.set_key(KEY)
    row.save()
    return row


def test_only_what_the_workspace_has_a_key_for_can_be_chosen(people, alice, with_key, redis):
    chosen = {"site_name": "Site", "llm_provider_choice": "openai"}
    assert people.api("alice").post("/api/sessions", chosen).status_code == 201
    assert people.api("charlie").post("/api/sessions", chosen).status_code == 400

    text = alice.get("/sessions/new/").content.decode()
    assert 'value="openai"' in text
    assert 'value="anthropic"' not in text


def test_the_form_keeps_what_is_chosen_of_a_model(people, alice, with_key, redis):
    session = make_session(people.workspace)
    alice.post(
        f"/sessions/{session.pk}/edit/",
        {
            "site_name": "Site",
            "llm_provider_choice": "openai",
            "llm_model": "gpt-5.4-mini",
            "language": "de",
            "temperature": "0.2",
            "prompt_version": "ticket-1",
            "fallback": "offline",
            "economy": "on",
            "budget": "7.50",
        },
    )

    session.refresh_from_db()
    assert (session.llm_provider_choice, session.llm_model, session.language) == ("openai", "gpt-5.4-mini", "de")
    assert (str(session.temperature), session.prompt_version, session.economy) == ("0.20", "ticket-1", True)
    assert session.fallbacks == [{"provider": "offline", "model": ""}]
    text = alice.get(f"/sessions/{session.pk}/edit/").content.decode()
    assert '<option value="offline" selected>' in text


@pytest.mark.parametrize(
    "fallbacks",
    ["openai", [{"model": "x"}], [{"provider": "nobody"}], [{"provider": "openai", "key": "k"}], [{}] * 4, [1]],
)
def test_fallbacks_that_cannot_be_are_refused(people, with_key, fallbacks):
    answer = people.api("alice").post("/api/sessions", {"site_name": "Site", "fallbacks": fallbacks}, format="json")

    assert answer.status_code == 400
    assert "fallbacks" in str(answer.json())
    assert not Session.objects.exists()


# What a run would cost


def test_an_estimate_is_made_of_the_real_prompts_and_of_known_prices(people, with_key):
    session = make_specified_session(people.workspace, 3, 97, llm_provider_choice="openai", llm_model="gpt-4o-mini")

    body = people.api("alice").post(f"/api/sessions/{session.pk}/estimate").json()

    calls, cost, tokens = body["calls"], body["cost"], body["tokens_in"]
    assert (calls["low"], calls["high"]) == (100, 200)
    assert calls["low"] <= calls["expected"] <= calls["high"]
    assert 0 < cost["low"] < cost["expected"] < cost["high"]
    assert 100 * 300 < tokens["low"] < tokens["expected"] < tokens["high"]
    assert cost["price"].startswith("genai-prices ")
    assert body["llm_model"] == "gpt-4o-mini"
    assert body["limits"]["enough"]


def test_half_the_price_and_more_time_in_economy(people, with_key):
    session = make_specified_session(people.workspace, 3, 97, llm_provider_choice="openai", llm_model="gpt-4o-mini")
    address = f"/api/sessions/{session.pk}/estimate"
    direct = people.api("alice").post(address).json()
    Session.objects.update(economy=True)
    economy = people.api("alice").post(address).json()

    assert economy["cost"]["expected"] == pytest.approx(direct["cost"]["expected"] / 2, rel=0.01)
    assert economy["minutes"]["expected"] > direct["minutes"]["expected"]


def test_a_limit_on_requests_a_minute_is_in_the_minutes(people, with_key):
    ProviderSettings.objects.update(rpm=10)
    session = make_specified_session(people.workspace, 3, 97, llm_provider_choice="openai", llm_model="gpt-4o-mini")

    body = people.api("alice").post(f"/api/sessions/{session.pk}/estimate").json()
    assert body["minutes"]["low"] >= 10


def test_the_page_warns_where_a_limit_will_not_do(people, alice, with_key, redis):
    session = make_specified_session(people.workspace, 3, 97, llm_provider_choice="openai", llm_model="gpt-4o-mini")
    Session.objects.update(budget="0.01")

    text = alice.get(f"/sessions/{session.pk}/run/").content.decode()
    assert "more than the limit leaves" in text
    assert "Limit of the run" in text


def test_a_price_that_nobody_knows_is_said_to_be_unknown(people, alice, redis):
    ProviderSettings.objects.create(workspace=people.workspace, provider="compatible", base_url="http://127.0.0.1:9/v1")
    session = make_specified_session(people.workspace, 1, 2, llm_provider_choice="compatible")

    body = people.api("alice").post(f"/api/sessions/{session.pk}/estimate").json()
    assert (body["cost"]["expected"], body["cost"]["price"]) == (None, "unknown")
    assert "unknown" in alice.get(f"/sessions/{session.pk}/run/").content.decode()
