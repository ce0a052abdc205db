"""What somebody made to break something: each job is completed or refused, and no page shows its markup."""

import json

import pytest

from processing.enhancement.models import EnhancementHistory
from processing.models import LLMCall, WebhookSecret
from tests.fakes.model_server import model_server
from tests.processing.enhancement.desks import accepted, job, make_desk, make_library
from tests.webhooks import signed_post

pytestmark = pytest.mark.django_db(transaction=True)
HALF = "\ud800"
"""Half of a surrogate pair, which JSON can write and no database takes."""


@pytest.fixture(autouse=True)
def an_empty_redis(redis):
    return redis


def nested(depth, opening, closing):
    return f'{{"ticket_id": {opening * depth}{closing * depth}}}'.encode()


COMPLETED = {
    "halves": job(description=f"Jams.{HALF}", title=f"{HALF}x", trace_id="t"),
    "a half in the id": job(job_id=f"half-{HALF}"),
    "words of the search": job(
        title='" OR NEAR( * ^',
        description='"\' OR NEAR(a b, 5) * ^ AND NOT tenant: {title body}: -x + () "" ; -- %s %(a)s & | ! <-> :* \\',
    ),
    "ten thousand addresses": job(description=" ".join(f"10.{n // 250}.{n % 250}.1" for n in range(10_000))[:99_000]),
    "all networks": job(description=" ".join(f"{n}.0.0.0/0 ::{n:x}/0 {n}.0.0.0/33" for n in range(256))),
    "markup": job(
        ticket_id="<img src=x onerror=alert(1)>",
        title="<script>alert(1)</script>",
        description="</textarea><script>alert(2)</script>{{ 7|add:7 }}{% debug %}",
    ),
    "thousands of fields": {**job(), **{f"field-{number}": number for number in range(12_000)}},
    "one long word": job(description="x" * 100_000),
}
REFUSED = {
    "a bad id": job(job_id=f"bad-{HALF}", description=""),
    "a bad key": {**job(description=""), HALF: HALF, "\0": "\0"},
    "too long": job(job_id="job-2", description="x" * 100_001),
    "deep": nested(100_000, "[", "]"),
    "just not too deep": nested(900, '{"a":', "}").replace(b":}", b":1}"),
    "a long number": b'{"ticket_id": ' + b"9" * 4_300 + b"}",
}


def test_every_job_comes_to_its_end(people, run_jobs):
    make_library(people.workspace)
    make_desk(people.workspace)
    secret = WebhookSecret.make(people.workspace, "servicedesk")[1]
    nobody, alice = people.browser("nobody"), people.browser("alice")
    statuses = {}
    for name, body in (COMPLETED | REFUSED).items():
        sent = {**body, "job_id": body["job_id"] + name} if name in COMPLETED else body
        answer = signed_post(nobody, "/webhook/servicedesk", sent, secret=secret, workspace="northfield")
        statuses[name] = answer.status_code
    run_jobs()

    assert statuses == dict.fromkeys(COMPLETED, 202) | dict.fromkeys(REFUSED, 422)
    runs = list(EnhancementHistory.objects.all())
    assert sorted(run.status for run in runs) == ["completed"] * len(COMPLETED) + ["failed"] * len(REFUSED)
    assert {run.error_code for run in runs} == {"", "invalid_job"}
    for run in runs:
        page = alice.get(run.get_absolute_url()).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert people.api("alice").get(f"/api/enhancements/{run.pk}").status_code == 200
    assert alice.get("/help-desk/").status_code == 200


@pytest.mark.parametrize("said", ["\0", HALF, "\u202e", "<script>alert(1)</script>"])
def test_a_model_may_answer_anything(people, run_jobs, settings, said):
    make_library(people.workspace)
    make_desk(people.workspace, provider="compatible", llm_model="fake")
    claim = {"text": f"Paper{said} is stuck in the duplex tray.", "cites": ["C1", said, "C99", 7]}
    guess = {"field": "category", "value": f"{said}Printing", "confidence": 0.5, "reason": said}
    sound = {"field": "priority", "value": "Low", "confidence": 0.5, "reason": f"As before{said}."}
    endless = {"field": "assignee", "value": "Ana", "confidence": float("nan"), "reason": "x"}
    with model_server() as server:
        server.server.writers["claims"] = lambda request: {"claims": [claim], "suggestions": [guess, sound, endless]}
        settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
        run = accepted(people.workspace)
        run_jobs()

    run.refresh_from_db()
    assert (run.status, run.synthesis.failure) == ("completed", "")
    [kept] = run.synthesis.claims
    assert (kept["supported"], kept["cites"]) == (False, ["C1"])
    assert "which was not found" in kept["why"]
    assert "priority" in {each.field for each in run.suggestions.all()}
    assert "assignee" not in {each.field for each in run.suggestions.all()}
    assert LLMCall.objects.get().outcome == "ok"
    page = people.browser("alice").get(run.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    json.dumps(people.api("alice").get(f"/api/enhancements/{run.pk}").json()).encode()
