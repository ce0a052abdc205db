"""To a provider and back in a browser that holds our content security policy against every step on the way."""

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import allow_the_database, quiet_console, sign_in  # noqa: F401 - fixtures
from tests.fakes.oauth_server import CLIENT_ID, CLIENT_SECRET, oauth_server

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture
def github(monkeypatch):
    """A GitHub of one's own, which sends people to another host on the way, as Atlassian's and companies' logins do."""
    with oauth_server() as server:
        server.mood = "ask"
        for name, value in {
            "GITHUB_URL": server.url,
            "GITHUB_CLIENT_ID": CLIENT_ID,
            "GITHUB_CLIENT_SECRET": CLIENT_SECRET,
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def test_an_account_is_connected_and_lets_in(github, site, page, quiet_console):  # noqa: F811
    policies = []
    page.on("response", lambda answer: policies.append(answer.headers.get("content-security-policy", "")))
    sign_in(page, site)
    page.goto(f"{site.url}/accounts/password/change/")
    page.get_by_role("link", name="Connected accounts").click()
    page.get_by_role("button", name="Connect GitHub").click()
    page.get_by_role("link", name="Allow").click()
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("GitHub is connected")
    expect(page.get_by_role("cell", name="mona", exact=True)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with GitHub").click()
    page.get_by_role("link", name="Allow").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")
    of_ours = [each for each in policies if each]
    assert all("form-action 'self';" in f"{each};" for each in of_ours)
    assert "127.0.0.1" not in str(of_ours)
