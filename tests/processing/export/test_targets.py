"""Jira and GitHub seen through one connection: what is asked of them, what they refuse, and answers that are none."""

import base64
import json
import time

import pytest

from processing.export.answers import LONGEST_NAME
from processing.export.errors import Gone, Lost, Refused, TrackerError
from processing.export.fakes.github import BODY, FakeGitHub
from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import Reply, Request
from processing.export.github import LONGEST_URL
from processing.export.service import check_connection
from processing.export.targets import Draft, Link, Part, Remote, target_of
from processing.llm.batching import LONGEST_ID
from processing.models import ExportRecord, ProviderBatch
from tests.fakes.says import Says
from tests.processing.export.trackers import ACCOUNT, TOKEN, make_connection, running

pytestmark = pytest.mark.django_db


def draft(number=1, **fields):
    label = f"ticketgen-1-{number}"
    return Draft(f"k{number}", label, "ticketgen-1", f"Title {number}", "A text.", "Content", **fields)


@pytest.fixture(params=["jira", "github"])
def says(request, people):
    """(tracker, target that asks it)."""
    with running(Says()) as tracker:
        more = {} if request.param == "jira" else {"project": "acme/site"}
        options = {"priority": "High", "assignees": {"*": "somebody"}, "epics": True}
        account = ACCOUNT if request.param == "jira" else ""
        connection = make_connection(
            people.workspace, tracker, target=request.param, account=account, options=options, **more
        )
        yield tracker, connection


# Answers that are none

SHAPES = [
    None,
    "words",
    5,
    [5],
    [[]],
    [{"body": 5}],
    [{"id": 5, "body": "<!-- ticketgen-1-1 -->"}],
    [{"number": {}, "id": [], "html_url": 5, "body": "<!-- ticketgen-1-1 -->"}],
    {"issues": 5},
    {"issues": [{}]},
    {"issues": [{"fields": {"labels": 5}}]},
    {"issues": [{"fields": {"labels": ["ticketgen-1-1"]}}]},
    {"issueTypes": 5},
    {"issueTypes": [{}]},
    {"issueTypes": [{"name": 5, "id": 1}]},
    {"issueTypes": [{"name": "Story", "id": 1}], "total": "all", "fields": [5]},
    {"issueTypes": [{"name": "Epic", "id": 1}], "fields": [{"key": "priority", "allowedValues": 5}]},
    {"issueLinkTypes": [{}]},
    {"fields": 5},
    {"fields": {"project": 5, "attachment": 5, "issuelinks": 5, "parent": 5}},
    {"fields": {"project": {"key": "ABC"}, "attachment": [{}], "issuelinks": [{"type": 5}]}},
    {"fields": {"issuelinks": [{"type": {"name": "Blocks"}, "inwardIssue": 5}]}},
    {"key": "A" * 101, "id": "1", "number": "9" * 101},
    {"key": "A\x00", "id": "1", "number": "1\x00"},
    {"permissions": 5},
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: json.dumps(shape)[:40])
def test_an_answer_of_another_shape_is_an_error_of_the_tracker(says, shape):
    tracker, connection = says
    tracker.reply = Reply(200, shape)
    target, issue = target_of(connection), Remote("ABC-1", "1", "")
    key = "ABC-1" if connection.target == "jira" else "1"
    asked = [
        target.check,
        lambda: target.problems([draft(), draft(2, is_epic=True)]),
        lambda: target.create({"fields": {}}),
        lambda: target.look_up(key),
        lambda: target.find("ticketgen-1", ["ticketgen-1-1"]),
        lambda: target.has_part(issue, "a part"),
        *(lambda kind=kind: target.has_link(Link(kind, issue, issue)) for kind in ("blocks", "parent")),
    ]

    for ask in asked:
        try:
            ask()
        except TrackerError as error:
            assert error.message.startswith(("This does not answer as", "The tracker", "The project has no issue type"))


def test_a_list_without_an_end_is_not_read_for_ever(says, monkeypatch):
    tracker, connection = says
    for module in ("jira", "github"):
        monkeypatch.setattr(f"processing.export.{module}.MOST_PAGES", 3)
    tracker.reply = Reply(200, {"issues": [], "isLast": False, "nextPageToken": "more"})
    if connection.target == "github":
        tracker.reply = Reply(200, [{"body": "", "number": 1, "id": 1}] * 100)

    with pytest.raises(Lost, match="does not come to an end"):
        target_of(connection).find("ticketgen-1", ["ticketgen-1-1"])


def test_metadata_without_an_end_is_not_read_for_ever(people, monkeypatch):
    monkeypatch.setattr("processing.export.jira.MOST_PAGES", 3)
    with running(Says()) as tracker:
        tracker.reply = Reply(200, {"issueTypes": [{"name": "Story", "id": "1"}], "total": 10**9})
        connection = make_connection(people.workspace, tracker, target="jira", account=ACCOUNT)

        assert not check_connection(connection)
        assert "does not come to an end" in connection.check_result


def test_what_a_tracker_says_of_itself_is_kept_as_one_short_line(people):
    with running(Says()) as tracker:
        tracker.reply = Reply(200, {"full_name": "acme\x00\n/" + "x" * 500})
        connection = make_connection(people.workspace, tracker, target="github", account="", project="acme/site")

        assert check_connection(connection)
        assert connection.check_result.startswith("The token is accepted; writes to acme/xxx")
        assert len(connection.check_result) == 300


def test_an_address_of_an_issue_is_kept_only_if_it_is_one(people):
    with running(Says()) as tracker:
        target = target_of(make_connection(people.workspace, tracker, target="github", account="", project="acme/site"))
        for url, kept in (
            ("https://x.example/1", "https://x.example/1"),
            ("javascript:alert(1)", ""),
            ("https://x.example/" + "1" * 500, ""),
            (5, ""),
        ):
            tracker.reply = Reply(200, {"number": 7, "id": 70, "html_url": url})
            assert target.look_up("#7") == Remote("7", "70", kept)


def test_what_is_taken_for_a_name_or_an_address_fits_into_its_column():
    columns = ExportRecord._meta
    for name in ("remote_key", "remote_id"):
        assert columns.get_field(name).max_length >= LONGEST_NAME
    assert columns.get_field("remote_url").max_length >= LONGEST_URL
    assert ProviderBatch._meta.get_field("remote_id").max_length >= LONGEST_ID


# GitHub


def test_what_a_repository_has_against_it_is_named(people):
    with running(Says()) as tracker:
        options = {"epics": True}
        connection = make_connection(
            people.workspace, tracker, target="github", account="", project="acme/site", options=options
        )
        tracker.reply = Reply(200, {"archived": True, "has_issues": False, "permissions": {"pull": True}})
        many = [draft(number) for number in range(101)]

        found = " ".join(target_of(connection).problems([*many, draft(200, is_epic=True)]))

    for said in ("is archived", "Issues are switched off", "may not set labels", "the group Content has 101"):
        assert said in found


def test_whom_a_repository_cannot_assign_is_named(people, github):
    options = {"assignees": {"Content": "nobody-here"}}
    connection = make_connection(people.workspace, github, options=options)
    target = target_of(connection)

    assert target.problems([draft()]) == ["“nobody-here” cannot be assigned in this repository."]
    connection.options["assignees"] = {"*": "octocat"}
    assert target.problems([draft()]) == []
    assert target.payload(draft())["assignees"] == ["octocat"]


def test_an_issue_of_github_is_known_by_its_number_however_it_is_written(people, github):
    target = target_of(make_connection(people.workspace, github))
    made = target.create(target.payload(draft()))

    for key in ("1", "#1", "https://github.com/acme/site/issues/1"):
        assert target.look_up(key) == made
    with pytest.raises(Refused, match="is not the number of an issue"):
        target.look_up("ABC-1")
    with pytest.raises(Gone):
        target.look_up("99")


def test_issues_are_found_beyond_the_first_page(people, github):
    target = target_of(make_connection(people.workspace, github))
    made = [target.create(target.payload(draft(number))) for number in range(103)]

    found = target.find("ticketgen-1", [draft(number).label for number in (0, 101, 102)])

    assert found == {draft(number).label: made[number] for number in (0, 101, 102)}


def test_a_blocker_that_is_there_already_is_no_error_and_one_that_is_refused_is(people, github):
    target = target_of(make_connection(people.workspace, github))
    first, second = (target.create(target.payload(draft(number))) for number in (1, 2))
    link = Link("blocks", first, second)

    target.add_link(link)
    target.add_link(link)

    assert target.has_link(link)
    assert github.stats["links"] == 1
    with pytest.raises(Refused, match="issue_id invalid"):
        target.add_link(Link("blocks", first, first))


def test_the_last_call_of_an_hour_holds_the_next_one(people):
    with running(Says()) as tracker:
        connection = make_connection(people.workspace, tracker, target="github", account="", project="acme/site")
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 600)}
        tracker.reply = Reply(201, {"number": 1, "id": 1}, headers)

        target_of(connection).create({})

        connection.refresh_from_db()
        assert connection.next_write_at is not None
        assert 500 < connection.next_write_at.timestamp() - time.time() <= 600


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "issues", {"body": "No title"}, 422),
        ("POST", "issues", {"title": " "}, 422),
        ("POST", "issues", {"title": "x" * 257}, 422),
        ("POST", "issues", {"title": "x", "body": "x" * (BODY + 1)}, 422),
        ("POST", "issues", {"title": "x", "labels": ["x" * 51]}, 422),
        ("POST", "issues", {"title": "x", "assignees": ["nobody"]}, 422),
        ("PATCH", "issues/1", {"title": ""}, 422),
        ("POST", "issues/1/comments", {"body": " "}, 422),
        ("POST", "issues/1/sub_issues", {"sub_issue_id": 77}, 422),
        ("POST", "issues/1/elsewhere", {}, 404),
        ("GET", "issues/99", None, 404),
        ("GET", "elsewhere", None, 404),
    ],
)
def test_the_fake_github_refuses_what_github_does(method, path, body, status):
    tracker = FakeGitHub()
    tracker.serve(asked("POST", "repos/acme/site/issues", {"title": "The first"}))

    assert tracker.serve(asked(method, f"repos/acme/site/{path}", body)).status == status
    assert len(tracker.issues) == 1


def test_the_fake_github_knows_who_asks():
    tracker = FakeGitHub(token="one")
    where = "repos/acme/site"

    assert tracker.serve(asked("GET", where, authorization="Bearer another")).status == 401
    assert tracker.serve(asked("GET", where, authorization="Bearer one", user_agent="")).status == 403
    assert tracker.serve(asked("GET", "repos/acme/other", authorization="Bearer one")).status == 404
    assert tracker.serve(asked("GET", where, authorization="Bearer one")).status == 200


def asked(method, path, body=None, *, authorization="Bearer x", user_agent="test", **headers):
    told = {"authorization": authorization, "user-agent": user_agent, **headers}
    content = b"" if body is None else json.dumps(body).encode()
    return Request(method, tuple(path.split("/")), {}, {name: value for name, value in told.items() if value}, content)


# Jira


def test_what_a_project_of_jira_lacks_is_named(people, jira):
    options = {"epics": True, "fields": {"customfield_7": "x"}, "components": ["Nowhere"]}
    connection = make_connection(people.workspace, jira, issue_type="Incident", options=options)

    assert (
        "has no issue type “Incident”. It has: Epic, Story, Task, Bug." in target_of(connection).problems([draft()])[0]
    )
    assert not check_connection(connection)
    assert "has no issue type “Incident”" in connection.check_result
    connection.issue_type = "Story"
    found = target_of(connection).problems([draft()])
    assert "Story has no field “customfield_7” on its create screen, and it would be sent." in found
    assert "“Nowhere” is not a value of components for Story." in found


def test_a_jira_without_epics_or_links_says_so(people, jira, monkeypatch):
    monkeypatch.setattr("processing.export.fakes.jira.LINKS", {"Relates": ("relates to", "relates to")})
    monkeypatch.setattr("processing.export.fakes.jira.TYPES", {"10002": "Story"})
    fields = FakeJira._fields
    monkeypatch.setattr(
        FakeJira, "_fields", lambda self: {name: each for name, each in fields(self).items() if name != "parent"}
    )
    connection = make_connection(people.workspace, jira, issue_type="Story", options={"epics": True})

    found = target_of(connection).problems([draft(), draft(2, is_epic=True)])

    assert found == [
        "Story has no field for its epic on its create screen.",
        "The project has no issue type “Epic”. It has: Story.",
        "This Jira has no links of type Blocks.",
    ]


def test_an_issue_of_another_project_is_not_taken(people):
    with running(Says()) as tracker:
        tracker.reply = Reply(200, {"key": "XYZ-1", "id": "1", "fields": {"project": {"key": "XYZ"}}})
        target = target_of(make_connection(people.workspace, tracker, target="jira", account=ACCOUNT))

        with pytest.raises(Gone, match="XYZ-1 is not in the project ABC"):
            target.look_up("XYZ-1")


def test_issues_of_jira_are_found_by_page_and_by_what_they_have_in_common(people, jira):
    target = target_of(make_connection(people.workspace, jira))
    made = [target.create(target.payload(draft(number))) for number in range(103)]
    labels = [draft(number).label for number in range(103)]

    assert target.find("ticketgen-1", labels) == dict(zip(labels, made, strict=True))
    assert target.find("ticketgen-1", labels[:2]) == dict(zip(labels[:2], made[:2], strict=True))


def test_links_of_jira_are_seen_from_the_side_that_they_have(people, jira):
    target = target_of(make_connection(people.workspace, jira))
    epic = target.create(target.payload(draft(9, is_epic=True)))
    first, second = (target.create(target.payload(draft(number))) for number in (1, 2))
    blocks, relates = Link("blocks", first, second), Link("relates", first, second)

    for link in (blocks, blocks, relates, Link("parent", first, epic)):
        target.add_link(link)

    assert jira.stats["links_again"] == 1
    assert target.has_link(blocks)
    assert not target.has_link(Link("blocks", second, first))
    assert target.has_link(Link("relates", second, first))
    assert target.has_link(Link("parent", first, epic))
    assert not target.has_link(Link("parent", second, epic))


GOOD = {"project": {"key": "ABC"}, "issuetype": {"name": "Story"}, "summary": "A title"}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"project": {"key": "XYZ"}}, "project"),
        ({"issuetype": {"name": "Incident"}}, "issuetype"),
        ({"summary": " "}, "summary"),
        ({"summary": "two\nlines"}, "summary"),
        ({"summary": "x" * 256}, "summary"),
        ({"description": "a text"}, "description"),
        ({"description": {"type": "doc", "version": 1, "content": [{"type": "blink"}]}}, "description"),
        ({"labels": ["two words"]}, "labels"),
        ({"parent": {"key": "ABC-1"}}, "parent"),
        ({"priority": {"name": "Urgent"}}, "priority"),
        ({"components": [{"name": "Nowhere"}]}, "components"),
        ({"assignee": {"accountId": "nobody"}}, "assignee"),
        ({"customfield_1": "x"}, "customfield_1"),
    ],
)
def test_the_fake_jira_refuses_what_jira_does(fields, name):
    tracker = FakeJira()
    assert by_account(tracker, "POST", "issue", {"fields": GOOD}).status == 201

    made = by_account(tracker, "POST", "issue", {"fields": {**GOOD, **fields}})
    assert (made.status, list(made.body["errors"])) == (400, [name])
    if name not in ("project", "issuetype"):  # an edit does not ask for these
        assert by_account(tracker, "PUT", "issue/ABC-1", {"fields": fields}).status == 400
    assert tracker.issues["ABC-1"].fields == GOOD


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "issue", {"fields": {"project": {"key": "ABC"}, "issuetype": {"name": "Story"}}}, 400),
        ("POST", "issue/ABC-1/comment", {"body": "no document"}, 400),
        ("POST", "issue/ABC-1/attachments", None, 403),
        ("POST", "issueLink", {"type": {"name": "Cloners"}}, 404),
        (
            "POST",
            "issueLink",
            {"type": {"name": "Blocks"}, "inwardIssue": {"key": "ABC-1"}, "outwardIssue": {"key": "ABC-9"}},
            404,
        ),
        ("POST", "search/jql", {"jql": "assignee = me"}, 400),
        ("GET", "project/XYZ", None, 404),
        ("GET", "issue/createmeta/XYZ/issuetypes", None, 404),
        ("GET", "issue/createmeta/ABC/issuetypes/1", None, 404),
        ("GET", "issue/ABC-9", None, 404),
    ],
)
def test_the_fake_jira_knows_what_is_not_there(method, path, body, status):
    tracker = FakeJira()
    by_account(tracker, "POST", "issue", {"fields": GOOD})

    assert by_account(tracker, method, path, body).status == status
    assert len(tracker.issues) == 1
    assert tracker.links == []


def test_the_fake_jira_wants_a_file_in_an_attachment_and_an_address_of_its_interface():
    tracker = FakeJira()
    by_account(tracker, "POST", "issue", {"fields": GOOD})
    headers = {"x-atlassian-token": "no-check", "content-type": "multipart/form-data; boundary=x"}

    assert by_account(tracker, "POST", "issue/ABC-1/attachments", None, **headers).status == 400
    assert tracker.serve(asked("GET", "elsewhere", authorization=login())).status == 404


def test_a_part_is_attached_once_and_found_again(people, jira):
    target = target_of(make_connection(people.workspace, jira))
    made = target.create(target.payload(draft()))
    assert not target.has_part(made, "the-rest.md")

    target.add_part(made, Part("the-rest.md", "The rest."))

    assert target.has_part(made, "the-rest.md")


def by_account(tracker, method, path, body, **headers):
    return tracker.serve(asked(method, f"rest/api/3/{path}", body, authorization=login(), **headers))


def login():
    return "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
