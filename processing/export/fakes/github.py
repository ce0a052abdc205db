"""A GitHub with one repository and its issues."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from .server import Behaviour, FakeTracker, Reply, Request

TITLE: Final = 256
BODY: Final = 65_536
LABEL: Final = 50
SUB_ISSUES: Final = 100


@dataclass(slots=True)
class Issue:
    id: int
    number: int
    title: str
    body: str
    labels: list[str]
    assignees: list[str]
    made_at: float
    comments: list[str] = field(default_factory=list)
    blocked_by: list[int] = field(default_factory=list)
    sub_issues: list[int] = field(default_factory=list)


class FakeGitHub(FakeTracker):
    """``blocked_by`` and ``sub_issues`` of an issue are ids of others."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        project: str = "acme/site",
        token: str = "",
        logins: tuple[str, ...] = ("octocat",),
        archived: bool = False,
    ) -> None:
        super().__init__(behaviour)
        self.project, self.token, self.logins, self.archived = project, token, logins, archived
        self.issues: dict[int, Issue] = {}

    def is_write(self, request: Request) -> bool:
        return request.method in ("POST", "PATCH")

    def slow_down(self, seconds: float) -> Reply:
        """A secondary limit, which GitHub answers with 403."""
        said = {"message": "You have exceeded a secondary rate limit."}
        return Reply(403, said, {"Retry-After": f"{seconds:g}", "X-RateLimit-Remaining": "0"})

    def serve(self, request: Request) -> Reply:  # noqa: PLR0911 - a table of addresses
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token or (self.token and token != self.token):
            return Reply(401, {"message": "Bad credentials"})
        if "user-agent" not in request.headers:
            return Reply(403, {"message": "Request forbidden by administrative rules."})
        if request.path[0] != "repos" or "/".join(request.path[1:3]) != self.project:
            return Reply(404, {"message": "Not Found"})
        match (request.method, *request.path[3:]):
            case ("GET",):
                rights = {"admin": False, "push": True, "triage": True, "pull": True}
                facts = {
                    "full_name": self.project,
                    "archived": self.archived,
                    "has_issues": True,
                    "permissions": rights,
                }
                return Reply(200, facts)
            case ("GET", "assignees", login):
                return Reply(204) if login in self.logins else Reply(404, {"message": "Not Found"})
            case ("POST", "issues"):
                return self._create(request.json)
            case ("GET", "issues"):
                return self._list(request.query)
            case (method, "issues", number, *rest) if number.isdecimal() and int(number) in self.issues:
                return self._issue(method, self.issues[int(number)], rest, request)
        return Reply(404, {"message": "Not Found"})

    def _create(self, body: dict[str, Any]) -> Reply:
        refused = self._refusal(body) or (None if body.get("title") else _invalid("title", "missing_field"))
        if refused:
            return refused
        number = len(self.issues) + 1
        issue = Issue(
            1_000 + number,
            number,
            body["title"],
            body.get("body") or "",
            list(body.get("labels", [])),
            list(body.get("assignees", [])),
            time.monotonic(),
        )
        self.issues[number] = issue
        self.stats["issues"] += 1
        return Reply(201, self._shown(issue))

    def _refusal(self, body: dict[str, Any]) -> Reply | None:
        if len(body.get("title", "x")) > TITLE or not body.get("title", "x").strip():
            return _invalid("title", f"is too long (maximum is {TITLE} characters)")
        if len(body.get("body") or "") > BODY:
            return _invalid("body", f"is too long (maximum is {BODY} characters)")
        if any(len(label) > LABEL or not label.strip() for label in body.get("labels", [])):
            return _invalid("labels", "invalid")
        if any(login not in self.logins for login in body.get("assignees", [])):
            return _invalid("assignees", "invalid")
        return None

    def _shown(self, issue: Issue) -> dict[str, Any]:
        return {
            "id": issue.id,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "labels": [{"name": label} for label in issue.labels],
            "assignees": [{"login": login} for login in issue.assignees],
            "state": "open",
            "html_url": f"{self.url}/{self.project}/issues/{issue.number}",
        }

    def _list(self, query: dict[str, str]) -> Reply:
        wanted = set(filter(None, query.get("labels", "").split(",")))
        found = [
            self._shown(issue)
            for issue in self.issues.values()
            if wanted <= set(issue.labels) and self.is_searchable(issue.made_at)
        ]
        self.stats["searches"] += 1
        return _page(found, query)

    def _issue(self, method: str, issue: Issue, rest: list[str], request: Request) -> Reply:  # noqa: PLR0911
        match (method, *rest):
            case ("GET",):
                return Reply(200, self._shown(issue))
            case ("PATCH",):
                refused = self._refusal(request.json)
                if refused is None:
                    issue.title = request.json.get("title", issue.title)
                    issue.body = request.json.get("body", issue.body)
                    self.stats["updates"] += 1
                return refused or Reply(200, self._shown(issue))
            case ("GET", "comments"):
                found = [{"id": number, "body": text} for number, text in enumerate(issue.comments)]
                return _page(found, request.query)
            case ("POST", "comments"):
                text = request.json["body"]
                if not text.strip() or len(text) > BODY:
                    return _invalid("body", f"is too long (maximum is {BODY} characters)")
                self.stats["comments_twice"] += text in issue.comments
                issue.comments.append(text)
                self.stats["comments"] += 1
                return Reply(201, {"id": len(issue.comments), "body": text})
            case (_, "dependencies", "blocked_by"):
                return self._related(method, issue, issue.blocked_by, "issue_id", request)
            case (_, "sub_issues"):
                return self._related(method, issue, issue.sub_issues, "sub_issue_id", request)
        return Reply(404, {"message": "Not Found"})

    def _related(self, method: str, issue: Issue, ids: list[int], name: str, request: Request) -> Reply:
        by_id = {each.id: each for each in self.issues.values()}
        if method == "GET":
            return _page([self._shown(by_id[each]) for each in ids], request.query)
        other = request.json.get(name)
        if other not in by_id or other == issue.id:
            return _invalid(name, "invalid")
        taken = name == "sub_issue_id" and any(other in each.sub_issues for each in self.issues.values())
        if other in ids or taken or len(ids) >= SUB_ISSUES:
            return _invalid(name, "has already been taken")
        ids.append(other)
        self.stats["links"] += 1
        return Reply(201, self._shown(issue))


def _page(found: list[Any], query: dict[str, str]) -> Reply:
    size, number = min(100, int(query.get("per_page", 30))), int(query.get("page", 1))
    return Reply(200, found[(number - 1) * size : number * size])


def _invalid(name: str, code: str) -> Reply:
    said = {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": name, "code": code}]}
    return Reply(422, said)
