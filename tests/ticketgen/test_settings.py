"""What the settings promise: production refuses what is unsafe, and what is checked by machines is clean."""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

from tests.test_access import ALL
from ticketgen.checks import pairs_are_whole, refusals

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "TICKETGEN_ENV": "production",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "ALLOWED_HOSTS": "tickets.example.org",
}


def environment(tmp_path, **changes):
    """A machine that has nothing set but this."""
    bare = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**bare, "TICKETGEN_VAR_DIR": str(tmp_path), **changes}


def run(command, env):
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


# Production


def test_the_deployment_check_is_clean_with_the_settings_of_production(tmp_path):
    done = run(
        ["-W", "error::DeprecationWarning:ticketgen", "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        environment(tmp_path, **SAFE),
    )

    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "changeme"}, "SECRET_KEY"),
        ({"FIELD_ENCRYPTION_KEYS": ""}, "FIELD_ENCRYPTION_KEYS"),
        ({"FIELD_ENCRYPTION_KEYS": "short"}, "FIELD_ENCRYPTION_KEYS"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "tickets.example.org,*"}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.parametrize(
    "command",
    [["manage.py", "check"], ["-c", "import ticketgen.asgi"]],
    ids=["command", "web"],
)
def test_production_does_not_start_with_what_is_unsafe(tmp_path, changes, named, command):
    done = run(command, environment(tmp_path, **{**SAFE, **changes}))

    assert done.returncode != 0
    said = done.stderr.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("ticketgen does not start in production: ")
    assert named in said[0]
    assert "Traceback" not in done.stderr


def test_a_secret_that_is_missing_altogether_stops_production_too(tmp_path):
    done = run(["manage.py", "check"], environment(tmp_path, **{k: v for k, v in SAFE.items() if k != "SECRET_KEY"}))

    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
    assert not (tmp_path / "secret_key").exists()


def test_all_that_is_unsafe_is_named_at_once():
    key = SAFE["FIELD_ENCRYPTION_KEYS"]
    assert len(refusals(secret_key="", debug=True, allowed_hosts=["*"], encryption_keys=[])) == 4
    assert refusals(secret_key="x" * 50, debug=False, allowed_hosts=["a.example"], encryption_keys=[key]) == []


PRINT = (
    "import django; django.setup(); from django.conf import settings as s; "
    "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS >= 31536000, "
    "s.SESSION_COOKIE_HTTPONLY, s.DEBUG, s.SECURE_PROXY_SSL_HEADER)"
)


def test_production_keeps_cookies_and_pages_to_https(tmp_path):
    done = run(["-c", PRINT], environment(tmp_path, DJANGO_SETTINGS_MODULE="ticketgen.settings", **SAFE))

    assert done.stdout.strip() == "True True True True True False None"


def test_a_proxy_is_trusted_only_when_it_is_named(tmp_path):
    done = run(
        ["-c", PRINT],
        environment(tmp_path, DJANGO_SETTINGS_MODULE="ticketgen.settings", BEHIND_PROXY="true", **SAFE),
    )

    assert done.stdout.strip().endswith("('HTTP_X_FORWARDED_PROTO', 'https')")


# Signing in by other services


@pytest.mark.parametrize(("there", "missing"), [("ID", "SECRET"), ("SECRET", "ID")])
def test_half_a_pair_is_said(settings, there, missing):
    settings.SSO_CREDENTIALS = {"GITHUB": ("x", "") if there == "ID" else ("", "x"), "ATLASSIAN": ("x", "x")}

    [error] = pairs_are_whole(None)

    assert (error.id, error.msg) == (
        "ticketgen.E003",
        f"GITHUB_CLIENT_{there} is set without GITHUB_CLIENT_{missing}.",
    )
    assert error.hint.startswith("Set both")


PROVIDERS = (
    "import django; django.setup(); from django.conf import settings as s; from django.core import checks; "
    "print({name: bool(p['APPS']) for name, p in s.SOCIALACCOUNT_PROVIDERS.items()}, s.SSO_ALLOWED_DOMAINS, "
    "[each.id for each in checks.run_checks()])"
)


def test_a_whole_pair_turns_a_provider_on_and_half_of_one_does_not(tmp_path):
    (tmp_path / "secret").write_text("x")
    done = run(
        ["-c", PROVIDERS],
        environment(
            tmp_path,
            DJANGO_SETTINGS_MODULE="ticketgen.settings",
            GITHUB_CLIENT_ID="x",
            ATLASSIAN_CLIENT_ID="x",
            ATLASSIAN_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
            SSO_ALLOWED_DOMAINS="@Example.org,example.net",
        ),
    )

    assert done.stdout.strip() == (
        "{'github': False, 'atlassian': True} ['example.org', 'example.net'] ['ticketgen.E003']"
    ), done.stderr


# Development


def test_a_bare_checkout_starts_with_a_key_of_its_own_that_nobody_else_can_read(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        assert run(["manage.py", "check"], environment(folder)).returncode == 0

    keys = [(folder / "secret_key").read_text() for folder in (first, second)]
    assert keys[0] != keys[1]
    assert len(keys[0]) >= 50
    assert (first / "secret_key").stat().st_mode & 0o077 == 0
    assert run(["manage.py", "check"], environment(first)).returncode == 0
    assert (first / "secret_key").read_text() == keys[0]


def test_nothing_reaches_outside_unless_it_is_set(settings):
    assert settings.REDIS_URL.startswith("redis://127.0.0.1")
    assert settings.SECURE_PROXY_SSL_HEADER is None
    assert settings.ALLOW_SIGNUP is False
    assert settings.SSO_SIGN_IN_BY_EMAIL is False
    assert not any(provider["APPS"] for provider in settings.SOCIALACCOUNT_PROVIDERS.values())
    assert settings.DEBUG is False


OUTSIDE = (
    "import django; django.setup(); from django.conf import settings as s; "
    "print([name for name, said in s.LLM_PROVIDERS.items() if said['KEY'] or said['BASE_URL']], s.LLM_ALLOWED_HOSTS, "
    "s.TRACKER_ALLOWED_HOSTS, s.EMAIL_BACKEND.rpartition('.')[0], s.NOTIFY_EMAILS, repr(s.NOTIFY_WEBHOOK), "
    "s.NOTIFY_ALLOWED_HOSTS, s.ALLOW_SIGNUP, repr(s.METRICS_TOKEN))"
)


def test_what_reaches_outside_is_off_on_a_bare_machine(tmp_path):
    done = run(["-c", OUTSIDE], environment(tmp_path, DJANGO_SETTINGS_MODULE="ticketgen.settings", **SAFE))

    assert done.stdout.strip() == "[] [] [] django.core.mail.backends.console [] '' [] False ''", done.stderr


def test_jobs_are_json_and_wait_for_the_commit(settings):
    assert {queue["SERIALIZER"] for queue in settings.RQ_QUEUES.values()} == {"rq.serializers.JSONSerializer"}
    assert settings.RQ["COMMIT_MODE"] == "on_db_commit"


@pytest.mark.django_db
def test_the_models_and_the_migrations_agree():
    call_command("makemigrations", check_changes=True, dry_run=True)  # exits with 1 where they do not


# The architecture and the contract of the API


def test_the_rooms_import_one_way():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema")
    done = run(
        ["manage.py", "spectacular", "--fail-on-warn", "--validate", "--file", str(folder / "schema.yml")],
        environment(folder),
    )
    assert done.returncode == 0, done.stderr
    return yaml.safe_load((folder / "schema.yml").read_text())


def test_the_schema_is_valid_and_without_warnings(schema):
    assert schema["openapi"].startswith("3.1")


def test_the_schema_tells_of_every_address_of_the_api(schema):
    ours = {"/" + re.sub(r"<\w+:(\w+)>", r"{\1}", address.route) for address in ALL if address.name.startswith("api")}
    assert ours == {path for path in schema["paths"] if path not in {"/api/schema/", "/api/docs/"}}


def test_the_schema_says_how_to_sign_in(schema):
    schemes = schema["components"]["securitySchemes"]

    assert schemes["token"]["scheme"] == "bearer"
    assert schemes["session"] == {"type": "apiKey", "in": "cookie", "name": "sessionid"}
    for path, verbs in schema["paths"].items():
        for verb, operation in verbs.items():
            assert {"token": []} in operation["security"], f"{verb} {path}"


def test_read_only_fields_are_so_in_the_schema(schema):
    assert not {"stage", "created_at", "id"} & set(schema["components"]["schemas"]["SessionRequest"]["properties"])
    assert set(schema["components"]["schemas"]["PatchedTicketRequest"]["properties"]) == {
        "title",
        "user_story",
        "analysis",
        "verification",
        "version",
        "status",
        "rejection_reason",
    }
