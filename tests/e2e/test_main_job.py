"""The main job in a browser: sign in, drop files, look, start, watch, read, take away."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sessions_app.models import Session
from sessions_app.views.sample import SAMPLE
from tests.factories import bundles, fields
from tests.processes import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture(autouse=True)
def allow_the_database(monkeypatch):
    """Playwright's synchronous API runs an event loop, which Django takes for an async context."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def quiet_console(page: Page):
    """No error, no warning and no violation of the content security policy on any page."""
    noise = []
    page.on("console", lambda message: noise.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: noise.append(str(error)))
    yield noise
    assert noise == []


def sign_in(page: Page, site) -> None:
    page.goto(site.url)
    page.get_by_label("Login").fill("demo")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")


def make_session(page: Page, site, name: str) -> None:
    page.goto(f"{site.url}/sessions/new/")
    page.get_by_label("Name of the site").fill(name)
    page.get_by_role("button", name="Make the session").click()


def test_from_the_files_to_the_backlog(site, page, quiet_console, tmp_path):
    sign_in(page, site)
    make_session(page, site, "Riverside College")

    page.get_by_label(re.compile("Choose the files")).set_input_files(
        sorted(str(path) for path in SAMPLE.glob("*.csv"))
    )
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Preview of the import")
    assert not Session.objects.get(site_name="Riverside College").files.exists()

    page.get_by_role("button", name=re.compile(r"^Import 15 files with 83 entities$")).click()
    page.get_by_role("link", name="Go on to generate").click()
    page.get_by_role("button", name="Generate 83 tickets").click()

    expect(page.locator("[data-percent]")).to_have_text("100 %", timeout=60_000)
    expect(page.locator("[data-done]")).to_have_text("83")

    page.get_by_role("link", name="Read the tickets").click()
    page.get_by_role("link", name=re.compile("Create content type")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("content type")
    expect(page.get_by_text("Bundles.csv").first).to_be_visible()

    session = Session.objects.get(site_name="Riverside College")
    page.goto(f"{site.url}/sessions/{session.pk}/run/")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^JSON")).click()
    backlog = json.loads(Path(download.value.path()).read_text())
    assert len(backlog["tickets"]) == 83
    assert download.value.suggested_filename == "riverside-college-backlog.json"


def test_a_killed_web_server_comes_back_and_the_page_catches_up(site, page, tmp_path):
    (tmp_path / "Bundles.csv").write_bytes(bundles(100))
    (tmp_path / "Fields.csv").write_bytes(fields(2_900, 100))
    sign_in(page, site)
    make_session(page, site, "Large site")
    page.get_by_label(re.compile("Choose the files")).set_input_files(
        [tmp_path / "Bundles.csv", tmp_path / "Fields.csv"]
    )
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name=re.compile("^Import 2 files")).click()
    page.get_by_role("link", name="Go on to generate").click()
    page.get_by_role("button", name=re.compile("Generate 3,000 tickets")).click()
    session = Session.objects.get(site_name="Large site")
    wait_for(lambda: session.tickets.count() > 200, "the first tickets")

    site.stop()
    expect(page.get_by_text(re.compile("reconnecting", re.IGNORECASE))).to_be_visible(timeout=20_000)
    wait_for(lambda: session.tickets.count() > 800, "the run to go on without the web server")
    site.start()

    expect(page.locator("[data-percent]")).to_have_text("100 %", timeout=120_000)
    expect(page.locator("[data-done]")).to_have_text("3,000")


def test_a_second_tab_and_a_reload_show_the_same_run(site, page, context, tmp_path):
    (tmp_path / "Fields.csv").write_bytes(fields(1_500, 10))
    sign_in(page, site)
    make_session(page, site, "Two tabs")
    page.get_by_label(re.compile("Choose the files")).set_input_files([tmp_path / "Fields.csv"])
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name=re.compile("^Import 1 file")).click()
    page.get_by_role("link", name="Go on to generate").click()
    page.get_by_role("button", name=re.compile("Generate 1,500 tickets")).click()
    other = context.new_page()
    other.goto(page.url)
    page.reload()

    for tab in (page, other):
        expect(tab.locator("[data-percent]")).to_have_text("100 %", timeout=90_000)
        expect(tab.locator("[data-done]")).to_have_text("1,500")


def test_without_a_mouse_from_upload_to_download(site, page):
    sign_in(page, site)
    session = Session.objects.get(site_name="Northfield University")
    page.goto(f"{site.url}/sessions/{session.pk}/run/")
    start = page.get_by_role("button", name=re.compile("^Generate"))
    for _ in range(40):
        if start.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("[data-percent]")).to_have_text("100 %", timeout=60_000)
    page.goto(f"{site.url}/sessions/{session.pk}/tickets/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Bundles.csv").first).to_be_visible()
