"""Dockerfile and compose.yaml as text: there is no Docker where the tests run, so this is no proof that they start.

What is checked are the promises that a reader would look for, and that every name in them is one of the product's.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = ("setup", "web", "worker", "schedules")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def dockerfile():
    return (ROOT / "Dockerfile").read_text()


def test_the_image_runs_as_nobody_special_and_installs_what_is_pinned(dockerfile):
    last_stage = dockerfile.rpartition("\nFROM ")[2]

    assert re.search(r"^USER 10001$", last_stage, re.MULTILINE)
    assert '--require-hashes -r "$REQUIREMENTS"' in dockerfile
    assert "ARG REQUIREMENTS=requirements.txt" in dockerfile
    assert "TICKETGEN_ENV=production" in last_stage
    assert not re.search(r"(SECRET|PASSWORD|KEY)\w*=", last_stage)
    assert "ADD " not in dockerfile


def test_all_that_is_copied_is_there_and_nothing_else_is_sent_to_the_builder(dockerfile):
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)

    assert (ROOT / ".dockerignore").read_text().startswith("*\n")
    for name in copied:
        assert (ROOT / name).exists()
        assert name in allowed
    assert {"tests", ".env", "var", ".git"}.isdisjoint(allowed)


@pytest.mark.parametrize("name", [*OURS, "proxy", "redis"])
def test_services_write_to_volumes_only_and_gain_no_rights(services, name):
    service = services[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_proxy_is_reached_from_outside(services):
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    assert services["db"]["networks"] == services["redis"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", ["web", "worker", "schedules"])
def test_the_product_starts_after_migrations_on_healthy_servers(services, name):
    waits = {other: how["condition"] for other, how in services[name]["depends_on"].items()}

    assert waits == {
        "db": "service_healthy",
        "redis": "service_healthy",
        "setup": "service_completed_successfully",
    }
    assert services[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["web", "db", "redis"])
def test_servers_say_whether_they_are_well(services, name):
    check = services[name]["healthcheck"]

    assert (check["interval"], check["timeout"], check["retries"]) == ("10s", "5s", 5)
    assert check["test"][0] in ("CMD", "CMD-SHELL")


def test_the_health_check_of_the_web_is_python_and_asks_an_address_of_ours(services, client):
    *_, program = services["web"]["healthcheck"]["test"]
    ast.parse(program)
    path = re.search(r"http://127\.0\.0\.1:8000(\S+?)'", program)[1]

    assert client.get(path).status_code == 200


def test_workers_have_longer_to_stop_than_their_calls(services):
    worker = services["worker"]

    assert int(worker["stop_grace_period"].rstrip("s")) > int(worker["environment"]["ENGINE_GRACE"]) + 30


def test_what_compose_asks_for_are_settings_that_exist(services):
    known = (ROOT / "ticketgen" / "settings.py").read_text() + 'OPENAI_API_KEY ANTHROPIC_API_KEY "EMAIL_URL"'
    for name in OURS:
        for variable in services[name]["environment"]:
            assert re.search(rf"\b{variable}\b", known), variable


def test_data_outlives_containers(services):
    volumes = yaml.safe_load((ROOT / "compose.yaml").read_text())["volumes"]
    mounted = {mount.partition(":")[0] for service in services.values() for mount in service.get("volumes", ())}

    assert mounted == set(volumes)
    assert {"data:/data"} == {mount for name in OURS for mount in services[name]["volumes"]}


def test_no_secret_has_a_default(services):
    text = (ROOT / "compose.yaml").read_text()
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "ALLOWED_HOSTS", "POSTGRES_PASSWORD", "REDIS_PASSWORD"):
        assert f"${{{name}:?set it}}" in text
        assert not re.search(rf"\${{{name}:?-", text)


@pytest.mark.parametrize("command", ["rqworker", "rqcron", "migrate"])
def test_commands_exist(services, command):
    from django.core.management import get_commands

    assert command in get_commands()
    assert any(f"manage.py {command}" in str(service.get("command", "")) for service in services.values())
