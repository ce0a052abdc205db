"""``/api/sessions/{id}/process…``: started, watched, held, stopped, repeated, with the seeds' bodies and codes."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from processing.generation.service import ProcessingService
from processing.models import SessionError, SessionTask
from sessions_app.models import AuditEvent, Session
from tests.factories import make_session, make_specified_session, make_ticket
from tests.sessions_app.test_api_sessions import is_problem


@pytest.fixture
def api(people):
    return people.api("alice")


@pytest.fixture
def session(people, redis):
    return make_specified_session(people.workspace, 2, 4)


def path(session, verb=""):
    return f"/api/sessions/{session.pk}/process{verb}"


def failed_task(session, **fields):
    return SessionTask.objects.create(session=session, status="failed", provider="offline", **fields)


# Starting


def test_a_start_answers_202_with_what_the_seeds_ask_for(api, session):
    answer = api.post(path(session))

    assert answer.status_code == 202
    body = answer.json()
    task = SessionTask.objects.get()
    assert (body["task_id"], body["session_id"]) == (str(task.pk), str(session.pk))
    assert (body["status"], body["estimated_tickets"], body["total_files"]) == ("processing", 6, 2)
    assert body["llm_provider"] == "offline"
    assert body["already_running"] is False


def test_a_start_without_authentication_answers_401(session):
    answer = Client().post(path(session))

    is_problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not SessionTask.objects.exists()


def test_a_start_remembers_who_and_by_which_request(api, session, people):
    answer = api.post(path(session))

    task = SessionTask.objects.get()
    assert (task.started_by, task.request_id) == (people.alice, answer.headers["X-Request-Id"])
    assert AuditEvent.objects.get(action="run.started").user_name == "alice"


def test_a_second_start_returns_the_run_that_is_under_way(api, session, people):
    first = api.post(path(session)).json()
    second = people.api("bob").post(path(session))

    assert second.status_code == 202
    assert (second.json()["task_id"], second.json()["already_running"]) == (first["task_id"], True)
    assert SessionTask.objects.count() == 1


@pytest.mark.parametrize("task_type", ["adf_validation", "export"])
def test_a_start_beside_another_kind_of_task_is_for_the_user_to_mend(api, session, task_type):
    SessionTask.objects.create(session=session, status="running", task_type=task_type)

    assert is_problem(api.post(path(session)), 409)["category"] == "user_fixable"


def test_without_a_specification_the_answer_says_what_to_upload(api, people):
    body = is_problem(api.post(path(make_session(people.workspace))), 409, "processing_error")

    assert body["category"] == "user_fixable"
    assert "Upload" in body["recovery_actions"][0]
    assert not SessionTask.objects.exists()


def test_a_provider_that_cannot_be_used_is_told_before_anything_starts(api, session):
    Session.objects.update(llm_provider_choice="gone")

    assert is_problem(api.post(path(session)), 503)["category"] == "temporary"
    assert not SessionTask.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"x" * 1000])
def test_a_start_asks_for_no_body_and_minds_none(api, session, body):
    assert api.generic("POST", path(session), body, content_type="application/octet-stream").status_code == 202


def test_the_task_and_its_session_cannot_be_chosen_by_the_caller(api, session):
    wanted = str(uuid.uuid4())

    body = api.post(path(session), {"task_id": wanted, "session_id": wanted, "status": "completed"}).json()

    assert wanted not in body.values()
    assert SessionTask.objects.get().status == "pending"


def test_an_archived_session_is_not_run(api, session):
    Session.objects.update(stage="archived")

    is_problem(api.post(path(session)), 409, "wrong_state")
    assert not SessionTask.objects.exists()


# Watching


def test_a_session_that_never_ran_is_idle(api, session):
    body = api.get(path(session, "/status")).json()

    assert (body["status"], body["task_id"], body["progress_percentage"]) == ("idle", None, 0.0)
    assert body["estimated_total"] == 6


def test_the_status_tells_how_far_the_run_is(api, session):
    task = SessionTask.objects.create(session=session, status="running", total=8, done=2, failed=1)

    answer = api.get(path(session, "/status"))

    assert answer.status_code == 200
    body = answer.json()
    assert (body["task_id"], body["session_id"], body["task_type"]) == (str(task.pk), str(session.pk), "processing")
    assert (body["status"], body["progress_percentage"]) == ("processing", 37.5)
    assert (body["tickets_generated"], body["tickets_failed"], body["estimated_total"]) == (2, 1, 8)


@pytest.mark.parametrize(
    ("status", "told", "percentage"),
    [
        ("pending", "processing", 0.0),
        ("running", "processing", 99.9),
        ("paused", "paused", 99.9),
        ("completed", "completed", 100.0),
        ("completed_with_errors", "completed_with_errors", 100.0),
        ("failed", "failed", 99.9),
        ("cancelled", "cancelled", 99.9),
    ],
)
def test_a_hundred_percent_is_only_told_of_what_is_completed(api, session, status, told, percentage):
    SessionTask.objects.create(
        session=session, status=status, total=0 if status == "pending" else 2, done=0 if status == "pending" else 2
    )

    body = api.get(path(session, "/status")).json()

    assert (body["status"], body["progress_percentage"]) == (told, percentage)


def test_the_address_of_seed_002_gives_the_same_status(api, session):
    SessionTask.objects.create(session=session, status="running", total=4, done=1)

    seed, ours = api.get(f"/api/processing/status/{session.pk}").json(), api.get(path(session, "/status")).json()

    assert set(seed) == set(ours)
    assert seed["progress_percentage"] == ours["progress_percentage"] == 25.0


def test_the_status_is_of_the_latest_run(api, session):
    failed_task(session)
    newest = api.post(path(session)).json()["task_id"]

    assert api.get(path(session, "/status")).json()["task_id"] == newest


# Stopping, holding, repeating


def test_a_cancel_answers_200_with_the_status(api, session):
    api.post(path(session))

    answer = api.post(path(session, "/cancel"))

    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert SessionTask.objects.get().status == "cancelled"


@pytest.mark.parametrize("verb", ["/cancel", "/pause", "/resume"])
def test_without_a_run_there_is_nothing_to_do(api, session, verb):
    assert is_problem(api.post(path(session, verb)), 409)["detail"] == "No run is under way."


def test_a_run_is_held_and_goes_on(api, session):
    api.post(path(session))
    SessionTask.objects.update(status="running")

    held = api.post(path(session, "/pause"))
    assert (held.status_code, held.json()["status"]) == (200, "paused")
    assert held.json()["pause_reason"] == "Paused by alice."

    resumed = api.post(path(session, "/resume"))
    assert (resumed.status_code, resumed.json()["status"]) == (200, "processing")
    assert resumed.json()["pause_reason"] == ""


@pytest.mark.parametrize(("status", "verb"), [("pending", "/pause"), ("paused", "/pause"), ("running", "/resume")])
def test_a_move_that_the_run_cannot_make_is_refused(api, session, status, verb):
    SessionTask.objects.create(session=session, status=status)

    is_problem(api.post(path(session, verb)), 409, "task_moved")
    assert SessionTask.objects.get().status == status


def test_a_resume_does_not_start_what_was_never_planned(api, session):
    """A task that waits for its worker is not running; only its job may make it so."""
    SessionTask.objects.create(session=session, status="pending")

    is_problem(api.post(path(session, "/resume")), 409, "task_moved")
    assert SessionTask.objects.get().status == "pending"


def test_a_retry_answers_202_with_the_number_of_the_attempt(api, session):
    failed_task(session, retry_count=1)

    answer = api.post(path(session, "/retry"))

    assert answer.status_code == 202
    body = answer.json()
    assert body["retry_attempt"] == 2
    assert SessionTask.objects.get(pk=body["task_id"]).retry_count == 2


@pytest.mark.parametrize("status", ["failed", "cancelled", "completed_with_errors"])
def test_what_did_not_end_well_can_be_retried(api, session, status):
    SessionTask.objects.create(session=session, status=status)

    assert api.post(path(session, "/retry")).status_code == 202


@pytest.mark.parametrize("status", [None, "completed", "running", "paused", "pending"])
def test_what_did_not_fail_cannot_be_retried(api, session, status):
    if status:
        SessionTask.objects.create(session=session, status=status)

    assert is_problem(api.post(path(session, "/retry")), 409)["category"] == "user_fixable"


def test_a_fourth_retry_is_for_an_administrator(api, session):
    failed_task(session, retry_count=3)

    assert is_problem(api.post(path(session, "/retry")), 409)["category"] == "admin_required"
    assert SessionTask.objects.count() == 1


def test_a_retry_takes_the_failed_runs_tickets_but_none_that_a_person_edited(api, session, people):
    task = failed_task(session)
    make_ticket(session, 1, generated_by_task=task.pk)
    edited = make_ticket(session, 2, generated_by_task=task.pk)
    edited.edit(editor=people.bob, seen_version=1, title="Mine")

    api.post(path(session, "/retry"))

    assert list(session.tickets.values_list("number", flat=True)) == [2]


def test_a_retry_resolves_the_errors_that_it_answers(api, session):
    task = failed_task(session)
    SessionError.objects.create(session=session, task=task, code="x", error_category="temporary", user_message="No.")

    api.post(path(session, "/retry"))

    assert SessionError.objects.get().resolved_at


# Errors


@pytest.fixture
def errors(session):
    task = failed_task(session)
    for number, (category, severity) in enumerate(
        [("user_fixable", "item"), ("user_fixable", "blocking"), ("admin_required", "item"), ("temporary", "item")]
    ):
        SessionError.objects.create(
            session=session,
            task=task,
            entity_key=f"bundles:{number}",
            code="llm_error",
            error_category=category,
            severity=severity,
            user_message=f"Message {number}",
            recovery_actions=["Try again."],
            technical_details={"secret": "not for the API"},
            resolved_at="2026-01-01T00:00:00Z" if number == 3 else None,
        )
    return task


def messages_of(api, session, query=""):
    return [each["user_message"] for each in api.get(path(session, "/errors") + query).json()["results"]]


def test_errors_are_listed_newest_first_with_what_to_do(api, session, errors):
    body = api.get(path(session, "/errors")).json()

    assert body["count"] == 4
    newest = body["results"][0]
    assert (newest["user_message"], newest["error_category"]) == ("Message 3", "temporary")
    assert (newest["recovery_actions"], newest["task"]) == (["Try again."], str(errors.pk))


def test_technical_details_stay_inside(api, session, errors):
    assert "not for the API" not in api.get(path(session, "/errors")).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?error_category=user_fixable", ["Message 1", "Message 0"]),
        ("?error_category=user_fixable&severity=item", ["Message 0"]),
        ("?severity=blocking", ["Message 1"]),
        ("?unresolved=true", ["Message 2", "Message 1", "Message 0"]),
        ("?unresolved=1", ["Message 2", "Message 1", "Message 0"]),
        ("?unresolved=false", ["Message 3", "Message 2", "Message 1", "Message 0"]),
        ("?unresolved=", ["Message 3", "Message 2", "Message 1", "Message 0"]),
        ("?error_category=nonsense", []),
        ("?page_size=3", ["Message 3", "Message 2", "Message 1"]),
        ("?page_size=3&page=2", ["Message 0"]),
    ],
)
def test_errors_are_filtered_and_paged(api, session, errors, query, found):
    assert messages_of(api, session, query) == found


def test_errors_of_one_moment_keep_their_order_over_pages(api, session, errors):
    SessionError.objects.update(created_at="2026-01-01T00:00:00Z")

    pages = [api.get(path(session, f"/errors?page_size=1&page={page}")).json()["results"] for page in (1, 2, 3, 4)]

    assert [page[0]["id"] for page in pages] == sorted(str(error.pk) for error in SessionError.objects.all())


@pytest.mark.parametrize("query", ["?error_category=%00", "?severity=a%00", "?unresolved=%00"])
def test_nul_in_a_filter_is_the_requests_fault(api, session, query):
    is_problem(api.get(path(session, "/errors") + query), 400, "bad_request")


# The estimate


def test_an_estimate_counts_tickets_for_both_granularities(api, session):
    answer = api.post(f"/api/sessions/{session.pk}/estimate")

    assert answer.status_code == 200
    body = answer.json()
    assert body["tickets"] == {
        "row": {"total": 6, "groups": {"Content": 6}},
        "parent": {"total": 2, "groups": {"Content": 2}},
    }
    assert (body["granularity"], body["to_write"], body["up_to_date"]) == ("row", 6, 0)
    assert body["calls"] == {"low": 0, "expected": 0, "high": 0}
    assert body["cost"] == {"currency": "USD", "low": 0.0, "expected": 0.0, "high": 0.0, "price": "free"}


@pytest.mark.django_db(transaction=True)
def test_an_estimate_tells_what_is_up_to_date_changed_and_gone(api, session, run_jobs):
    ProcessingService().generate_tickets(session)
    run_jobs()
    session.tickets.filter(number=1).update(input_hash="another")
    make_ticket(session, 90, key="bundles:node.gone")

    body = api.post(f"/api/sessions/{session.pk}/estimate").json()

    assert (body["up_to_date"], body["to_write"], body["removed"]) == (5, 1, 1)


def test_an_estimate_follows_the_chosen_granularity(api, session):
    Session.objects.update(granularity="parent")

    assert api.post(f"/api/sessions/{session.pk}/estimate").json()["to_write"] == 2


def test_an_estimate_of_nothing_is_nothing_and_starts_nothing(api, people):
    body = api.post(f"/api/sessions/{make_session(people.workspace).pk}/estimate").json()

    assert (body["to_write"], body["tickets"]["row"]) == (0, {"total": 0, "groups": {}})
    assert not SessionTask.objects.exists()


def test_a_price_that_is_not_known_is_not_made_up(api, session):
    Session.objects.update(llm_provider_choice="some-model")

    body = api.post(f"/api/sessions/{session.pk}/estimate").json()

    assert (body["calls"]["expected"], body["cost"]["expected"], body["cost"]["price"]) == (6, None, "unknown")
    assert "some-model" in body["problem"]


# The page's buttons do the same


@pytest.mark.parametrize("verb", ["start", "cancel", "pause", "resume", "retry"])
def test_a_button_that_cannot_work_now_says_why_and_leads_back_to_the_run(people, verb, redis):
    session = make_session(people.workspace)

    answer = people.browser("alice").post(f"/sessions/{session.pk}/run/{verb}/", follow=True)

    assert answer.redirect_chain == [(f"/sessions/{session.pk}/run/", 302)]
    assert list(answer.context["messages"])


@pytest.mark.parametrize(
    "address", ["/sessions/{id}/run/destroy/", "/sessions/------------------------------------/run/start/"]
)
def test_a_button_that_does_not_exist_is_not_there(people, address, redis):
    session = make_session(people.workspace)

    assert people.browser("alice").post(address.format(id=session.pk)).status_code == 404
