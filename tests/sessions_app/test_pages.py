"""Pages: each is there with data and without, leads on, stays fast, and shows what strangers wrote as text only."""

from __future__ import annotations

import copy
import re
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path as url
from knox.models import AuthToken

import ticketgen.urls
from processing.models import SessionError, SessionTask
from sessions_app import staging
from sessions_app.actions.workspaces import add_member, create_workspace
from sessions_app.models import Membership, Session, Ticket, TicketDependency, TokenUse, UploadedFile, Workspace
from sessions_app.templatetags.ticketgen import moment
from tests import test_access
from tests.factories import (
    BUNDLE_HEADERS,
    as_csv,
    bundles,
    fields,
    import_files,
    make_session,
    make_specified_session,
    make_ticket,
)
from tests.files import Files

pytestmark = pytest.mark.django_db
SOURCE = {"filename": "Bundles.csv", "rows": [1], "lines": [2]}


class Page(HTMLParser):
    """What a browser makes of an answer."""

    VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "source", "wbr"})

    def __init__(self, answer):
        super().__init__()
        self.status = answer.status_code
        self.elements = []
        self.text = ""
        self.titles = []
        self._inside = []
        self.feed(answer.content.decode())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._inside.append(tag)
        if tag == "h1":
            self.titles.append("")

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "script" in self._inside or "style" in self._inside:
            self.elements.append(("inline", {"text": data}))
            return
        self.text += data
        if "h1" in self._inside:
            self.titles[-1] += data

    def every(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self):
        return [attributes.get("href") or "" for attributes in self.every("a")]

    @property
    def forms(self):
        return [attributes.get("action", "") for attributes in self.every("form")]


people = test_access.people


@pytest.fixture
def alice(people):
    return people.browser("alice")


def visit(browser, path, **options):
    return Page(browser.get(path, **options))


class Full:
    """A session with everything in it, and the addresses of its pages."""

    def __init__(self, people):
        self.session = session = make_session(people.workspace, site_description="For students.")
        import_files(session, Bundles=bundles(3), Fields=fields(70, 3))
        self.file = session.files.get(filename="Fields.csv")
        facts = [{"column": "Type", "value": "x", "file": "Bundles.csv", "row": 1, "line": 2, "part": ""}]
        self.task = SessionTask.objects.create(
            session=session, status="completed_with_errors", total=3, done=2, failed=1
        )
        self.ticket = make_ticket(session, 1, facts=facts, csv_source=SOURCE, generated_by_task=self.task.pk)
        other = make_ticket(session, 2, csv_source=SOURCE, status="approved", generated_by_task=self.task.pk)
        TicketDependency.objects.create(from_ticket=other, to_ticket=self.ticket)
        SessionError.objects.create(
            session=session, task=self.task, code="x", error_category="temporary", user_message="The model was away."
        )
        self.batch = staging.stage(session.pk, [("Bundles.csv", bundles(4)), ("broken.pdf", b"%PDF")])
        session.move_to("review")
        self.own = f"/sessions/{session.pk}/"

    @property
    def pages(self):
        return {
            "sessions": "/",
            "new session": "/sessions/new/",
            "session": self.own,
            "edit": f"{self.own}edit/",
            "preview": f"{self.own}import/{self.batch.id}/",
            "file": f"{self.own}files/{self.file.pk}/",
            "dropped rows": f"{self.own}files/{self.file.pk}/?rows=dropped",
            "tickets": f"{self.own}tickets/",
            "filtered tickets": f"{self.own}tickets/?q=kind&status=draft&group=Content&type=bundles&size=100",
            "ticket": f"{self.own}tickets/{self.ticket.pk}/",
            "run": f"{self.own}run/",
            "run, changing part": f"{self.own}run/?part=status",
            "tokens": "/account/tokens/",
            "workspaces": "/workspaces/",
            "sign out": "/accounts/logout/",
        }


@pytest.fixture(scope="module")
def full_of_file(people):
    return Full(people)


@pytest.fixture(scope="module")
def stored(full_of_file):
    return Files(django_settings.MEDIA_ROOT)


@pytest.fixture
def full(full_of_file, stored):
    """Made once: rows are rolled back behind a test, files are put back, and objects are its own."""
    yield copy.deepcopy(full_of_file)
    stored.put_back()


NAMES = [
    "sessions",
    "new session",
    "session",
    "edit",
    "preview",
    "file",
    "dropped rows",
    "tickets",
    "filtered tickets",
    "ticket",
    "run",
    "run, changing part",
    "tokens",
    "workspaces",
    "sign out",
]


# Every page


def test_the_list_of_pages_is_complete(full):
    assert list(full.pages) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_with_data_is_whole(alice, full, name):
    page = visit(alice, full.pages[name])

    assert page.status == 200
    if name != "run, changing part":
        assert len(page.titles) == 1
        assert page.titles[0].strip()
    assert not re.search(r"\{[{%]|\bNone\b|Traceback|VariableDoesNotExist", page.text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", ["vera", "rita", "bob"])
def test_a_page_shows_each_member_only_the_buttons_that_work_for_them(people, full, name, who):
    page = visit(people.browser(who), full.pages[name])

    if page.status == 403:
        assert (who, name) in {(each, page) for each in ("vera", "rita") for page in ("edit", "preview")}
        return
    assert page.status == 200
    if who in {"vera", "rita"}:
        assert not [
            form for form in page.forms if form.startswith(full.own) and "tickets" not in form and "run" in form
        ]
        assert not [form for form in page.forms if "/upload/" in form or "/delete/" in form]


@pytest.mark.parametrize("name", ["sessions", "new session", "tokens", "workspaces"])
def test_a_page_without_data_says_what_to_do_next(alice, name):
    page = visit(
        alice,
        {"sessions": "/", "new session": "/sessions/new/"}.get(name, f"/{name}/").replace("/tokens", "/account/tokens"),
    )

    assert page.status == 200
    assert page.forms or "/sessions/new/" in page.links


def test_an_empty_session_leads_to_the_upload_with_its_limits(alice, people, settings):
    session = make_session(people.workspace)

    page = visit(alice, f"/sessions/{session.pk}/")

    assert f"/sessions/{session.pk}/upload/" in page.forms
    assert f"{settings.UPLOAD_MAX_FILES} files of {settings.UPLOAD_MAX_BYTES // 1024 // 1024} MB" in page.text
    assert "/sample.zip" in page.links


@pytest.mark.parametrize("part", ["tickets/", "run/", "tickets/?q=nothing-like-this"])
def test_pages_of_an_empty_session_say_that_there_is_nothing_and_lead_back(alice, people, part):
    session = make_session(people.workspace)

    page = visit(alice, f"/sessions/{session.pk}/{part}")

    assert page.status == 200
    assert f"/sessions/{session.pk}/" in page.links


def test_a_session_with_files_leads_to_the_run(alice, people):
    session = make_specified_session(people.workspace)

    assert f"/sessions/{session.pk}/run/" in visit(alice, f"/sessions/{session.pk}/").links
    assert f"/sessions/{session.pk}/run/start/" in visit(alice, f"/sessions/{session.pk}/run/").forms


def test_a_finished_run_leads_to_the_tickets_and_to_every_format(alice, full):
    from processing.export.files import FORMATS

    page = visit(alice, f"{full.own}run/")

    assert f"{full.own}tickets/" in page.links
    assert {f"{full.own}export/{name}/" for name in FORMATS} <= set(page.links)
    assert "The model was away." in page.text


def test_lists_say_how_much_of_how_much_they_show(alice, full):
    assert "Showing 1–50 of 70 rows" in visit(alice, f"{full.own}files/{full.file.pk}/").text
    assert "Showing 51–70 of 70 rows" in visit(alice, f"{full.own}files/{full.file.pk}/?page=2").text
    assert "Showing 1–2 of 2" in visit(alice, f"{full.own}tickets/").text


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "9" * 5000, "2'"], ids=lambda text: text[:6])
@pytest.mark.parametrize("parameter", ["page", "size"])
def test_a_page_number_that_is_none_shows_some_page(alice, full, parameter, page):
    assert visit(alice, f"{full.own}tickets/?{parameter}={page}").status == 200


def test_a_ticket_shows_its_cells_its_text_and_its_neighbours(alice, full):
    page = visit(alice, f"{full.own}tickets/{full.ticket.pk}/")

    assert "As an editor, I want it." in page.text
    assert "Bundles.csv" in page.text
    other = Ticket.objects.get(number=2)
    assert f"{full.own}tickets/{other.pk}/" in page.links


def test_the_sessions_are_listed_newest_first(alice, people):
    made = [f"/sessions/{make_session(people.workspace).pk}/" for _ in range(6)]

    listed = [link for link in visit(alice, "/").links if re.fullmatch(r"/sessions/[0-9a-f-]{36}/", link)]

    assert list(dict.fromkeys(listed))[:6] == made[::-1]


def test_a_moment_is_told_in_utc_for_people_and_machines():
    at = datetime(2026, 3, 1, 0, 5, tzinfo=timezone(timedelta(hours=2)))

    assert moment(at) == '<time datetime="2026-02-28T22:05:00+00:00">28 Feb 2026, 22:05 UTC</time>'
    assert "–" in moment(None)


def listed_keys(page):
    return set(re.findall(r"S-\d+", page.text))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=harbour", {"S-2"}),
        ("q=museum", {"S-1", "S-2"}),
        ("q=s-3", {"S-3"}),
        ("q=S-", set()),
        ("q=S-99999999999999999999", set()),
        ("stage=review", {"S-2"}),
        ("stage=archived", {"S-4"}),
        ("stage=nonsense", set()),
        ("workspace=second", {"S-1"}),
        ("workspace=charlies", set()),
        ("", {"S-1", "S-2", "S-3"}),
    ],
)
def test_sessions_are_found_by_name_key_stage_and_workspace(people, query, found):
    carol = get_user_model().objects.create(username="carol")
    first, second = (create_workspace(name, owner=carol) for name in ("First", "Second"))
    make_session(first, site_name="Town", site_description="With a museum.")
    make_session(first, site_name="Harbour museum", stage="review")
    make_session(first, site_name="School")
    make_session(first, site_name="Old museum", stage="archived")
    make_session(second, site_name="Station")
    browser = Client()
    browser.force_login(carol)

    page = visit(browser, f"/?{query}")
    api = browser.get(f"/api/sessions?{query}").json()

    assert page.status == 200
    assert listed_keys(page) == {each["key"] for each in api["results"]} == found


def test_many_sessions_come_in_pages_that_keep_the_filter(people):
    carol = get_user_model().objects.create(username="carol")
    workspace = create_workspace("Many", owner=carol)
    for number in range(60):
        make_session(workspace, site_name=f"Site {number}")
    browser = Client()
    browser.force_login(carol)

    first = visit(browser, "/?q=site")
    second = visit(browser, "/?q=site&page=2")

    assert "Showing 1–50 of 60 sessions" in first.text
    assert "?q=site&page=2" in first.links
    assert len(listed_keys(second)) == 10


def test_htmx_gets_the_rows_alone(alice, full):
    rows = alice.get(f"{full.own}tickets/?q=kind_2", headers={"HX-Request": "true", "HX-Target": "tickets"})

    assert b"<html" not in rows.content
    assert b"Kind 2" in rows.content
    assert b"Kind 1" not in rows.content
    assert "HX-Target" in rows.headers["Vary"]


# Doing things


def test_a_new_session_needs_a_name_and_then_shows_itself(alice, people):
    refused = alice.post("/sessions/new/", {"workspace": people.workspace.pk, "site_name": " "})
    made = alice.post("/sessions/new/", {"workspace": people.workspace.pk, "site_name": "Northfield"})

    assert refused.status_code == 200
    session = Session.objects.get(created_by=people.alice)
    assert made.headers["Location"] == f"/sessions/{session.pk}/"
    assert (session.workspace, session.created_by, session.granularity) == (people.workspace, people.alice, "row")


def test_a_session_is_made_in_the_workspace_that_was_chosen(alice, people):
    second = create_workspace("Second", owner=people.alice)

    assert "Second" in visit(alice, "/sessions/new/").text
    alice.post("/sessions/new/", {"workspace": second.pk, "site_name": "There"})

    assert Session.objects.get(site_name="There").workspace == second


def test_a_session_is_changed_by_its_form(alice, full, people):
    answer = alice.post(f"{full.own}edit/", {"site_name": "Renamed", "granularity": "parent"})

    assert answer.status_code == 302
    full.session.refresh_from_db()
    assert (full.session.site_name, full.session.granularity) == ("Renamed", "parent")
    assert full.session.workspace == people.workspace


@pytest.mark.parametrize("typed", ["", "S-2", "yes", "S-1 "])
def test_a_session_is_deleted_only_after_its_key_was_typed(alice, full, typed):
    alice.post(f"{full.own}delete/", {"confirm": typed})

    assert Session.objects.exists() == (typed.strip() != "S-1")


def test_an_upload_is_looked_at_before_it_is_kept(alice, people):
    session = make_session(people.workspace)

    staged = alice.post(
        f"/sessions/{session.pk}/upload/", {"files": [SimpleUploadedFile("Bundles.csv", bundles(3))]}, follow=True
    )
    assert not session.files.exists()
    preview = staged.redirect_chain[-1][0]
    assert f"{preview}confirm/" in Page(staged).forms

    alice.post(f"{preview}confirm/")
    assert session.files.get().entity_count == 3
    assert alice.get(preview).status_code == 404
    assert alice.post(f"{preview}confirm/").status_code == 404


def test_an_upload_that_is_discarded_leaves_nothing(alice, full):
    before = UploadedFile.objects.count()

    alice.post(f"{full.own}import/{full.batch.id}/discard/")

    assert staging.load(full.session.pk, full.batch.id) is None
    assert UploadedFile.objects.count() == before


def test_choices_in_the_preview_count_for_the_import(alice, people):
    session = make_session(people.workspace)
    rows = [[f"Kind {n}", f"kind_{n}", "Content type", "", "a" if n else "later"] for n in range(3)]
    batch = staging.stage(session.pk, [("Bundles.csv", as_csv(BUNDLE_HEADERS, rows))])
    preview = f"/sessions/{session.pk}/import/{batch.id}/"

    alice.post(
        preview,
        {
            "file": "0",
            "tab": "",
            "csv_type": "bundles",
            "was_type": "bundles",
            "filter_column": "X",
            "filter_seen": ["a", "later"],
            "filter_wanted": ["a"],
        },
    )
    alice.post(f"{preview}confirm/")

    assert session.files.get().dispositions == {"used": 2, "folded": 0, "filtered": 1, "dropped": 0}


@pytest.mark.parametrize("sent", [{}, {"pasted": "  "}])
def test_an_upload_of_nothing_says_what_to_do(alice, people, sent):
    session = make_session(people.workspace)

    answer = alice.post(f"/sessions/{session.pk}/upload/", sent)

    assert answer.status_code == 422
    assert "Choose at least one file" in answer.content.decode()


def test_too_many_files_are_refused_with_the_limit(alice, people, settings):
    session = make_session(people.workspace)
    sent = [SimpleUploadedFile(f"{number}.csv", b"x") for number in range(settings.UPLOAD_MAX_FILES + 1)]

    answer = alice.post(f"/sessions/{session.pk}/upload/", {"files": sent})

    assert answer.status_code in (400, 413)
    assert f"At most {settings.UPLOAD_MAX_FILES} files" in answer.content.decode()


def test_nul_in_a_form_never_reaches_the_database(alice, full):
    for address, sent in (
        (f"{full.own}edit/", {"site_name": "a\0b"}),
        (f"{full.own}import/{full.batch.id}/", {"file": "0", "tab": "\0", "filter_column": "\0", "filter_seen": "\0"}),
        (f"{full.own}import/{full.batch.id}/confirm/", {}),
        (f"{full.own}files/{full.file.pk}/mapping/", {"csv_type": "\0", "filter_column": "X\0", "filter_seen": "\0"}),
        ("/workspaces/", {}),
        ("/accounts/login/", {"login": "a\0", "password": "\0"}),
    ):
        assert alice.post(address, sent).status_code < 500
    assert alice.get(f"{full.own}tickets/?q=%00").status_code == 400


# Signing in and out


@pytest.mark.parametrize("login", ["alice", "alice@example.org", "ALICE@example.org"])
def test_one_signs_in_by_name_or_by_mail_address(people, login):
    browser = Client()

    answer = browser.post("/accounts/login/", {"login": login, "password": "secret-alice"})

    assert answer.headers["Location"] == "/"
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    ("login", "password"), [("alice", "wrong"), ("nobody", "secret-alice"), ("", ""), ("alice", "secret-bob")]
)
def test_a_wrong_login_is_refused_without_saying_what_was_wrong(people, login, password):
    answer = Client().post("/accounts/login/", {"login": login, "password": password})

    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies
    if login:
        assert "not correct" in answer.content.decode()


def test_one_who_was_locked_out_does_not_get_in(people):
    people.alice.is_active = False
    people.alice.save(update_fields=["is_active"])
    browser = Client()

    browser.post("/accounts/login/", {"login": "alice", "password": "secret-alice"})

    assert browser.get("/").status_code == 302


def test_after_signing_out_the_session_is_gone(people):
    browser = people.browser("alice")
    cookie = browser.cookies["sessionid"].value

    browser.post("/accounts/logout/")
    browser.cookies["sessionid"] = cookie

    assert browser.get("/").status_code == 302


def test_accounts_are_not_made_by_strangers(db):
    page = visit(Client(), "/accounts/signup/")
    Client().post("/accounts/signup/", {"username": "eve", "password1": "long-enough-1", "password2": "long-enough-1"})

    assert page.status == 200
    assert not page.every("input") or "password1" not in {each.get("name") for each in page.every("input")}
    assert not get_user_model().objects.filter(username="eve").exists()


def test_accounts_are_made_by_strangers_where_the_settings_allow_it(db, settings):
    settings.ALLOW_SIGNUP = True
    Client().post("/accounts/signup/", {"username": "eve", "password1": "long-enough-1", "password2": "long-enough-1"})

    assert get_user_model().objects.filter(username="eve").exists()
    assert not Membership.objects.filter(user__username="eve").exists()


def test_the_login_page_does_not_forbid_pasting_or_password_managers(db):
    names = {each.get("name"): each for each in visit(Client(), "/accounts/login/").every("input")}

    assert names["password"]["autocomplete"] == "current-password"
    assert names["password"]["type"] == "password"
    assert "onpaste" not in names["password"]


# Tokens


def shown_token(answer):
    found = re.search(r"tg_[0-9a-zA-Z]{20,}", answer.content.decode())
    return found[0] if found else ""


def test_a_token_is_shown_once_and_works(alice):
    answer = alice.post("/account/tokens/", {"days": "30"})
    token = shown_token(answer)

    assert token
    assert not shown_token(alice.get("/account/tokens/"))
    assert Client().get("/api/sessions", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_says_when_it_was_last_used(alice):
    token = shown_token(alice.post("/account/tokens/", {"days": "30"}))
    program = {"Authorization": f"Bearer {token}"}
    assert "never" in visit(alice, "/account/tokens/").text

    Client().get("/api/sessions", headers=program)
    first = TokenUse.objects.get().last_used_at
    assert "never" not in visit(alice, "/account/tokens/").text
    Client().get("/api/sessions", headers=program)
    assert TokenUse.objects.get().last_used_at == first, "true to a minute: a busy program does not write each time"

    TokenUse.objects.update(last_used_at=first - timedelta(minutes=2))
    Client().get("/api/sessions", headers=program)
    assert TokenUse.objects.get().last_used_at >= first

    alice.post(f"/account/tokens/{AuthToken.objects.get().token_key}/revoke/")
    assert not TokenUse.objects.exists()


def test_a_token_is_kept_as_a_hash(alice):
    token = shown_token(alice.post("/account/tokens/", {"days": "30"}))

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM knox_authtoken")
        kept = str(cursor.fetchall())
    assert token not in kept
    assert token[len(AuthToken.objects.get().token_key) :] not in kept


def test_a_token_ends_when_it_was_said_to(alice):
    alice.post("/account/tokens/", {"days": "7"})

    token = AuthToken.objects.get()
    assert (token.expiry - token.created).days in (6, 7)


@pytest.mark.parametrize("days", ["", "0", "-1", "100000", "x"])
def test_a_token_lives_only_as_long_as_is_offered(alice, days):
    alice.post("/account/tokens/", {"days": days})

    assert not AuthToken.objects.exists()


def test_a_revoked_token_is_refused_at_once(alice):
    token = shown_token(alice.post("/account/tokens/", {"days": "30"}))

    alice.post(f"/account/tokens/{AuthToken.objects.get().token_key}/revoke/")

    assert Client().get("/api/sessions", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_page_with_a_token_is_never_stored(alice):
    for answer in (alice.get("/account/tokens/"), alice.post("/account/tokens/", {"days": "30"})):
        assert answer.headers["Cache-Control"] == "no-store"


def test_one_sees_only_ones_own_tokens(people, alice):
    _, theirs = AuthToken.objects.create(people.charlie)

    assert theirs[:8] not in visit(alice, "/account/tokens/").text


# Workspaces


def role_of(people, name):
    return people.workspace.role_of(getattr(people, name))


def test_an_owner_adds_changes_and_removes_members(people, alice):
    members = f"/workspaces/{people.workspace.pk}/members/"

    alice.post(members, {"username": "charlie", "role": "reviewer"})
    assert role_of(people, "charlie") == "reviewer"

    one = f"{members}{people.workspace.memberships.get(user=people.charlie).pk}/"
    alice.post(one, {"role": "editor"})
    assert role_of(people, "charlie") == "editor"

    alice.post(one, {"role": "remove"})
    assert role_of(people, "charlie") == ""


def test_the_last_owner_stays_and_the_page_says_why(people, alice):
    owner = people.workspace.memberships.get(user=people.alice)

    for role in ("viewer", "remove"):
        answer = alice.post(f"/workspaces/{people.workspace.pk}/members/{owner.pk}/", {"role": role})
        assert answer.status_code == 409
        assert "A workspace needs an owner" in answer.content.decode()

    assert role_of(people, "alice") == "owner"


@pytest.mark.parametrize("sent", [{"username": "ghost", "role": "editor"}, {"username": "bob", "role": "king"}, {}])
def test_a_member_that_cannot_be_is_not_added(people, alice, sent):
    before = set(people.workspace.memberships.values_list("user__username", "role"))

    answer = alice.post(f"/workspaces/{people.workspace.pk}/members/", sent, follow=True)

    assert answer.status_code == 200
    assert list(answer.context["messages"])
    assert set(people.workspace.memberships.values_list("user__username", "role")) == before


# Errors


def boom(request):
    raise RuntimeError("secret-inside")


urlpatterns = [url("boom/", boom), url("api/boom", boom), *ticketgen.urls.urlpatterns]
handler400 = ticketgen.urls.handler400
handler403 = ticketgen.urls.handler403
handler404 = ticketgen.urls.handler404
handler500 = ticketgen.urls.handler500


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("path", ["/boom/", "/api/boom"])
def test_a_bug_is_a_calm_answer_with_the_request_id_and_no_trace(people, path):
    answer = people.browser("alice", raise_request_exception=False).get(path)
    text = answer.content.decode()

    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in text
    assert not re.search(r"secret-inside|Traceback|RuntimeError|\.py", text)


def conflict(browser, full):
    return browser.post(f"{full.own}edit/", {"site_name": "x"})


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda browser, full: browser.get("/nothing/"), 404),
        (lambda browser, full: browser.get("/sessions/00000000-0000-4000-8000-000000000000/"), 404),
        (lambda browser, full: browser.get(f"{full.own}tickets/?q=%00"), 400),
        (lambda browser, full: browser.post(f"{full.own}upload/"), 422),
        (conflict, 409),
        (lambda browser, full: browser.post(f"/workspaces/{full.session.workspace_id}/members/{0}/", {}), 404),
    ],
    ids=["no page", "no session", "nul", "nothing uploaded", "running", "no member"],
)
def test_an_error_page_says_what_to_do_and_carries_the_request_id(alice, full, ask, status):
    SessionTask.objects.update(status="running")

    answer = ask(alice, full)
    page = Page(answer)

    assert answer.status_code == status
    assert answer.headers["X-Request-Id"] in page.text
    assert "/" in page.links
    assert len(page.titles) == 1
    assert "Traceback" not in page.text


def test_a_refusal_says_that_the_role_is_too_small(people, full):
    answer = people.browser("vera").post(f"{full.own}edit/", {"site_name": "x"})

    assert answer.status_code == 403
    assert "Your role in this workspace does not allow that." in answer.content.decode()
    assert answer.headers["X-Request-Id"] in answer.content.decode()


@pytest.mark.parametrize("referer", ["https://evil.example/", "javascript:alert(1)", "//evil.example/", "nonsense"])
def test_going_back_from_an_error_never_leads_elsewhere(alice, full, referer):
    page = Page(alice.post(f"{full.own}upload/", headers={"Referer": referer}))

    assert not [link for link in page.links if "evil" in link or "javascript" in link]


def test_going_back_from_an_error_leads_to_where_one_was(alice, full):
    page = Page(alice.post(f"{full.own}upload/", headers={"Referer": f"http://testserver{full.own}"}))

    assert f"http://testserver{full.own}" in page.links


# How many queries


def queries(browser, address):
    browser.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = browser.get(address)
    assert answer.status_code == 200
    return len(captured), [each["sql"][:150] for each in captured]


def grow_sessions(people, full, count):
    for number in range(count):
        session = make_session(people.workspace, site_name=f"Site {number}")
        make_ticket(session, 1)


def grow_tickets(people, full, count):
    start = Ticket.objects.filter(session=full.session).count()
    tickets = [make_ticket(full.session, start + number + 1, csv_source=SOURCE) for number in range(count)]
    for one, next_one in pairwise(tickets):
        TicketDependency.objects.create(from_ticket=next_one, to_ticket=one)
        TicketDependency.objects.create(from_ticket=full.ticket, to_ticket=one)


def grow_errors(people, full, count):
    for number in range(count):
        SessionError.objects.create(
            session=full.session, task=full.task, code="x", error_category="temporary", user_message=f"{number}"
        )


def grow_rows(people, full, count):
    import_files(full.session, Fields=fields(70 + count, 3))
    full.file = full.session.files.get(filename="Fields.csv")


def grow_workspaces(people, full, count):
    for number in range(count):
        workspace = create_workspace(f"W{Workspace.objects.count()} {number}", owner=people.alice)
        Membership.objects.create(workspace=workspace, user=people.bob, role="viewer")


def grow_members(people, full, count):
    start = get_user_model().objects.count()
    for number in range(start, start + count):
        user = get_user_model().objects.create(username=f"member{number}")
        Membership.objects.create(workspace=people.workspace, user=user, role="viewer")


def grow_tokens(people, full, count):
    for _ in range(count):
        AuthToken.objects.create(people.alice)


def grow_runs(people, full, count):
    for _ in range(count):
        SessionTask.objects.create(session=full.session, status="completed")


def grow_files(people, full, count):
    start = full.session.files.count()
    for number in range(start, start + count):
        import_files(full.session, **{f"Bundles{number}": bundles(1, start=number * 100)})


@pytest.mark.parametrize(
    ("address", "grow"),
    [
        ("/", grow_sessions),
        ("/api/sessions?page_size=500", grow_sessions),
        ("{own}tickets/?size=200", grow_tickets),
        ("{own}tickets/?size=200&q=kind&group=Content", grow_tickets),
        ("{own}tickets/{ticket}/", grow_tickets),
        ("/api/sessions/{id}/tickets?page_size=500", grow_tickets),
        ("/api/sessions/{id}/graph", grow_tickets),
        ("{own}files/{file}/", grow_rows),
        ("/api/sessions/{id}/files/{file}/preview", grow_rows),
        ("{own}", grow_tickets),
        ("{own}run/", grow_errors),
        ("{own}run/", grow_runs),
        ("{own}run/?part=status", grow_tickets),
        ("/api/sessions/{id}/process/errors?page_size=500", grow_errors),
        ("/workspaces/", grow_workspaces),
        ("/workspaces/", grow_members),
        ("/account/tokens/", grow_tokens),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_two_hundred_rows_take_no_more_queries_than_five(alice, people, full, address, grow):
    def path():
        return address.format(own=full.own, ticket=full.ticket.pk, file=full.file.pk, id=full.session.pk)

    grow(people, full, 5)
    few, _ = queries(alice, path())
    grow(people, full, 195)
    many, told = queries(alice, path())

    assert many <= few, told
    assert many <= 16 if path() == full.own or "/run/" in path() else many <= 12, told


@pytest.mark.parametrize("address", ["{own}", "{own}run/"])
def test_twenty_files_take_no_more_queries_than_three(alice, people, full, address):
    grow_files(people, full, 1)
    few, _ = queries(alice, address.format(own=full.own))
    grow_files(people, full, 17)
    many, told = queries(alice, address.format(own=full.own))

    assert many <= few, told


# What strangers wrote

MARK = "xss7"
CORPUS = [
    f"<script>{MARK}()</script>",
    f"<img src=x onerror={MARK}()>",
    f"<svg onload={MARK}()>",
    f'"><script>{MARK}()</script>',
    f"'><img src=x onerror='{MARK}()'>",
    f'" onmouseover="{MARK}()" x="',
    f"' onfocus='{MARK}()' autofocus x='",
    f"javascript:{MARK}()",
    f"[{MARK}](javascript:{MARK}())",
    f"[{MARK}](data:text/html,<script>{MARK}()</script>)",
    f'<a href="jav&#x09;ascript:{MARK}()">{MARK}</a>',
    f"![{MARK}](x){{onerror={MARK}()}}",
    f"<iframe srcdoc='<script>{MARK}()</script>'></iframe>",
    f"</textarea></title></style></script><script>{MARK}()</script>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={MARK}()>",
    f"{{{{ {MARK} }}}}{{% {MARK} %}}",
    f"<base href=//{MARK}.example/>",
    f"<meta http-equiv=refresh content=0;url=//{MARK}.example>",
    f"<form action=//{MARK}.example><input name=password>",
    f"<style>@import '//{MARK}.example'</style>",
    f"<!--{MARK}--><![CDATA[<script>{MARK}()</script>]]>",
    f"\u202e{MARK}<ſcript>",
    f"<details open ontoggle={MARK}()>",
]
NEVER = {"iframe", "object", "embed", "svg", "math", "base", "style", "inline", "img", "frame", "applet", "video"}
ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "xlink:href", "hx-get", "hx-post")


def dangers(page):
    """Everything on the page that could act."""
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name.startswith("on") or name in {"srcdoc", "style"}:
                yield tag, name, value
            plain = re.sub(r"[\s\0-\x1f]", "", value or "").lower()
            leads_away = plain.startswith(("javascript:", "data:", "vbscript:", "//")) or MARK in plain
            is_text_of_a_query = tag == "a" and plain.startswith(("?", "/")) and not plain.startswith("//")
            if name in ADDRESSES and leads_away and not is_text_of_a_query:
                yield tag, name, value
        if tag in NEVER:
            yield tag, attributes
        if tag == "script" and not (attributes.get("src") or "").startswith("/static/"):
            yield tag, attributes
        if tag == "meta" and attributes.get("http-equiv"):
            yield tag, attributes


def poison(people, payload):
    """The payload in every place where somebody from outside can write."""
    session = make_session(people.workspace, site_name=payload[:200], site_description=payload)
    rows = [[payload, f"kind_{n}", payload if n == 2 else "Content type", payload, payload] for n in range(3)]
    import_files(session, **{payload: as_csv(BUNDLE_HEADERS, rows)})
    headers = [*BUNDLE_HEADERS, payload]
    import_files(session, Bundles=as_csv(headers, [["A", "a", "Content type", "x", "a", payload]]))
    facts = [{"column": payload, "value": payload, "file": payload, "row": 1, "line": 2, "part": payload}]
    task = SessionTask.objects.create(
        session=session,
        status="failed",
        error={"message": payload, "recovery_actions": [payload], "code": "x"},
        current_stage=payload[:200],
        pause_reason=payload,
    )
    ticket = make_ticket(
        session,
        1,
        title=payload[:255],
        user_story=payload,
        analysis=f"{payload}\n\n| a |\n|---|\n| {payload} |",
        verification=f"1. {payload}\n\n```\n{payload}\n```",
        facts=facts,
        fact_marks=[
            {"section": name, "text": payload, "kind": "label", "says": payload, "start": 0}
            for name in ("title", "user_story", "analysis", "verification")
        ],
        key=payload[:200],
        provider=payload[:40],
        llm_model=payload,
        csv_source={"filename": payload, "rows": [1], "lines": [2]},
        generated_by_task=task.pk,
    )
    other = make_ticket(session, 2, title=payload[:255], csv_source=SOURCE)
    TicketDependency.objects.create(from_ticket=ticket, to_ticket=other, rule="R1")
    TicketDependency.objects.create(from_ticket=other, to_ticket=ticket, state="proposed_cut")
    SessionError.objects.create(
        session=session,
        task=task,
        code=payload[:60],
        error_category="temporary",
        user_message=payload,
        entity_key=payload,
        recovery_actions=[payload],
    )
    batch = staging.stage(session.pk, [(payload, as_csv(headers, rows)), (payload, payload.encode())])
    Workspace.objects.filter(pk=people.workspace.pk).update(name=payload[:120])
    guest = get_user_model().objects.create(username=payload[:150])
    add_member(people.workspace, guest, "viewer", by=people.alice)
    file = session.files.first()
    own = f"/sessions/{session.pk}/"
    return [
        "/",
        own,
        f"{own}edit/",
        f"{own}import/{batch.id}/",
        f"{own}files/{file.pk}/",
        f"{own}tickets/",
        f"{own}tickets/{ticket.pk}/",
        f"{own}run/",
        "/workspaces/",
    ]


@pytest.mark.parametrize("payload", CORPUS)
def test_what_a_stranger_wrote_is_shown_as_text_and_never_acts(alice, people, payload):
    for address in poison(people, payload):
        answer = alice.get(address)
        assert answer.status_code == 200, address
        page = Page(answer)
        assert MARK in answer.content.decode(), f"{address} does not show it at all"
        assert not list(dangers(page)), address


@pytest.mark.parametrize("payload", CORPUS)
@pytest.mark.parametrize("name", ["q", "group", "page", "rows", "open", "next", "part", "row"])
def test_what_stands_in_an_address_never_acts(alice, full, payload, name):
    for address in (f"{full.own}tickets/", f"{full.own}files/{full.file.pk}/", f"{full.own}run/", "/sessions/new/"):
        assert not list(dangers(Page(alice.get(address, {name: payload})))), address
    assert not list(dangers(Page(Client().get("/accounts/login/", {name: payload})))), "login"


def test_the_search_for_dangers_finds_them():
    class Answer:
        status_code = 200

        def __init__(self, html):
            self.content = html.encode()

    acting = [payload for payload in CORPUS if list(dangers(Page(Answer(payload))))]
    assert len(acting) >= 12


def test_html_in_a_ticket_is_shown_as_it_was_written(alice, people):
    session = make_session(people.workspace)
    ticket = make_ticket(session, analysis="Wrap it in <b>bold</b> & <section>.", csv_source=SOURCE)

    page = visit(alice, f"/sessions/{session.pk}/tickets/{ticket.pk}/")

    assert "Wrap it in <b>bold</b> & <section>." in page.text


def test_links_in_a_ticket_leave_without_a_trace(alice, people):
    session = make_session(people.workspace)
    ticket = make_ticket(session, analysis="[x](https://example.org/)", csv_source=SOURCE)

    page = visit(alice, f"/sessions/{session.pk}/tickets/{ticket.pk}/")

    link = next(each for each in page.every("a") if each.get("href") == "https://example.org/")
    assert set(link["rel"].split()) >= {"nofollow", "noopener", "noreferrer"}
