"""To a tracker in a browser: a connection, a dry run, sending with live progress, settling; and what axe says of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.models import ExportRecord
from sessions_app.models import Workspace
from tests.e2e.test_accessibility import violations
from tests.e2e.test_main_job import sign_in
from tests.processing.export.trackers import ACCOUNT, TOKEN, make_approved, running

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture(autouse=True)
def allow_the_database(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_session_goes_to_jira(site, page, scheme, width):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    workspace = Workspace.objects.get()
    session = make_approved(workspace, 5, links=lambda number: [1] if number > 1 else [])
    with running(FakeJira(Behaviour(latency=0.1), account=ACCOUNT, token=TOKEN)) as jira:
        sign_in(page, site)
        found = {}

        page.goto(f"{site.url}/workspaces/{workspace.pk}/connections/")
        found["no connection"] = violations(page)
        page.get_by_label("Name").fill("Our Jira")
        page.get_by_label("Address").fill(jira.url)
        page.get_by_label("Account").fill(ACCOUNT)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_label("Project").fill("ABC")
        page.get_by_label("Seconds between writes").fill("0")
        page.get_by_role("button", name="Add").click()
        page.get_by_role("button", name="Check now").click()
        expect(page.get_by_text("Signed in as").first).to_be_visible()
        found["a connection"] = violations(page)

        page.goto(f"{site.url}/sessions/{session.pk}/tracker/")
        found["before"] = violations(page)
        page.get_by_role("link", name="See what would be sent").click()
        expect(page.get_by_role("heading", name="What would be sent")).to_be_visible()
        found["dry run"] = violations(page)
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.get_by_text("Everything is in the tracker.")).to_be_visible(timeout=30_000)
        expect(page.get_by_role("link", name="ABC-5")).to_be_visible()

        ExportRecord.objects.filter(remote_key="ABC-5").update(status="unknown", asked_at="2026-01-01T00:00Z")
        ExportRecord.objects.filter(remote_key="ABC-4").update(status="failed", error_message="No.")
        page.reload()
        expect(page.get_by_role("heading", name="1 to settle")).to_be_visible()
        found["after"] = violations(page)

    assert {name: objections for name, objections in found.items() if objections} == {}
    assert (len(jira.issues), len(jira.links)) == (5, 4)
