"""Whether it lives, whether it is ready, whether anybody works: for load balancers and for seed 002's clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import django_rq
import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from processing.engine import heartbeat
from ticketgen.embedded_redis import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def redis_away(settings):
    """Nothing answers where Redis should be."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    heartbeat.connection.cache_clear()
    yield
    heartbeat.connection.cache_clear()


pytestmark = pytest.mark.django_db


def test_health_has_the_shape_of_the_seed(client, redis):
    heartbeat.beat("worker-1")

    answer = client.get("/health")

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"api", "worker", "worker_last_seen"}
    assert (body["api"], body["worker"]) == ("healthy", "healthy")
    assert timezone.now() - parse_datetime(body["worker_last_seen"]) < timedelta(seconds=30)


def test_without_a_worker_the_api_is_healthy_and_the_worker_is_not(client, redis):
    assert client.get("/health").json() == {"api": "healthy", "worker": "unhealthy", "worker_last_seen": None}


def test_a_worker_that_is_silent_is_forgotten(redis):
    heartbeat.beat("worker-1")

    for key in redis.keys("worker:*heartbeat*"):
        assert 0 < redis.ttl(key) <= 90
    assert heartbeat.last_seen()


def test_health_answers_without_redis(client, redis_away):
    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.json()["worker"] == "unhealthy"


def test_it_is_ready_when_database_and_redis_answer(client, redis, settings):
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "database": "healthy",
        "redis": "healthy",
        "queues": dict.fromkeys(settings.RQ_QUEUES, 0),
        "oldest_job_seconds": None,
        "workers": 0,
    }


def test_ready_says_what_waits_for_how_long_and_who_works(client, redis, settings):
    heartbeat.beat("worker-1")
    heartbeat.beat("worker-2")
    queue = django_rq.get_queue("llm", commit_mode="auto")
    job = queue.enqueue_call("processing.engine.sweep.sweep")
    queue.enqueue_call("processing.engine.sweep.sweep")
    job.enqueued_at = timezone.now() - timedelta(seconds=75)
    job.save()

    body = client.get("/health/ready").json()

    assert body["queues"] == {**dict.fromkeys(settings.RQ_QUEUES, 0), "llm": 2}
    assert 75 <= body["oldest_job_seconds"] < 100
    assert body["workers"] == 2


def test_it_is_not_ready_while_redis_is_away_and_says_which(client, redis_away):
    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "database": "healthy",
        "redis": "unhealthy",
        "queues": None,
        "oldest_job_seconds": None,
        "workers": None,
    }


def test_it_lives_whatever_is_away(client, redis_away, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_health_is_open_never_cached_and_tells_nothing_else(client, redis, path):
    answer = client.get(path)

    assert "no-store" in answer.headers["Cache-Control"]
    assert not answer.cookies
    assert "127.0.0.1" not in answer.content.decode()


ASK = """
import json, django
from django.test import Client
django.setup()
client = Client(raise_request_exception=False)
paths = ("/health/live", "/health/ready", "/health")
answers = {path: client.get(path, headers={"host": "localhost"}) for path in paths}
print(json.dumps({path: [answer.status_code, answer.json()] for path, answer in answers.items()}))
"""


def test_without_a_database_it_lives_and_is_not_ready(redis_server):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ticketgen.settings",
        "DATABASE_URL": f"postgres://nobody:secret-password@127.0.0.1:{free_port()}/nothing",
        "REDIS_URL": redis_server,
        "LOG_LEVEL": "CRITICAL",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    answers = json.loads(done.stdout)
    assert answers["/health/live"] == [200, {"status": "alive"}]
    status, told = answers["/health/ready"]
    assert (status, told["status"], told["database"], told["redis"]) == (503, "not ready", "unhealthy", "healthy")
    assert answers["/health"][0] == 200
    assert "secret-password" not in done.stdout + done.stderr
