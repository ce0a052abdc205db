"""Comparing texts in a browser: a person judges by keys, the ranking appears; and what axe says of each page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from processing.assessment.models import AssessmentBatch
from sessions_app.models import Session, Workspace
from tests.e2e.test_accessibility import violations
from tests.e2e.test_main_job import sign_in
from tests.factories import make_ticket

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
TEXTS = "The first essay argues.\n---\nThe second essay argues because it must.\n---\nThe third has an example."


@pytest.fixture(autouse=True)
def allow_the_database(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def look(page, name):
    """Keep a picture for whoever wants to see it (SCREENSHOTS names a folder)."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    return violations(page)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_texts_are_compared_and_ranked(site, page, scheme, width):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    workspace = Workspace.objects.get()
    session = Session.objects.first()
    for number in range(1, 5):
        make_ticket(session, number, verification="1. Look.\n" * number)
    sign_in(page, site)
    found = {}

    page.goto(f"{site.url}/assessments/")
    found["none yet"] = look(page, f"{scheme}-empty")
    page.get_by_role("link", name="Compare texts").click()
    page.get_by_label("Title").fill("Three essays")
    page.get_by_label("Question").fill("Which argues better?")
    page.get_by_label("Texts").fill(TEXTS)
    page.get_by_label("Model that judges").select_option("")
    page.get_by_label("People of this workspace judge").check()
    found["form"] = look(page, f"{scheme}-form")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("link", name="Judge 3 pairs")).to_be_visible(timeout=30_000)
    found["waiting"] = look(page, f"{scheme}-waiting")

    page.get_by_role("link", name="Judge 3 pairs").click()
    expect(page.get_by_role("heading", name="Left text")).to_be_visible()
    found["two texts"] = look(page, f"{scheme}-judge")
    for key, left in (("ArrowLeft", "2 pairs wait"), ("ArrowRight", "1 pair wait"), ("t", "Nothing waits for you")):
        page.keyboard.press(key)
        expect(page.get_by_text(left)).to_be_visible()
    found["all judged"] = violations(page)
    page.get_by_role("link", name="See how it stands").click()
    expect(page.get_by_text("Completed")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("heading", name="Can you trust this?")).to_be_visible()
    expect(page.get_by_role("img", name="Scores of 3 texts")).to_be_visible()
    found["ranking"] = look(page, f"{scheme}-ranking")
    assert AssessmentBatch.objects.get(title="Three essays").completion_mode == "full"

    page.goto(f"{site.url}/sessions/{session.pk}/assess/")
    found["session"] = look(page, f"{scheme}-session")
    page.get_by_role("button", name="Rate 4 tickets").click()
    page.get_by_role("button", name="Start ranking").click()
    expect(page.get_by_text("Completed")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("img", name="Scores of 4 texts")).to_be_visible()  # without a reload
    found["tickets"] = look(page, f"{scheme}-tickets")
    page.get_by_role("button", name="Sort the backlog by this").click()
    expect(page.get_by_text("The backlog is in the order of this ranking")).to_be_visible()
    page.goto(f"{site.url}/sessions/{session.pk}/assess/")
    expect(page.get_by_role("region", name="Table of INVEST ratings")).to_be_visible()
    page.locator(".reasons summary").first.press("Enter")
    expect(page.get_by_text("words in all.").first).to_be_visible()
    found["invest"] = look(page, f"{scheme}-invest")

    page.goto(f"{site.url}/workspaces/{workspace.pk}/assessment-events/")
    page.get_by_label("Address").fill("https://127.0.0.1/events")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Copy it now")).to_be_visible()
    found["events"] = look(page, f"{scheme}-events")
    page.goto(f"{site.url}/assessments/")
    found["list"] = look(page, f"{scheme}-list")

    assert {name: objections for name, objections in found.items() if objections} == {}
