"""Review in a browser: write, meet a conflict, compare, restore; judge many and undo; by keyboard; the drawn graph."""

import re
import threading

import pytest
from playwright.sync_api import expect

from processing.generation.service import ProcessingService
from sessions_app.models import Session, Ticket
from tests.e2e.test_main_job import allow_the_database, quiet_console, sign_in  # noqa: F401 - fixtures
from tests.processes import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture
def session(site, page):
    found = Session.objects.get(site_name="Northfield University")
    threading.Thread(target=ProcessingService().generate_tickets, args=(found,)).start()
    wait_for(lambda: Session.objects.get(pk=found.pk).stage == "review", "the tickets")
    sign_in(page, site)
    return Session.objects.get(pk=found.pk)


def test_a_text_is_written_defended_compared_and_restored(site, page, session, quiet_console):  # noqa: F811
    ticket = session.tickets.in_order().first()
    page.goto(f"{site.url}{ticket.get_absolute_url()}edit/")
    page.on("dialog", lambda dialog: dialog.accept())
    analysis = page.get_by_label("Analysis")
    analysis.fill("### Mine\n\nWritten by me.")
    expect(page.locator(".preview h4", has_text="Mine")).to_be_visible()

    page.reload()  # the draft outlives the page
    expect(page.get_by_text("A draft of yours from")).to_be_visible()
    expect(analysis).to_have_value("### Mine\n\nWritten by me.")

    page.evaluate("document.querySelector('[name=analysis]').focus()")
    page.keyboard.press("End")
    page.keyboard.type(" And more.")
    page.keyboard.press("Control+z")  # the preview has not broken the editor's undo
    expect(analysis).not_to_have_value(re.compile("And more\\.$"))
    analysis.fill("### Mine\n\nWritten by me.")

    Ticket.objects.get(pk=ticket.pk).edit(editor=session.created_by, seen_version=1, analysis="### Theirs")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("changed this ticket while you were writing"))).to_be_visible()
    expect(page.get_by_label("Analysis", exact=True)).to_have_value(re.compile("Written by me"))
    quiet_console.clear()  # the browser itself notes the answer 409
    page.get_by_role("button", name="Save mine as version 3").click()
    expect(page.get_by_text("saved as version 3")).to_be_visible()

    page.get_by_role("link", name="version 3").click()
    expect(page.locator(".difference del").first).to_be_visible()
    page.get_by_role("button", name="Restore version 1").click()
    assert Ticket.objects.get(pk=ticket.pk).analysis == ticket.analysis


def test_many_are_approved_and_that_is_undone(site, page, session, quiet_console):  # noqa: F811
    page.goto(f"{site.url}/sessions/{session.pk}/tickets/")
    for number in (0, 1, 2):
        page.locator("[name=ticket]").nth(number).check()
    expect(page.get_by_text("3 selected.")).to_be_visible()
    page.locator("#bulk").get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve: 3 tickets")
    assert session.tickets.filter(status="approved").count() == 3

    page.get_by_role("button", name="Undo for 3 tickets").click()
    expect(page.get_by_text("Undone for 3 tickets.")).to_be_visible()
    assert not session.tickets.filter(status="approved").exists()


def test_tickets_are_judged_by_keyboard(site, page, session, quiet_console):  # noqa: F811
    page.goto(f"{site.url}/sessions/{session.pk}/tickets/")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text(re.compile("T-\\d+ is approved"))).to_be_visible()
    judged = page.url
    page.keyboard.press("j")
    expect(page).not_to_have_url(judged)
    expect(page.get_by_text("Draft", exact=True).first).to_be_visible()
    page.keyboard.press("r")
    expect(page.locator("[data-key=r] input:not([type=hidden])")).to_be_focused()
    page.keyboard.type("Twice there.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Rejected: Twice there.")).to_be_visible()
    page.keyboard.press("e")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Edit T-"))


def test_the_graph_is_drawn_and_a_circle_is_refused(site, page, session, quiet_console):  # noqa: F811
    page.goto(f"{site.url}/sessions/{session.pk}/order/")
    expect(page.locator("[data-drawn]")).to_be_visible()
    expect(page.locator("[data-graph-said]")).to_contain_text("dependencies")

    link = session.tickets.filter(needs__state="active", needs__kind="blocks").first().needs.first()
    page.goto(f"{site.url}{link.to_ticket.get_absolute_url()}")
    page.get_by_text("Change the order").click()
    page.get_by_label("Needs first").fill(link.from_ticket.short_key)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("That would be a circle")).to_be_visible()
