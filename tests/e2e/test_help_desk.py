"""The help desk in a browser: a library, a webhook, context and synthesis, decisions, adoption; and what axe says."""

from __future__ import annotations

import http.client
import json
import re
import time

import pytest
from playwright.sync_api import expect

from processing import signatures
from processing.enhancement.models import EnhancementHistory
from sessions_app.models import Workspace
from tests.e2e.test_accessibility import violations
from tests.e2e.test_main_job import sign_in
from tests.processing.enhancement.desks import job, make_library

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture(autouse=True)
def allow_the_database(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def deliver(site, secret, workspace, body):
    """As the help desk does: a signed POST; the status of the answer."""
    raw = json.dumps(body).encode()
    headers = signatures.signed_headers(
        secret, workspace=workspace.slug, timestamp=int(time.time()), delivery_id=f"d-{time.monotonic_ns()}", body=raw
    )
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request("POST", "/webhook/servicedesk", raw, {**headers, "Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_ticket_arrives_with_its_context(site, page, tmp_path, scheme, width):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    workspace = Workspace.objects.get()
    sign_in(page, site)
    found = {}

    page.goto(f"{site.url}/help-desk/")
    expect(page.get_by_role("heading", name="No ticket has come yet")).to_be_visible()
    found["empty inbox"] = violations(page)
    page.get_by_role("link", name="Bring in what is searched").click()
    found["empty library"] = violations(page)
    file = tmp_path / "tickets.csv"
    file.write_text("id,title,resolution,category\n1,Printer jams,Cleaned the rollers,Printing\n,No id,,\n")
    page.get_by_label("CSV file", exact=True).set_input_files(file)
    page.get_by_role("button", name="Bring in", exact=True).click()
    expect(page.get_by_text("Completed.")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("heading", name="Refused rows")).to_be_visible()
    found["import"] = violations(page)
    page.get_by_role("link", name="Look at solved tickets").click()
    expect(page.get_by_role("heading", name="Latest imports")).to_be_visible()
    found["library"] = violations(page)
    make_library(workspace)

    page.goto(f"{site.url}/workspaces/{workspace.pk}/help-desk/")
    page.get_by_label("Categories").fill("Network\nPrinting")
    page.get_by_label("Priorities").fill("Low\nHigh")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("settings are saved")).to_be_visible()
    found["settings"] = violations(page)

    page.goto(f"{site.url}/workspaces/{workspace.pk}/webhooks/")
    page.get_by_role("button", name="Make a secret for help desk").click()
    secret = page.get_by_role("textbox", name="New secret").input_value()
    found["secrets"] = violations(page)
    assert deliver(site, secret, workspace, job(tenant_id=workspace.slug)) == 202
    assert deliver(site, secret, workspace, job(tenant_id=workspace.slug, job_id="bad", description="")) == 422

    page.goto(f"{site.url}/help-desk/")
    expect(page.get_by_text("found.").first).to_be_visible(timeout=30_000)
    found["inbox"] = violations(page)
    page.get_by_role("link", name="Printer on the third floor jams").last.click()
    expect(page.get_by_role("heading", name="Put together")).to_be_visible()
    expect(page.get_by_text("Cleaned the rollers").first).to_be_visible()
    found["ticket"] = violations(page)
    page.get_by_role("button", name="Accept Printing").click()
    expect(page.get_by_text("category Printing: accepted", exact=False)).to_be_visible()
    page.get_by_role("button", name="It helped").click()
    expect(page.get_by_text("said: it helped")).to_be_visible()
    page.get_by_role("button", name="Adopt").click()
    expect(page.get_by_role("heading", name="Printer on the third floor jams")).to_be_visible()
    assert re.search(r"/sessions/[0-9a-f-]+/tickets/", page.url)
    found["adopted"] = violations(page)

    page.goto(f"{site.url}{EnhancementHistory.objects.get(job_id='bad').get_absolute_url()}")
    expect(page.get_by_text("no valid job")).to_be_visible()
    found["refused"] = violations(page)

    assert {name: objections for name, objections in found.items() if objections} == {}
