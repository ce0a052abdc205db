"""Pages and API of assessments."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.html import escape

from processing.assessment import service
from processing.assessment.models import AssessmentBatch, RubricScore
from processing.assessment.plot import plot
from processing.assessment.reports import latest
from processing.assessment.service import texts_of_csv
from sessions_app.models import AuditEvent, TicketDependency
from tests.assessments import make_batch, pairs, texts
from tests.factories import make_session, make_ticket

pytestmark = pytest.mark.django_db(transaction=True)


def wanted(**more):
    return {"workspace": "northfield", "title": "Essays", "question": "Which?", "items": texts(5), **more}


def test_the_api_makes_starts_and_ranks(people, run_jobs):
    api = people.api("bob")

    made = api.post("/api/assessments", wanted(start=True))
    assert made.status_code == 201
    address = f"/api/assessments/{made.json()['id']}"
    assert api.get(f"{address}/ranking").status_code == 409
    run_jobs()

    state = api.get(address).json()
    assert (state["state"], state["completed_comparisons"], state["progress_percentage"]) == ("COMPLETED", 10, 100.0)
    ranking = api.get(f"{address}/ranking").json()
    assert [row["rank"] for row in ranking["rankings"]] == [1, 2, 3, 4, 5]
    assert ranking["panel"]["findings"]
    table = api.get(f"{address}/ranking?format=csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["essay_id"] for row in rows] == [row["essay_id"] for row in ranking["rankings"]]
    assert api.get(f"{address}/ranking?format=json").json()["rankings"] == ranking["rankings"]
    assert api.get(f"{address}/ranking?format=exe").status_code == 404
    assert api.get("/api/assessments?state=COMPLETED").json()["count"] == 1
    assert api.delete(address).status_code == 204


def test_steps_by_the_api(people, run_jobs):
    api = people.api("bob")
    address = f"/api/assessments/{api.post('/api/assessments', wanted(judges=[{'kind': 'outside'}])).json()['id']}"

    assert api.post(f"{address}/resume").status_code == 409
    assert api.post(f"{address}/start").json()["state"] == "GENERATING_PAIRS"
    assert api.post(f"{address}/start").status_code == 409
    run_jobs()
    waiting = api.get(f"{address}/comparisons?judge_kind=outside&waiting=1&texts=1").json()
    assert waiting["count"] == 10
    assert "merit" in waiting["results"][0]["essay_a"]["text_content"]
    assert api.delete(address).status_code == 409
    assert api.post(f"{address}/cancel").json()["state"] == "CANCELLED"
    assert api.post(f"{address}/cancel").status_code == 409


def test_an_outside_id_names_one_batch(people, redis):
    api = people.api("bob")

    first, second = (api.post("/api/assessments", wanted(outside_id="x-1")) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"items": texts(1)},
        {"items": [*texts(2), texts(1)[0]]},
        {"items": "x"},
        {"items": [{"essay_id": "a"}, {"essay_id": "b"}]},
        {"items": [{"essay_id": "a\x00", "text_content": "x"}, {"essay_id": "b", "text_content": "y"}]},
        {"items": [{"essay_id": "a", "text_content": "x" * 60_000}, {"essay_id": "b", "text_content": "y"}]},
        {"items": [{"essay_id": "a", "text_content": "x", "anchor_score": 1e300}, *texts(1)]},
        {"judges": [{"kind": "god"}]},
        {"judges": [{"kind": "model", "provider": "unknown"}]},
        {"judges": [{"kind": "person"}] * 9},
        {"overlap": 2},
        {"total_budget": 10**30},
        {"total_budget": -1},
        {"total_budget": 2},
        {"completion_threshold_pct": 0},
        {"min_success_rate": "nan"},
        {"budget": "1e400"},
        {"question": ""},
        {"title": "x" * 300},
        {"start": "perhaps"},
    ],
)
def test_what_cannot_be_is_refused_in_words(people, redis, change):
    answer = people.api("bob").post("/api/assessments", wanted(**change))

    assert answer.status_code in (400, 422)
    assert answer["Content-Type"].startswith("application/problem+json")
    assert AssessmentBatch.objects.count() == 0


def test_texts_from_a_box(people, run_jobs):
    browser = people.browser("bob")
    form = {
        "workspace": people.workspace.pk,
        "title": "Three",
        "question": "Which?",
        "provider": "offline",
        "overlap": 0,
    }

    answer = browser.post("/assessments/new/", {**form, "texts": "One.\n---\nTwo, because.\n-----\n\nThree\n"})
    run_jobs()

    batch = AssessmentBatch.objects.get()
    assert answer.headers["Location"] == f"/assessments/{batch.pk}/"
    assert (batch.state, batch.item_count) == ("COMPLETED", 3)
    page = browser.get(f"/assessments/{batch.pk}/").content.decode()
    assert "Can you trust this?" in page
    assert "<svg" in page
    assert "May be rank" in page


def test_texts_from_a_table(people, run_jobs):
    table = "id;text;title;anchor\na;First text;One;1.5\nb;<script>alert(1)</script>;=1+1;\n"
    form = {"workspace": people.workspace.pk, "title": "Two", "question": "Which?", "provider": "offline"}
    browser = people.browser("bob")

    browser.post("/assessments/new/", {**form, "table": SimpleUploadedFile("t.csv", table.encode())})
    run_jobs()

    batch = AssessmentBatch.objects.get()
    assert [item.anchor_score for item in batch.items.all()] == [1.5, None]
    assert "<script>alert" not in browser.get(f"/assessments/{batch.pk}/").content.decode()
    assert "'=1+1" in browser.get(f"/assessments/{batch.pk}/file/csv/").content.decode()


def test_a_table_of_excel_keeps_its_letters():
    table = "id;text;anchor\r\na;Café “noir”;1,5\r\nb;Öl;\r\n"

    for encoding in ("cp1252", "utf-8", "utf-8-sig", "utf-16"):
        items = texts_of_csv(table.encode(encoding))
        assert [item["text_content"] for item in items] == ["Café “noir”", "Öl"]
        assert items[0]["anchor_score"] == 1.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"texts": "only one"}, "2 to 5,000"),
        ({"texts": "a\n---\nb", "provider": ""}, "Choose somebody who judges"),
        ({"table": SimpleUploadedFile("t.csv", b"name,words\na,b\n")}, "no column"),
        ({"table": SimpleUploadedFile("t.csv", b"id,text\na,x\na,y\n")}, "there twice"),
        ({"table": SimpleUploadedFile("t.csv", b"id,text,anchor\na,x,ten\n")}, "is no score"),
        ({"table": SimpleUploadedFile("t.csv", b"id,text,anchor\na,x,nan\nb,y,\n")}, "is no score"),
        ({"table": SimpleUploadedFile("t.csv", b"id,text,anchor\na,x,1e999\nb,y,\n")}, "is no score"),
        ({"table": SimpleUploadedFile("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))}, "NUL bytes"),
        ({"texts": "a\n---\nb\n---\nc", "total_budget": 1}, "at least 3"),
    ],
)
def test_a_form_says_what_is_wrong(people, redis, change, said):
    form = {"workspace": people.workspace.pk, "title": "T", "question": "Q", "provider": "offline", **change}

    answer = people.browser("bob").post("/assessments/new/", form)

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not AssessmentBatch.objects.exists()


def test_a_person_judges_on_the_page(people, run_jobs):
    batch = make_batch(people.workspace, 3, judges=[{"kind": "person"}])
    run_jobs()
    browser, address = people.browser("rita"), f"/assessments/{batch.pk}/judge/"

    assert "Left text" in browser.get(address).content.decode()
    for number, pair in enumerate(pairs(batch)):
        assert (
            browser.post(address, {"pair": str(pair.pk), "choice": ("left", "tie", "right")[number]}).status_code == 302
        )
    assert browser.post(address, {"pair": str(pairs(batch)[0].pk), "choice": "left"}).status_code == 302
    assert browser.post(address, {"pair": "x", "choice": "left"}).status_code == 404
    run_jobs()

    batch.refresh_from_db()
    assert (batch.state, batch.completed_comparisons) == ("COMPLETED", 3)
    assert [pair.winner for pair in pairs(batch)] == ["essay_a", "tie", "essay_b"]


def test_tickets_are_ranked_and_the_backlog_sorted(people, run_jobs):
    session = make_session(people.workspace)
    tickets = [make_ticket(session, n, analysis="Because it must. " * n * n) for n in range(1, 6)]
    TicketDependency.objects.create(from_ticket=tickets[4], to_ticket=tickets[0], kind="blocks", state="active")
    browser, page = people.browser("bob"), f"/sessions/{session.pk}/assess/"
    assert browser.get(page).status_code == 200

    browser.post(page, {"what": "rank", "rank-title": "T", "rank-question": "Q", "rank-provider": "offline"})
    run_jobs()
    batch = AssessmentBatch.objects.get()
    assert (batch.state, batch.source, batch.session) == ("COMPLETED", "tickets", session)
    ranked = [row["essay_id"] for row in latest(batch).rankings]
    answer = browser.post(f"/assessments/{batch.pk}/do/sort/")

    assert answer.status_code == 302
    order = [ticket.short_key for ticket in session.tickets.in_order()]
    assert order.index("T-1") < order.index("T-5")
    assert [key for key in order if key not in ("T-1", "T-5")] == [key for key in ranked if key not in ("T-1", "T-5")]


def test_a_batch_is_deleted_on_its_page_unless_it_is_under_way(people, run_jobs):
    batch, browser = make_batch(people.workspace, 3), people.browser("bob")
    address = f"/assessments/{batch.pk}/do/delete/"

    browser.post(address)
    assert AssessmentBatch.objects.exists()

    service.cancel(batch)
    answer = browser.post(address)
    assert answer.headers["Location"] == "/assessments/"
    assert not AssessmentBatch.objects.exists()
    assert AuditEvent.objects.get(action="assessment.deleted").details["assessment"] == str(batch.pk)


def test_a_verb_that_is_none_is_not_found(people, redis):
    batch = make_batch(people.workspace, 3)

    assert people.browser("bob").post(f"/assessments/{batch.pk}/do/explode/").status_code == 404


def test_two_sessions_are_compared_blind(people, run_jobs):
    one, other = make_session(people.workspace, site_name="One"), make_session(people.workspace, site_name="Other")
    for number in range(1, 13):
        make_ticket(one, number, analysis="short")
        make_ticket(other, number, analysis="Because it must be so, for example: given, when, then. " * 20)
    form = {"against-other": other.pk, "against-title": "AB", "against-question": "Q", "against-provider": "offline"}

    people.browser("bob").post(f"/sessions/{one.pk}/assess/", {"what": "against", **form})
    run_jobs()

    batch = AssessmentBatch.objects.get()
    assert (batch.kind, batch.state, batch.total_comparisons) == ("ab", "COMPLETED", 12)
    first = [pair.essay_a.variant for pair in pairs(batch)]
    assert (first.count("A"), first.count("B")) == (6, 6)
    winner = latest(batch).rankings[0]
    assert (winner["variant"], winner["wins"]) == ("B", 12)
    assert latest(batch).panel["verdict"] == "good"
    assert "better" in people.browser("bob").get(f"/assessments/{batch.pk}/").content.decode()


def test_a_session_of_others_cannot_be_compared_with(people, redis):
    mine, theirs = make_session(people.workspace), make_session(people.charlies)
    make_ticket(mine), make_ticket(theirs)
    form = {"against-other": theirs.pk, "against-title": "AB", "against-question": "Q", "against-provider": "offline"}

    answer = people.browser("bob").post(f"/sessions/{mine.pk}/assess/", {"what": "against", **form})

    assert answer.status_code == 422
    assert not AssessmentBatch.objects.exists()


def test_tickets_are_rated_by_invest(people, run_jobs):
    session = make_session(people.workspace)
    tickets = [make_ticket(session, n) for n in range(1, 4)]
    browser, page = people.browser("bob"), f"/sessions/{session.pk}/assess/"

    browser.post(page, {"what": "invest"})
    run_jobs()

    ratings = RubricScore.objects.filter(ticket__session=session)
    assert ratings.count() == 3
    assert set(ratings[0].criteria) == {"independent", "negotiable", "valuable", "estimable", "small", "testable"}
    shown = browser.get(page).content.decode()
    assert "T-2" in shown
    assert escape(ratings[0].criteria["small"]["reason"]) in shown
    tickets[0].edit(editor=people.bob, seen_version=1, title="Changed")
    assert "Rate 1 ticket" in browser.get(page).content.decode()


def test_only_models_that_can_be_used_are_offered(people, redis, settings):
    session = make_session(people.workspace)
    [make_ticket(session, n) for n in (1, 2)]
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "anthropic": {"KEY": "any"}, "openai": {"KEY": ""}}

    for page in ("/assessments/new/", f"/sessions/{session.pk}/assess/"):
        shown = people.browser("bob").get(page).content.decode()
        assert 'value="anthropic"' in shown
        assert 'value="openai"' not in shown
        assert "on the page Models of the workspace" in shown


def test_a_long_ranking_comes_in_pages_and_few_queries(people, run_jobs, django_assert_max_num_queries):
    batch = make_batch(people.workspace, 300, judges=[{"kind": "model", "provider": "offline", "model": ""}])
    run_jobs()
    browser = people.browser("bob")

    with django_assert_max_num_queries(14):
        page = browser.get(f"/assessments/{batch.pk}/").content.decode()

    assert "Showing 1–200 of 300" in page
    assert plot(latest(batch).rankings).left_out == 100
