"""axe finds nothing on any page: WCAG 2.2 AA and its best practices, light and dark, wide and narrow.

Nor does the content policy forbid anything on them (CHECKLIST 20).
"""

import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from processing.generation.service import ProcessingService
from sessions_app.models import Session
from tests.e2e.test_main_job import sign_in
from tests.processes import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = [
    "/",
    "/sessions/new/",
    "{own}",
    "{own}edit/",
    "{own}run/",
    "{own}tickets/",
    "{own}tickets/?status=draft",
    "{own}readiness/",
    "{ticket}proposals/",
    "{ticket}",
    "{own}order/",
    "{ticket}edit/",
    "{ticket}history/",
    "{file}",
    "/account/tokens/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/sessions/",
    "/accounts/connected/",
    "/accounts/connected/cancelled/",
    "/accounts/github/login/",
    "/accounts/github/login/callback/",
    "/workspaces/",
    "{models}",
    "/nothing/",
]
OTHERS = [
    "/assessments/",
    "/assessments/new/",
    "/removed-sessions/",
    "/help-desk/",
    "{own}assess/",
    "{own}duplicates/",
    "{own}tracker/",
    "{workspace}audit/",
    "{workspace}connections/",
    "{workspace}webhooks/",
]
"""Looked at for what the content policy says only."""


@pytest.fixture(autouse=True)
def allow_the_database(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(autouse=True)
def ways_to_sign_in(monkeypatch):
    for name in ("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET", "ATLASSIAN_CLIENT_ID", "ATLASSIAN_CLIENT_SECRET"):
        monkeypatch.setenv(name, "x")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(site, page, scheme, width):
    session = Session.objects.get(site_name="Northfield University")
    # Playwright's loop runs in this thread, and the service asks its model in a loop of its own.
    threading.Thread(target=ProcessingService().generate_tickets, args=(session,)).start()
    wait_for(lambda: Session.objects.get(pk=session.pk).stage == "review", "the tickets")
    ticket = session.tickets.first()
    ticket.fact_marks = [
        {"section": name, "text": "vocabulary", "kind": "type", "says": "the row has a content type", "start": 0}
        for name in ("title", "analysis", "verification") * 3
    ]
    ticket.save(update_fields=["fact_marks"])
    names = {
        "own": f"/sessions/{session.pk}/",
        "models": f"/workspaces/{session.workspace_id}/models/",
        "workspace": f"/workspaces/{session.workspace_id}/",
        "ticket": ticket.get_absolute_url(),
        "file": f"/sessions/{session.pk}/files/{session.files.first().pk}/",
    }
    # Without motion: a stub that is still fading in has less contrast than the one that stays.
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    against_policy = objections(page)
    page.goto(f"{site.url}/accounts/login/")
    found = {"/accounts/login/": violations(page)}
    sign_in(page, site)
    for address in PAGES:
        page.goto(site.url + address.format(**names))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found[address] = violations(page)

    assert {address: names for address, names in found.items() if names} == {}
    for address in OTHERS if scheme == "light" else ():
        page.goto(site.url + address.format(**names))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert against_policy == []
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    page.wait_for_function("true")
    assert against_policy, "the policy objects to nothing at all"


def objections(page) -> list[str]:
    """What the browser finds on pages that the content policy forbids, and errors of scripts."""
    told: list[str] = []
    page.on("console", lambda said: told.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    return told


def violations(page) -> list[str]:
    """What axe objects to, and where."""
    answer = (
        Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}).response
    )
    return [f"{each['id']}: {each['nodes'][0]['html'][:120]}" for each in answer["violations"]]
