"""A Jira Cloud with one project, as strict about issues as the real one."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any, Final

from processing.validation.schema import problems_of

from .server import Behaviour, FakeTracker, Reply, Request

SUMMARY: Final = 255
TYPES: Final = {"10001": "Epic", "10002": "Story", "10003": "Task", "10004": "Bug"}
LINKS: Final = {"Blocks": ("is blocked by", "blocks"), "Relates": ("relates to", "relates to")}
PRIORITIES: Final = ("Highest", "High", "Medium", "Low", "Lowest")
_CLAUSES: Final = re.compile(
    r'project = "([^"]+)" AND labels in \(("[^"]+"(?:, "[^"]+")*)\) ORDER BY created ASC, key ASC'
)
_OVERDUE: Final = "Field '{0}' cannot be set. It is not on the appropriate screen, or unknown."


@dataclass(slots=True)
class Issue:
    id: str
    key: str
    fields: dict[str, Any]
    made_at: float
    attachments: dict[str, bytes] = field(default_factory=dict)


class FakeJira(FakeTracker):
    """``links`` are (type, inward key, outward key): of "Blocks" the inward issue is the one that blocks.

    ``required``: further fields that issues need, as id -> name.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        project: str = "ABC",
        account: str = "",
        token: str = "",
        required: dict[str, str] | None = None,
        components: tuple[str, ...] = ("Website",),
        accounts: tuple[str, ...] = ("account-1",),
    ) -> None:
        super().__init__(behaviour)
        self.project, self.account, self.token = project, account, token
        self.required, self.components, self.accounts = required or {}, components, accounts
        self.issues: dict[str, Issue] = {}
        self.links: list[tuple[str, str, str]] = []
        self.comments: dict[str, list[dict[str, Any]]] = {}

    def is_write(self, request: Request) -> bool:
        return request.method in ("POST", "PUT") and request.path[-2:] != ("search", "jql")

    def serve(self, request: Request) -> Reply:  # noqa: C901, PLR0911, PLR0912 - a table of addresses
        refused = self._refused(request)
        if refused:
            return refused
        if request.path[:3] != ("rest", "api", "3"):
            return _error(404, "There is nothing here.")
        match (request.method, *request.path[3:]):
            case ("GET", "myself"):
                return Reply(200, {"accountId": "account-1", "displayName": "Fake Jira's user"})
            case ("GET", "project", key):
                return Reply(200, {"key": key, "name": "A project"}) if key == self.project else self._no_project()
            case ("GET", "issueLinkType"):
                found = [{"name": name, "inward": inward, "outward": out} for name, (inward, out) in LINKS.items()]
                return Reply(200, {"issueLinkTypes": found})
            case ("GET", "issue", "createmeta", key, "issuetypes", *which):
                return self._metadata(key, which)
            case ("POST", "issue"):
                return self._create(request.json.get("fields", {}))
            case ("POST", "issueLink"):
                return self._link(request.json)
            case ("POST", "search", "jql"):
                return self._search(request.json)
            case ("GET", "issue", key) if key in self.issues:
                return self._show(self.issues[key], request.query.get("fields", "").split(","))
            case ("PUT", "issue", key) if key in self.issues:
                return self._edit(self.issues[key], request.json.get("fields", {}))
            case ("POST", "issue", key, "comment") if key in self.issues:
                return self._comment(key, request.json)
            case ("GET", "issue", key, "comment") if key in self.issues:
                return Reply(200, {"comments": self.comments.get(key, [])[::-1]})
            case ("POST", "issue", key, "attachments") if key in self.issues:
                return self._attach(self.issues[key], request)
        return _error(404, "Issue does not exist or you do not have permission to see it.")

    def _refused(self, request: Request) -> Reply | None:
        scheme, _, login = request.headers.get("authorization", "").partition(" ")
        account, _, token = base64.b64decode(login).decode().partition(":") if scheme == "Basic" else ("", "", "")
        known = (account, token) == (self.account, self.token) if self.token else bool(account and token)
        return None if known else _error(401, "Client must be authenticated to access this resource.")

    def _comment(self, key: str, sent: dict[str, Any]) -> Reply:
        if problems_of(sent.get("body")):
            return _error(400, "Comment body is not valid!")
        mine = self.comments.setdefault(key, [])
        mine.append({**sent, "id": str(10_000 + len(mine))})
        return Reply(201, mine[-1])

    # Metadata

    def _no_project(self) -> Reply:
        return _error(404, "No project could be found with this key.")

    def _metadata(self, key: str, which: list[str]) -> Reply:
        if key != self.project:
            return self._no_project()
        if not which:
            found = [{"id": type_id, "name": name, "subtask": False} for type_id, name in TYPES.items()]
            return Reply(200, {"issueTypes": found, "startAt": 0, "maxResults": 50, "total": len(found)})
        if which[0] not in TYPES:
            return _error(404, "No issue type with this id.")
        fields = [
            {"fieldId": name, "key": name, "name": label, "required": required, "hasDefaultValue": default, **more}
            for name, (label, required, default, more) in self._fields().items()
        ]
        return Reply(200, {"fields": fields, "startAt": 0, "maxResults": 50, "total": len(fields)})

    def _fields(self) -> dict[str, tuple[str, bool, bool, dict[str, Any]]]:
        """Field -> (name, required, has a default, more)."""
        priorities = {"allowedValues": [{"name": name} for name in PRIORITIES]}
        components = {"allowedValues": [{"name": name} for name in self.components]}
        return {
            "project": ("Project", True, False, {}),
            "issuetype": ("Issue Type", True, False, {}),
            "summary": ("Summary", True, False, {}),
            "reporter": ("Reporter", True, True, {}),
            "description": ("Description", False, False, {}),
            "labels": ("Labels", False, False, {}),
            "parent": ("Parent", False, False, {}),
            "priority": ("Priority", False, True, priorities),
            "components": ("Components", False, False, components),
            "assignee": ("Assignee", False, False, {}),
            **{name: (label, True, False, {}) for name, label in self.required.items()},
        }

    # Issues

    def _create(self, fields: dict[str, Any]) -> Reply:
        errors = {name: "This field is required." for name in self.required if not fields.get(name)}
        if fields.get("project", {}).get("key") != self.project:
            errors["project"] = "valid project is required"
        kind = fields.get("issuetype", {})
        if kind.get("id") not in TYPES and kind.get("name") not in TYPES.values():
            errors["issuetype"] = "Specify a valid issue type"
        if "summary" not in fields:
            errors["summary"] = "You must specify a summary of the issue."
        errors |= self._field_errors(fields)
        if errors:
            self.stats["refused"] += 1
            return Reply(400, {"errorMessages": [], "errors": errors})
        number = len(self.issues) + 1
        issue = Issue(str(10_000 + number), f"{self.project}-{number}", fields, time.monotonic())
        self.issues[issue.key] = issue
        self.stats["issues"] += 1
        return Reply(201, {"id": issue.id, "key": issue.key, "self": f"{self.url}/rest/api/3/issue/{issue.id}"})

    def _field_errors(self, fields: dict[str, Any]) -> dict[str, str]:
        errors = {name: _OVERDUE.format(name) for name in fields if name not in self._fields()}
        if "summary" in fields:
            errors |= _summary_errors(fields["summary"])
        if fields.get("description") is not None:
            errors |= _description_errors(fields["description"])
        for label in fields.get("labels", []):
            if not isinstance(label, str) or not label or re.search(r"\s", label) or len(label) > SUMMARY:
                errors["labels"] = f"The label '{label}' contains spaces which is invalid."
        parent = self.issues.get(fields.get("parent", {}).get("key", ""))
        if "parent" in fields and (parent is None or parent.fields["issuetype"].get("name") != "Epic"):
            errors["parent"] = "Given parent work item does not belong to appropriate hierarchy."
        if "priority" in fields and fields["priority"].get("name") not in PRIORITIES:
            errors["priority"] = "Priority name is not valid"
        if any(each.get("name") not in self.components for each in fields.get("components", [])):
            errors["components"] = "Component name is not valid"
        if "assignee" in fields and fields["assignee"].get("accountId") not in self.accounts:
            errors["assignee"] = "The user cannot be assigned issues."
        return errors

    def _edit(self, issue: Issue, fields: dict[str, Any]) -> Reply:
        errors = self._field_errors(fields)
        if errors:
            self.stats["refused"] += 1
            return Reply(400, {"errorMessages": [], "errors": errors})
        issue.fields.update(fields)
        self.stats["updates"] += 1
        return Reply(204)

    def _show(self, issue: Issue, names: list[str]) -> Reply:
        fields = {name: value for name, value in issue.fields.items() if name in names}
        if "issuelinks" in names:
            fields["issuelinks"] = self._links_of(issue.key)
        if "attachment" in names:
            found = [{"filename": name, "size": len(data)} for name, data in issue.attachments.items()]
            fields["attachment"] = found
        return Reply(200, {"id": issue.id, "key": issue.key, "fields": fields})

    def _attach(self, issue: Issue, request: Request) -> Reply:
        if request.headers.get("x-atlassian-token") != "no-check":
            return _error(403, "XSRF check failed")
        kind = request.headers.get("content-type", "").encode()
        form = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.body)
        sent = [part for part in form.walk() if part.get_filename()]
        if not sent:
            return _error(400, "There is no file.")
        for part in sent:
            name = str(part.get_filename())
            self.stats["attachments_twice"] += name in issue.attachments
            content = part.get_payload(decode=True)
            issue.attachments[name] = content if isinstance(content, bytes) else b""
            self.stats["attachments"] += 1
        return Reply(200, [{"id": "1", "filename": part.get_filename()} for part in sent])

    # Links

    def _link(self, body: dict[str, Any]) -> Reply:
        kind = body.get("type", {}).get("name")
        if kind not in LINKS:
            return _error(404, f"No issue link type with name '{kind}' found.")
        inward, outward = body["inwardIssue"]["key"], body["outwardIssue"]["key"]
        if inward not in self.issues or outward not in self.issues:
            return _error(404, "Issue does not exist or you do not have permission to see it.")
        link = (kind, inward, outward)
        if link in self.links:
            self.stats["links_again"] += 1  # harmless, as documented
        else:
            self.links.append(link)
            self.stats["links"] += 1
        return Reply(201)

    def _links_of(self, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, (kind, inward, outward) in enumerate(self.links):
            shown = {"id": str(number), "type": {"name": kind}}
            if key == outward:
                found.append({**shown, "inwardIssue": {"key": inward}})
            if key == inward:
                found.append({**shown, "outwardIssue": {"key": outward}})
        return found

    # Search

    def _search(self, body: dict[str, Any]) -> Reply:
        found = _CLAUSES.fullmatch(body["jql"])
        if found is None:
            return _error(400, "Error in the JQL Query.")
        self.stats["searches"] += 1
        wanted = set(re.findall(r'"([^"]+)"', found[2]))
        fitting = [
            issue
            for issue in self.issues.values()
            if found[1] == self.project and wanted & set(issue.fields["labels"]) and self.is_searchable(issue.made_at)
        ]
        start, most = int(body.get("nextPageToken") or 0), min(100, body.get("maxResults", 50))
        page = fitting[start : start + most]
        is_last = start + most >= len(fitting)
        shown = [{"id": each.id, "key": each.key, "fields": {"labels": each.fields["labels"]}} for each in page]
        return Reply(
            200, {"issues": shown, "isLast": is_last, **({} if is_last else {"nextPageToken": str(start + most)})}
        )


def _summary_errors(summary: Any) -> dict[str, str]:
    if not isinstance(summary, str) or not summary.strip():
        return {"summary": "You must specify a summary of the issue."}
    if "\n" in summary or "\r" in summary:
        return {"summary": "The summary is invalid because it contains newline characters."}
    return {"summary": f"Summary can't exceed {SUMMARY} characters."} if len(summary) > SUMMARY else {}


def _description_errors(description: Any) -> dict[str, str]:
    if not isinstance(description, dict):
        return {"description": "Operation value must be an Atlassian Document (see the Atlassian Document Format)"}
    found = problems_of(description)
    return {"description": f"INVALID_INPUT: {found[0]}"} if found else {}


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"errorMessages": [message], "errors": {}})
