"""CHECKLIST 40: a prompt holds what its own run knows, and nothing of another session, workspace or person. (What the
help desk finds and asks for two workspaces: tests/processing/enhancement/test_lifecycle.py.)
"""

import pytest

from processing.generation.service import ProcessingService, latest_task
from processing.models import LLMCall
from tests.factories import BUNDLE_HEADERS, FIELD_HEADERS, as_csv, import_files, make_session
from tests.fakes.model_server import model_server

pytestmark = pytest.mark.django_db(transaction=True)

MARKS = ("heronmark", "plovermark", "wrenmark")


def specified(workspace, mark):
    """The same entities in each, so that whatever is found by a name alone is found for the wrong one too."""
    session = make_session(workspace, site_name=f"Site of {mark}", llm_provider_choice="compatible")
    kinds = [[f"Kind {n}", f"kind_{n}", "Content type", f"About {mark} {n}.", "a"] for n in range(3)]
    parts = [
        [f"Kind {n % 3} (Content type)", f"Field of {mark}", f"field_{n}", "Text (plain)", "", "n", "1", "a"]
        for n in range(9)
    ]
    import_files(session, Bundles=as_csv(BUNDLE_HEADERS, kinds), Fields=as_csv(FIELD_HEADERS, parts))
    return session


def test_a_prompt_holds_one_runs_words_alone(people, redis, run_jobs, settings):
    with model_server() as server:
        settings.LLM_PROVIDERS = {"compatible": {"BASE_URL": f"{server.url}/v1", "MODEL": "fake"}}
        workspaces = (people.workspace, people.workspace, people.charlies)
        sessions = [specified(*each) for each in zip(workspaces, MARKS, strict=True)]
        for session in sessions:
            ProcessingService().generate_tickets(session)
        run_jobs()
        prompts = list(server.server.prompts)

    assert [latest_task(session).status for session in sessions] == ["completed"] * 3
    found = [[mark for mark in MARKS if mark in prompt] for prompt in prompts]
    assert sorted(found) == sorted([mark] for mark in MARKS for _ in range(12))
    for session, mark in zip(sessions, MARKS, strict=True):
        assert set(session.tickets.values_list("session__site_name", flat=True)) == {f"Site of {mark}"}
    of_charlie = LLMCall.objects.filter(workspace=people.charlies)
    assert of_charlie.count() == 12
