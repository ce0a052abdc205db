"""Keys of model providers: encrypted at rest, never shown, read with the right key only."""

import io

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection

from processing.errors import LLMError
from processing.llm.addresses import require_allowed
from processing.llm.keys import configured, credentials_for
from processing.llm.service import LLMService
from processing.models import ProviderSettings
from processing.models.encrypted import WrongEncryptionKey

pytestmark = pytest.mark.django_db

KEY = "sk-canary-1234567890"


@pytest.fixture
def stored(people):
    row = ProviderSettings(workspace=people.workspace, provider="openai")
    row.set_key(KEY)
    row.save()
    return row


def column():
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM processing_providersettings")
        return cursor.fetchone()[0]


def test_the_database_holds_no_key_in_the_clear(stored):
    assert KEY not in column()
    assert "canary" not in column()
    assert ProviderSettings.objects.get().key.reveal() == KEY
    assert stored.key_hint == "7890"


def test_a_row_that_is_saved_again_keeps_its_key(stored):
    row = ProviderSettings.objects.get()
    row.rpm = 5
    row.save()

    assert ProviderSettings.objects.get().key.reveal() == KEY


def test_no_dump_and_no_representation_shows_it(stored):
    row = ProviderSettings.objects.get()

    shown = [repr(row.key), str(row.key), repr(row.__dict__), serializers.serialize("json", [row])]
    assert not [each for each in shown if "canary" in each]


def test_a_dump_can_be_loaded(stored):
    dumped = serializers.serialize("json", ProviderSettings.objects.all())
    ProviderSettings.objects.all().delete()
    for each in serializers.deserialize("json", dumped):
        each.save()

    assert ProviderSettings.objects.get().key.reveal() == KEY


def test_a_wrong_key_is_a_loud_error_that_says_what_to_do(stored, settings, people):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(WrongEncryptionKey, match="another FIELD_ENCRYPTION_KEYS") as caught:
        credentials_for("openai", people.workspace)
    assert caught.value.recovery_actions
    health = LLMService(default_provider="openai", workspace=people.workspace).validate_connectivity()
    assert (health["status"], "FIELD_ENCRYPTION_KEYS" in health["error"]) == ("unhealthy", True)


def test_keys_are_rotated(stored, settings):
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    assert ProviderSettings.objects.get().key.reveal() == KEY

    call_command("rotate_keys", stdout=io.StringIO())

    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert ProviderSettings.objects.get().key.reveal() == KEY


def test_nothing_is_rotated_without_the_former_key(stored, settings):
    before = column()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(CommandError, match="former key"):
        call_command("rotate_keys", stdout=io.StringIO())
    assert column() == before


# Whose key


def test_a_workspace_uses_its_own_key_and_others_do_not(stored, people, settings):
    settings.LLM_PROVIDERS = {"openai": {"KEY": "sk-of-the-house"}}

    assert credentials_for("openai", people.workspace).key == KEY
    assert credentials_for("openai", people.charlies).key == "sk-of-the-house"
    assert credentials_for("openai").key == "sk-of-the-house"


def test_a_key_of_the_house_is_never_sent_to_an_address_of_a_workspace(people, settings):
    settings.LLM_PROVIDERS = {"compatible": {"KEY": "sk-of-the-house", "BASE_URL": "https://house.example"}}
    ProviderSettings.objects.create(workspace=people.workspace, provider="compatible", base_url="http://127.0.0.1:9/v1")

    credentials = credentials_for("compatible", people.workspace)
    assert (credentials.base_url, credentials.key) == ("http://127.0.0.1:9/v1", "")


def test_what_is_configured_is_known_without_decrypting(stored, people, settings):
    settings.LLM_PROVIDERS = {"anthropic": {"KEY": "k"}}
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert configured(people.workspace) == {"openai", "anthropic"}
    assert configured(people.charlies) == configured(None) == {"anthropic"}


# Addresses that people type in


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://0.0.0.0/v1",
        "http://224.0.0.1/v1",
        "ftp://127.0.0.1/v1",
        "file:///etc/passwd",
        "http://user:secret@127.0.0.1/v1",
        "http://127.0.0.1/v1?x=1",
        "http://8.8.8.8/v1",
        "http:///v1",
        "not an address",
    ],
)
def test_an_address_that_must_not_be_called_is_refused(address):
    with pytest.raises(LLMError) as caught:
        require_allowed(address)
    assert caught.value.category == "user_fixable"


@pytest.mark.parametrize("address", ["http://127.0.0.1:11434/v1", "http://10.1.2.3/v1", "https://8.8.8.8/v1"])
def test_a_server_of_ones_own_may_be_asked_in_development(address):
    require_allowed(address)


def test_production_asks_private_hosts_only_where_an_administrator_allows_it(settings):
    settings.PRODUCTION = True
    with pytest.raises(LLMError, match="LLM_ALLOWED_HOSTS"):
        require_allowed("http://127.0.0.1:11434/v1")

    settings.LLM_ALLOWED_HOSTS = ["127.0.0.1"]
    require_allowed("http://127.0.0.1:11434/v1")


# manage.py check_llm


def test_the_command_says_who_answers(settings, redis):
    from tests.fakes.model_server import model_server

    with model_server() as server:
        settings.LLM_PROVIDERS = {"openai": {"KEY": KEY, "BASE_URL": f"{server.url}/v1"}}
        told = io.StringIO()
        call_command("check_llm", stdout=told)

    assert "openai       healthy" in told.getvalue()
    assert "canary" not in told.getvalue()


def test_the_command_fails_where_one_does_not_answer(settings, redis, stored, people):
    settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": "http://127.0.0.1:9/v1"}}
    told = io.StringIO()

    with pytest.raises(CommandError, match="1 of 2"):
        call_command("check_llm", stdout=told)
    assert "cannot be reached" in told.getvalue()

    with pytest.raises(CommandError, match="no workspace “nowhere”"):
        call_command("check_llm", workspace="nowhere")
