"""``manage.py export`` finds the session and the connection that a person names, or says what there is instead."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Behaviour
from tests.factories import make_session
from tests.processing.export.trackers import ACCOUNT, TOKEN, make_approved, make_connection, running

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def jira():
    with running(FakeJira(Behaviour(), account=ACCOUNT, token=TOKEN)) as tracker:
        yield tracker


@pytest.fixture
def session(people, jira):
    make_connection(people.workspace, jira)
    return make_approved(people.workspace, 2)


def counted(*arguments):
    """What a dry run says it would do."""
    out = io.StringIO()
    call_command("export", *arguments, "--connection", "The tracker", "--dry-run", stdout=out)
    return json.loads(out.getvalue())["counts"]


def refusal(*arguments, connection="The tracker"):
    with pytest.raises(CommandError) as refused:
        call_command("export", *arguments, "--connection", connection, "--dry-run")
    assert refused.value.returncode == 2
    return str(refused.value)


def test_a_session_goes_by_the_name_on_its_pages_or_by_its_id(session, redis):
    assert session.short_key == "S-1"

    assert counted("S-1") == counted("s-1") == counted(str(session.pk)) == {"create": 2}


def test_where_several_workspaces_have_one_the_slug_decides(session, people, redis):
    other = make_session(people.charlies)
    assert other.short_key == session.short_key

    assert refusal("S-1") == ("Several workspaces have a session S-1. Choose one by --workspace: charlies, northfield.")
    assert counted("S-1", "--workspace", "northfield") == {"create": 2}
    assert "has no connection" in refusal("S-1", "--workspace", "charlies")
    assert counted(str(session.pk)) == {"create": 2}, "an id is one session"


def test_a_session_is_looked_for_in_the_named_workspace_alone(session):
    said = refusal(str(session.pk), "--workspace", "charlies")

    assert said == f"There is no session {session.pk} in the workspace “charlies”."


@pytest.mark.parametrize("text", ["nonsense", "S-", "S-x", "S-1.5", "S--1", "S-99999999999999999999", "12", "S-١", ""])
def test_what_is_no_name_is_told_how_one_looks(session, text):
    assert refusal(text) == f"“{text}” names no session. Write S-12, as the pages call it, or the session's id."


@pytest.mark.parametrize("text", ["S-0", "S-77", "S-999999999", str(uuid.UUID(int=7))])
def test_a_session_that_is_not_there_is_said_to_be_missing(session, text):
    assert refusal(text) == f"There is no session {text} in any workspace."


def test_an_unknown_workspace_is_answered_with_those_there_are(session):
    said = refusal("S-1", "--workspace", "northfeld")

    assert said == "There is no workspace “northfeld”. There are: charlies, northfield."


def test_an_unknown_connection_is_answered_with_those_there_are(session, people, jira):
    make_connection(people.workspace, jira, name="Another one")

    said = refusal("S-1", connection="Nonsense")

    assert said == "The workspace “northfield” has no connection “Nonsense”. It has: “Another one”, “The tracker”."


def test_the_first_connection_is_made_on_a_page(people):
    make_session(people.workspace)

    said = refusal("S-1")

    assert "It has none yet" in said
    assert f"/workspaces/{people.workspace.pk}/connections/" in said
