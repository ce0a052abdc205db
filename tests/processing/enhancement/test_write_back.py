"""Notes on their way to help desks that misbehave: once per text, internal, looked for after a lost answer."""

import pytest
from django.utils import timezone

from processing.enhancement.jobs import send_note, sweep_enhancements
from processing.enhancement.models import EnhancementHistory, HelpDesk, WriteBack
from processing.enhancement.runner import Runner
from processing.enhancement.service import EnhancementService
from processing.enhancement.writeback.fake import FakeServiceDesk
from processing.enhancement.writeback.targets import target_of
from processing.export.errors import TrackerError
from processing.export.fakes.jira import FakeJira, Issue
from processing.export.fakes.server import Behaviour, Reply
from processing.models import TrackerConnection
from sessions_app.errors import WrongState
from tests.fakes.says import Says
from tests.processing.enhancement.desks import accepted, make_desk, make_library
from tests.processing.export.trackers import running
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings, redis):
    settings.ENHANCEMENT = {**settings.ENHANCEMENT, "RETRY_DELAY": 0.01}
    settings.EXPORT = {**settings.EXPORT, "TIMEOUT": 2.0}


def faults(*names):
    """A fault for each write in turn, then none."""
    return Behaviour(retry_after=0.01, script=lambda number, request: names[number - 1] if number <= len(names) else "")


def enhanced(people, server, target="servicedesk", run_jobs=None, **changes):
    if not HelpDesk.objects.filter(workspace=people.workspace).exists():
        make_library(people.workspace)
        make_desk(people.workspace, target=target, base_url=server.url, token="technicians-key")
    run = accepted(people.workspace, **changes)
    Runner().run(run.pk)
    run.refresh_from_db()
    assert run.status == "completed"
    return run


def sent(run):
    note = WriteBack.objects.get(enhancement=run)
    send_note(str(note.pk))
    note.refresh_from_db()
    return note


@pytest.mark.parametrize(("target", "cloud"), [("servicedesk", False), ("servicedesk_cloud", True)])
def test_the_note_is_internal_and_says_what_was_found(people, target, cloud):
    """B-056."""
    with running(FakeServiceDesk(token="technicians-key", cloud=cloud)) as server:
        run = enhanced(people, server, target, trace_id="from-the-webhook")
        note = sent(run)

    [written] = server.notes["4711"]
    assert (note.status, note.attempts, note.remote_id) == ("written", 1, written["id"])
    assert written["show_to_requester"] is False
    assert written["mark_first_response"] is False
    assert "Cleaned the rollers" in written["description"]
    assert note.marker in written["description"]
    assert server.correlation_ids == ["from-the-webhook"]


def test_what_strangers_wrote_is_text_in_the_note(people):
    with running(FakeServiceDesk()) as server:
        make_library(people.workspace, "<img src=x onerror=alert(1)>")
        make_desk(people.workspace, target="servicedesk", base_url=server.url, token="k")
        sent(enhanced(people, server))

    [written] = server.notes["4711"]
    assert "<img" not in written["description"]
    assert "&lt;img" in written["description"]


def test_a_worker_takes_the_note_by_itself(people, run_jobs):
    with running(FakeServiceDesk()) as server:
        make_desk(people.workspace, target="servicedesk", base_url=server.url, token="k")
        run = accepted(people.workspace)
        run_jobs()

    assert len(server.notes["4711"]) == 1
    assert WriteBack.objects.get(enhancement=run).status == "written"


def test_the_same_text_is_written_about_once(people):
    """A circle: our own note makes the help desk send the ticket again, under another job."""
    with running(FakeServiceDesk()) as server:
        first = enhanced(people, server)
        sent(first)
        again = enhanced(people, server, job_id="job-2")
        changed = enhanced(people, server, job_id="job-3", description="Now it smokes, too.")
        sent(changed)

    assert not WriteBack.objects.filter(enhancement=again).exists()
    assert len(server.notes["4711"]) == 2


@pytest.mark.parametrize("fault", ["429", "503", "500", "dropped"])
def test_what_was_not_done_is_tried_again(people, fault):
    with running(FakeServiceDesk(faults(fault, fault))) as server:
        note = sent(enhanced(people, server))

    assert (note.status, note.attempts) == ("written", 3)
    assert len(server.notes["4711"]) == 1


@pytest.mark.parametrize("fault", ["lost", "hang", "500-after"])
def test_after_a_lost_answer_the_note_is_looked_for_and_not_written_twice(people, settings, fault):
    settings.EXPORT = {**settings.EXPORT, "TIMEOUT": 0.3}
    with running(FakeServiceDesk(faults(fault))) as server:
        note = sent(enhanced(people, server))

    assert (note.status, note.attempts) == ("written", 2)
    assert [each["id"] for each in server.notes["4711"]] == [note.remote_id]


def test_after_four_tries_it_has_failed_and_a_person_may_send_it_again(people):
    with running(FakeServiceDesk(faults("500", "500", "500", "500"))) as server:
        run = enhanced(people, server)
        note = sent(run)
        assert (note.status, note.attempts) == ("failed", 4)
        assert "help desk" in note.error_message

        EnhancementService().write_again(note)
        assert sent(run).status == "written"
    with pytest.raises(WrongState):
        EnhancementService().write_again(WriteBack.objects.get())


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (lambda: FakeServiceDesk(token="another"), "tracker_refused"),
        (lambda: FakeServiceDesk(requests=("1",)), "tracker_not_found"),
    ],
)
def test_401_and_404_are_not_tried_again(people, server, code):
    with running(server()) as desk:
        note = sent(enhanced(people, desk))

    assert (note.status, note.attempts, note.error_code) == ("failed", 1, code)
    assert desk.stats["writes"] == 1


def test_a_ticket_that_is_no_number_is_refused_before_anything_is_sent(people):
    with running(FakeServiceDesk()) as server:
        note = sent(enhanced(people, server, ticket_id="../../admin"))

    assert (note.status, server.stats["writes"]) == ("failed", 0)


def test_a_note_whose_worker_died_is_taken_up(people):
    with running(FakeServiceDesk()) as server:
        run = enhanced(people, server)
        note = WriteBack.objects.get()
        note.send()  # and dies
        assert sweep_enhancements()["notes_woken"] == 0
        WriteBack.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
        assert sweep_enhancements()["notes_woken"] == 1
        assert sent(run).status == "written"

    assert len(server.notes["4711"]) == 1


def test_two_workers_write_it_once(people):
    with running(FakeServiceDesk(Behaviour(latency=0.2))) as server:
        enhanced(people, server)
        note = WriteBack.objects.get()
        at_once(*[lambda: send_note(str(note.pk))] * 4)

    assert len(server.notes["4711"]) == 1


@pytest.mark.parametrize("target", ["servicedesk", "jira"])
@pytest.mark.parametrize(
    "shape",
    [
        None,
        5,
        [5],
        {"notes": 5},
        {"notes": [5]},
        {"notes": [{"id": 1}], "note": 5},
        {"comments": 5},
        {"comments": [5]},
        {"response_status": [{"status": "failed"}]},
    ],
    ids=repr,
)
def test_an_answer_of_another_shape_is_an_error_of_the_help_desk_or_nothing_found(people, target, shape):
    with running(Says()) as server:
        connection = TrackerConnection(
            workspace=people.workspace, name="J", target="jira", base_url=server.url, account="a@example.org"
        )
        connection.set_token("k")
        connection.save()
        desk = make_desk(people.workspace, target=target, base_url=server.url, token="k", connection=connection)
        server.reply = Reply(200, shape)

        try:
            assert target_of(desk).find("4711", "the-marker") == ""
        except TrackerError as error:
            assert error.message.startswith(("This does not answer as", "ServiceDesk Plus refuses"))


@pytest.mark.parametrize("told", [{"id": "9" * 101}, {"id": "a\x00"}, {}], ids=repr)
def test_a_note_that_was_found_is_there_whatever_it_is_called(people, told):
    with running(Says()) as server:
        desk = make_desk(people.workspace, target="servicedesk", base_url=server.url, token="k")
        server.reply = Reply(200, {"notes": [{**told, "description": "with the-marker"}]})

        assert target_of(desk).find("4711", "the-marker") == "unnamed"


def test_jira_gets_an_internal_comment(people):
    with running(FakeJira(account="a@example.org", token="secret")) as jira:
        jira.issues["ABC-7"] = Issue("7", "ABC-7", {}, 0.0)
        connection = TrackerConnection(
            workspace=people.workspace, name="J", base_url=jira.url, account="a@example.org", project="ABC"
        )
        connection.set_token("secret")
        connection.save()
        make_library(people.workspace)
        make_desk(people.workspace, target="jira", connection=connection)
        run = accepted(people.workspace, ticket_id="ABC-7")
        Runner().run(run.pk)
        note = sent(run)

    [comment] = jira.comments["ABC-7"]
    assert (note.status, note.remote_id) == ("written", comment["id"])
    assert comment["properties"] == [{"key": "sd.public.comment", "value": {"internal": True}}]


def test_nothing_is_written_where_nothing_was_asked_for(people):
    make_desk(people.workspace)
    run = accepted(people.workspace)
    Runner().run(run.pk)

    assert not WriteBack.objects.exists()


def test_a_target_that_changed_gets_nothing(people):
    with running(FakeServiceDesk()) as server:
        run = enhanced(people, server)
        HelpDesk.objects.update(target="none")
        note = sent(run)

    assert (note.status, note.error_code) == ("failed", "target_changed")
    assert not server.notes


def test_the_token_is_encrypted_and_shown_to_nobody(people):
    make_desk(people.workspace, target="servicedesk", base_url="http://127.0.0.1:9", token="technicians-key")
    page = f"/workspaces/{people.workspace.pk}/help-desk/"

    for who in ("alice", "vera"):
        assert "technicians-key" not in people.browser(who).get(page).content.decode()
    assert EnhancementHistory.objects.count() == 0
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM enhancement_helpdesk")
        assert "technicians" not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"target": "servicedesk"}, "Say where"),
        ({"target": "servicedesk", "base_url": "http://desk.example", "new_token": "key"}, "https only"),
        ({"target": "servicedesk", "base_url": "http://127.0.0.1:9"}, "key of a technician"),
        ({"target": "jira"}, "connection to Jira"),
        ({"target": "nothing"}, "valid choice"),
        ({"provider": "nothing"}, "valid choice"),
        ({"categories": "x" * 121}, "120 characters"),
        ({"new_token": "a b"}, "spaces"),
    ],
)
def test_settings_that_do_not_fit_are_refused(people, changes, word):
    page = f"/workspaces/{people.workspace.pk}/help-desk/"
    answer = people.browser("alice").post(page, {"provider": "offline", "target": "none", **changes})

    assert answer.status_code == 422
    assert word in answer.content.decode()
    assert not HelpDesk.objects.exists()


def test_settings_are_kept_and_a_token_is_not_sent_to_another_address(people):
    page = f"/workspaces/{people.workspace.pk}/help-desk/"
    given = {"provider": "offline", "target": "servicedesk", "base_url": "http://127.0.0.1:9", "categories": "A\nB\nA"}
    alice = people.browser("alice")

    assert alice.post(page, {**given, "new_token": "technicians-key"}).status_code == 302
    desk = HelpDesk.objects.get()
    assert (desk.categories, desk.token.reveal(), desk.show_to_requester) == (["A", "B"], "technicians-key", False)
    assert alice.post(page, {**given, "categories": ""}).status_code == 302
    assert HelpDesk.objects.get().token.reveal() == "technicians-key"
    assert alice.post(page, {**given, "base_url": "http://127.0.0.1:8"}).status_code == 422
