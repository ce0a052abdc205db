"""To the tracker in a browser: other texts, readiness, the order changed, sending step by step; and the whole way from
import to export without a mouse.
"""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import Page, expect

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from processing.generation.service import ProcessingService
from processing.models import TicketProposal
from sessions_app.models import Session, Ticket, TicketDependency
from tests.e2e.test_main_job import allow_the_database, make_session, quiet_console, sign_in  # noqa: F401 - fixtures
from tests.factories import bundles
from tests.fakes.model_server import model_server
from tests.processes import wait_for
from tests.processing.export.trackers import ACCOUNT, TOKEN, make_approved, make_connection, running

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture
def model(monkeypatch):
    """A model for the processes of the product, which add a sentence to what they are shown."""
    with model_server() as server:
        server.server.writers = dict.fromkeys(("title", "user_story", "analysis", "verification"), anew)
        monkeypatch.setenv("COMPATIBLE_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("COMPATIBLE_MODEL", "fake")
        yield server


def anew(request):
    names = request["response_format"]["json_schema"]["schema"]["required"]
    return {name: f"The {name} in other words." for name in names}


@pytest.fixture
def session(site, page):
    """Written by rule; signed in."""
    found = Session.objects.get(site_name="Northfield University")
    threading.Thread(target=ProcessingService().generate_tickets, args=(found,)).start()
    wait_for(lambda: Session.objects.get(pk=found.pk).stage == "review", "the tickets")
    sign_in(page, site)
    return Session.objects.get(pk=found.pk)


def ask(page: Page, ticket: Ticket, address: str, wish: str) -> None:
    """Ask for another text on the ticket's page and wait until it is listed there."""
    page.goto(address)
    place = page.locator("#proposals")
    place.get_by_text("Write another text", exact=True).first.click()
    place.get_by_label(re.compile("What should be different")).fill(wish)
    place.get_by_role("button", name="Write another text").click()
    expect(page.get_by_text("Asked for.")).to_be_visible()
    expect(place.get_by_role("link", name=wish)).to_be_visible(timeout=30_000)  # the list looks again by itself


def test_another_text_is_asked_for_compared_taken_in_part_and_discarded(model, site, page, session, quiet_console):  # noqa: F811
    Session.objects.filter(pk=session.pk).update(llm_provider_choice="compatible")
    ticket = session.tickets.in_order().first()
    address = f"{site.url}{ticket.get_absolute_url()}"

    ask(page, ticket, address, "Name the permissions.")
    expect(page.get_by_role("heading", level=1)).to_have_text(ticket.title)
    page.get_by_role("link", name="Name the permissions.").click()
    expect(page.locator(".difference ins").first).to_be_visible()
    page.get_by_role("button", name="Accept this section alone (Verification)").click()
    expect(page.get_by_text(f"{ticket.short_key} has the new text, as version 2.")).to_be_visible()
    now = Ticket.objects.get(pk=ticket.pk)
    assert (now.title, now.verification) == (ticket.title, "The verification in other words.")

    ask(page, ticket, address, "Shorter.")
    page.get_by_role("link", name="Shorter.").click()
    expect(page.get_by_text("The same as now: Verification.")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_text("Discarded. The present text stays.")).to_be_visible()
    assert Ticket.objects.get(pk=ticket.pk).version == 2
    assert set(TicketProposal.objects.values_list("status", flat=True)) == {"accepted", "discarded"}


def test_the_readiness_panel_validates_and_follows(site, page, session, quiet_console):  # noqa: F811
    page.goto(f"{site.url}/sessions/{session.pk}/tickets/")
    panel = page.locator("#readiness")
    expect(panel.get_by_role("link", name="83 not validated")).to_be_visible()

    panel.get_by_role("button", name="Validate").click()

    expect(panel.get_by_text(re.compile("not validated|^Validating"))).to_have_count(0, timeout=30_000)
    expect(panel.get_by_role("button", name="Validate")).to_have_count(0)
    expect(panel.get_by_role("link", name="83 drafts")).to_be_visible()
    session.tickets.in_order().update(status="approved")
    page.reload()
    expect(panel.get_by_role("heading")).to_have_text("Ready for the tracker: 83 of 83")


def test_the_order_is_changed_and_a_circle_refused_with_its_path(site, page, session, quiet_console):  # noqa: F811
    first, second, third = session.tickets.filter(needs=None, needed_by=None).in_order()[:3]

    def needs(waiting: Ticket, needed: Ticket) -> None:
        page.goto(f"{site.url}{waiting.get_absolute_url()}")
        page.get_by_text("Change the order").click()
        page.get_by_label("Needs first").fill(needed.short_key)
        page.get_by_role("button", name="Add", exact=True).click()

    needs(second, first)
    expect(page.get_by_role("link", name=re.compile(f"^{first.short_key} "))).to_be_visible()
    needs(third, second)
    needs(first, third)
    path = f"{first.short_key} needs {third.short_key} needs {second.short_key} needs {first.short_key}"
    expect(page.get_by_text(f"That would be a circle: {path}.")).to_be_visible()

    page.goto(f"{site.url}{third.get_absolute_url()}")
    page.get_by_role("button", name=f"Remove the dependency on {second.short_key}").click()
    expect(page.get_by_text("Nothing: this can start at once.")).to_be_visible()
    needs(first, third)
    expect(page.get_by_role("link", name=re.compile(f"^{third.short_key} "))).to_be_visible()
    edges = TicketDependency.objects.filter(from_ticket__in=[first, second, third], state="active")
    assert set(edges.values_list("from_ticket", "to_ticket")) == {(second.pk, first.pk), (first.pk, third.pk)}


def test_an_export_is_watched_while_it_goes_on(site, page, quiet_console):  # noqa: F811
    sign_in(page, site)
    workspace = Session.objects.get(site_name="Northfield University").workspace
    session = make_approved(workspace, 8, links=lambda number: [1] if number > 1 else [])
    with running(FakeJira(Behaviour(), account=ACCOUNT, token=TOKEN)) as jira:
        make_connection(workspace, jira, name="Our Jira", pace=0.5)
        page.goto(f"{site.url}/sessions/{session.pk}/tracker/")
        page.get_by_role("button", name="Send to Our Jira").click()
        figure = page.locator("[data-done]")
        # What it says on the way is kept by the page itself: no moment has to be caught.
        page.evaluate(
            """() => {
                window.said = [];
                const look = () => {
                    const said = document.querySelector("[data-done]")?.textContent;
                    if (said && said !== window.said.at(-1)) window.said.push(said);
                };
                look();
                const all = {childList: true, subtree: true, characterData: true};
                new MutationObserver(look).observe(document.body, all);
            }"""
        )
        expect(page.get_by_text("Everything is in the tracker.")).to_be_visible(timeout=60_000)
        said = [int(each) for each in page.evaluate("window.said")]

    assert int(figure.inner_text()) == said[-1]
    assert said == sorted(said), "never backwards"
    assert len(said) > 4, "and step by step"
    assert (len(jira.issues), len(jira.links)) == (8, 7)


def tab_to(page: Page, selector: str) -> None:
    """Go there by Tab alone."""
    wanted = page.locator(selector).first
    expect(wanted).to_be_visible()
    for _ in range(150):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def press(page: Page, selector: str, key: str = "Enter") -> None:
    tab_to(page, selector)
    page.keyboard.press(key)


def test_the_whole_way_by_keyboard_alone(site, page, quiet_console):  # noqa: F811
    workspace = Session.objects.get(site_name="Northfield University").workspace
    with running(FakeJira(Behaviour(), account=ACCOUNT, token=TOKEN)) as jira:
        make_connection(workspace, jira, name="Our Jira")
        page.goto(site.url)
        tab_to(page, "[name=login]")
        page.keyboard.type("demo")
        tab_to(page, "[name=password]")
        page.keyboard.type("demo")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")

        # A session, and its specification pasted.
        press(page, "main a[href='/sessions/new/']")
        tab_to(page, "[name=site_name]")
        page.keyboard.type("Riverside College")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Riverside College")
        press(page, "summary:has-text('Paste')", "Enter")
        tab_to(page, "textarea[name=pasted]")
        page.keyboard.insert_text(bundles(3).decode())
        press(page, "button:has-text('Look at it first')")
        expect(page.get_by_role("heading", level=1)).to_have_text("Preview of the import")
        press(page, "button:has-text('Import 1 file')")
        press(page, "a:has-text('Go on to generate')")
        press(page, "button:has-text('Generate 3 tickets')")
        expect(page.locator("[data-percent]")).to_have_text("100 %", timeout=60_000)
        press(page, "a:has-text('Read the tickets')")

        # Read and judged by the single keys.
        expect(page.get_by_role("heading", level=1)).to_have_text("3 tickets")
        page.keyboard.press("?")
        expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("Kind 1")
        expect(page.locator(".row-link")).to_have_count(1)
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        expect(page.locator(".row-link")).to_have_count(3)
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        tab_to(page, "[data-filters] button")
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        page.keyboard.press("x")
        expect(page.get_by_text("2 selected.")).to_be_visible()
        page.keyboard.press("a")
        expect(page.get_by_role("heading", level=1)).to_have_text("Approve: 2 tickets")
        press(page, ".steps a:has-text('Tickets')")
        expect(page.get_by_role("heading", level=1)).to_have_text("3 tickets")
        page.keyboard.press("k")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
        page.keyboard.press("r")
        page.keyboard.type("Twice there.")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Rejected: Twice there.")).to_be_visible()
        page.keyboard.press("k")
        expect(page.get_by_text("Approved", exact=True).first).to_be_visible()
        page.keyboard.press("e")
        tab_to(page, "[name=title]")
        page.keyboard.press("End")
        page.keyboard.type(", read")
        page.keyboard.press("Enter")
        expect(page.get_by_text("saved as version 2")).to_be_visible()
        page.keyboard.press("a")
        expect(page.get_by_text(re.compile("T-2 is approved"))).to_be_visible()

        # Validated and sent.
        page.keyboard.press("u")
        press(page, "#readiness button:has-text('Validate')")
        expect(page.get_by_role("heading", name="Ready for the tracker: 2 of 2")).to_be_visible(timeout=30_000)
        press(page, "#readiness a:has-text('Export')")
        press(page, "a:has-text('See what would be sent')")
        press(page, "button:has-text('Send')")
        expect(page.get_by_text("Everything is in the tracker.")).to_be_visible(timeout=60_000)

    session = Session.objects.get(site_name="Riverside College")
    sent = sorted(issue.fields["summary"] for issue in jira.issues.values() if "Create" in issue.fields["summary"])
    assert sent == sorted(session.tickets.filter(status="exported").values_list("title", flat=True))
    assert len(sent) == 2
    assert any(title.endswith(", read") for title in sent)
