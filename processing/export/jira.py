"""Jira Cloud by its REST interface, version 3, with an account's e-mail address and API token."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from django.utils.text import slugify

from processing.models import TrackerConnection
from processing.validation.adf import adf_of

from .answers import MOST_PAGES, NO_END, as_told_by, hold_after, name_in, require_done
from .drafts import beginning, digest
from .errors import Gone, Lost, Refused
from .targets import Draft, Link, Part, Remote
from .wire import Answer, call

DESCRIPTION: Final = 32_767
EPIC_TYPE: Final = "Epic"
LABELS_AT_ONCE: Final = 50
LINK_TYPES: Final = {"blocks": "Blocks", "relates": "Relates"}
NOTE: Final = "\n\n(The whole text does not fit here. It is attached as {name}.)"
_reading = as_told_by("Jira")


class Jira:
    """One project. What the project asks for is read once per object."""

    link_kinds = frozenset({*LINK_TYPES, "parent"})
    parent_at_create = True
    most_per_hour = 0

    def __init__(self, connection: TrackerConnection) -> None:
        self.connection = connection
        self.options = connection.options
        login = base64.b64encode(f"{connection.account}:{connection.token.reveal()}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}

    # What is asked before anything is sent

    @_reading
    def check(self) -> str:
        me = self._get("/rest/api/3/myself")
        project = self._get(f"/rest/api/3/project/{quote(self.connection.project)}")
        self._type_id(self.connection.issue_type)
        return f"Signed in as {me.get('displayName', self.connection.account)}; writes to {project.get('name', '')}."

    @_reading
    def problems(self, drafts: Sequence[Draft]) -> list[str]:
        found = []
        for is_epic in sorted({draft.is_epic for draft in drafts}):
            sample = next(draft for draft in drafts if draft.is_epic == is_epic)
            name = EPIC_TYPE if is_epic else self.connection.issue_type
            if name.casefold() not in self._types:
                found.append(f"The project has no issue type “{name}”. It has: {', '.join(self._type_names)}.")
                continue
            found += self._field_problems(name, self.payload(sample)["fields"])
            if not is_epic and self.options.get("epics") and "parent" not in self._fields(name):
                found.append(f"{name} has no field for its epic on its create screen.")
        missing = {name for name in LINK_TYPES.values() if name not in self._link_types}
        if missing:
            found.append(f"This Jira has no links of type {' and '.join(sorted(missing))}.")
        return found

    def _field_problems(self, name: str, sent: dict[str, Any]) -> list[str]:
        fields = self._fields(name)
        found = [
            f"“{field['name']}” ({key}) is required for {name} and would not be sent."
            for key, field in fields.items()
            if field.get("required") and not field.get("hasDefaultValue") and not sent.get(key)
        ]
        for key, value in sent.items():
            if key not in fields:
                found.append(f"{name} has no field “{key}” on its create screen, and it would be sent.")
                continue
            found += self._value_problems(name, fields[key], key, value)
        return found

    def _value_problems(self, name: str, field: dict[str, Any], key: str, value: Any) -> list[str]:
        """Priorities and components that the project does not know."""
        if key not in ("priority", "components") or "allowedValues" not in field:
            return []
        known = {each.get("name") for each in field["allowedValues"]}
        wanted = [value] if key == "priority" else value
        return [f"“{each['name']}” is not a value of {key} for {name}." for each in wanted if each["name"] not in known]

    @cached_property
    def _type_names(self) -> dict[str, str]:
        """Name of each issue type -> its id."""
        path = f"/rest/api/3/issue/createmeta/{quote(self.connection.project)}/issuetypes"
        return {each["name"]: str(each["id"]) for each in self._pages(path, "issueTypes")}

    @property
    def _types(self) -> dict[str, str]:
        return {name.casefold(): key for name, key in self._type_names.items()}

    def _type_id(self, name: str) -> str:
        found = self._types.get(name.casefold())
        if found is None:
            raise Refused(f"The project has no issue type “{name}”. It has: {', '.join(self._type_names)}.")
        return found

    def _fields(self, type_name: str) -> dict[str, dict[str, Any]]:
        path = f"/rest/api/3/issue/createmeta/{quote(self.connection.project)}/issuetypes/{self._type_id(type_name)}"
        return {each.get("fieldId") or each["key"]: each for each in self._pages(path, "fields")}

    @cached_property
    def _link_types(self) -> set[str]:
        return {each["name"] for each in self._get("/rest/api/3/issueLinkType").get("issueLinkTypes", [])}

    def _pages(self, path: str, name: str) -> Iterator[dict[str, Any]]:
        start = 0
        for _ in range(MOST_PAGES):
            page = self._get(path, {"startAt": str(start), "maxResults": "100"})
            found = page.get(name) or page.get("values") or []
            yield from found
            start += len(found)
            if not found or start >= page.get("total", 0):
                return
        raise Lost(NO_END)

    # What is sent

    def payload(self, draft: Draft) -> dict[str, Any]:
        options = self.options
        fields: dict[str, Any] = {
            **options.get("fields", {}),
            "project": {"key": self.connection.project},
            "issuetype": {"name": EPIC_TYPE if draft.is_epic else self.connection.issue_type},
            "summary": draft.title,
            "description": self._description(draft),
            "labels": self._labels(draft),
        }
        if options.get("priority"):
            fields["priority"] = {"name": options["priority"]}
        if options.get("components"):
            fields["components"] = [{"name": name} for name in options["components"]]
        assignees = options.get("assignees", {})
        if assignee := assignees.get(draft.group) or assignees.get("*"):
            fields["assignee"] = {"accountId": assignee}
        if draft.parent:
            fields["parent"] = {"key": draft.parent}
        return {"fields": fields}

    def _labels(self, draft: Draft) -> list[str]:
        """Jira's labels have no spaces."""
        own = ("-".join(label.split()) for label in self.options.get("labels", []))
        return list(dict.fromkeys(["ticketgen", slugify(draft.group), draft.common_label, draft.label, *own]))

    def _description(self, draft: Draft) -> dict[str, Any]:
        document = adf_of(draft.markdown)
        if _size(document) <= DESCRIPTION:
            return document
        note = NOTE.format(name=self._part_name(draft))
        return adf_of(beginning(draft.markdown, lambda text: _size(adf_of(text + note)) <= DESCRIPTION) + note)

    def _part_name(self, draft: Draft) -> str:
        return f"{draft.label}-{digest(draft.markdown)}.md"

    def parts(self, draft: Draft) -> list[Part]:
        if _size(adf_of(draft.markdown)) <= DESCRIPTION:
            return []
        return [Part(self._part_name(draft), f"# {draft.title}\n\n{draft.markdown}\n")]

    # The calls

    def create(self, payload: dict[str, Any]) -> Remote:
        made = self._write("POST", "/rest/api/3/issue", payload)
        return self._remote(made)

    def changes(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"fields": {name: payload["fields"][name] for name in ("summary", "description")}}

    def update(self, remote: Remote, changes: dict[str, Any]) -> None:
        self._write("PUT", f"/rest/api/3/issue/{quote(remote.key)}", changes)

    @_reading
    def look_up(self, key: str) -> Remote:
        issue = self._get(f"/rest/api/3/issue/{quote(key, safe='')}", {"fields": "project"})
        if issue["fields"]["project"]["key"] != self.connection.project:
            raise Gone(f"{key} is not in the project {self.connection.project}.")
        return self._remote(issue)

    @_reading
    def find(self, common_label: str, labels: Collection[str]) -> dict[str, Remote]:
        wanted = sorted(labels)
        found: dict[str, Remote] = {}
        few = len(wanted) <= LABELS_AT_ONCE
        for issue in self._search(wanted if few else [common_label]):
            for label in set(issue["fields"].get("labels", ())) & set(wanted):
                found.setdefault(label, self._remote(issue))  # the oldest: copies of an issue have its labels, too
        return found

    def _search(self, labels: list[str]) -> Iterator[dict[str, Any]]:
        any_of = ", ".join(f'"{label}"' for label in labels)
        body: dict[str, Any] = {
            "jql": f'project = "{self.connection.project}" AND labels in ({any_of}) ORDER BY created ASC, key ASC',
            "fields": ["labels"],
            "maxResults": 100,
        }
        for _ in range(MOST_PAGES):
            page = require_done(self._call("POST", "/rest/api/3/search/jql", _json(body)))
            yield from page.get("issues", [])
            if page.get("isLast", True) or not page.get("nextPageToken"):
                return
            body["nextPageToken"] = page["nextPageToken"]
        raise Lost(NO_END)

    def add_part(self, remote: Remote, part: Part) -> None:
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{part.name}"\r\n'
            "Content-Type: text/markdown; charset=utf-8\r\n\r\n"
        )
        body = head.encode() + part.text.encode("utf-8", "replace") + f"\r\n--{boundary}--\r\n".encode()
        extra = {"X-Atlassian-Token": "no-check", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        self._done("POST", f"/rest/api/3/issue/{quote(remote.key)}/attachments", body, extra)

    @_reading
    def has_part(self, remote: Remote, name: str) -> bool:
        issue = self._get(f"/rest/api/3/issue/{quote(remote.key)}", {"fields": "attachment"})
        return any(each["filename"] == name for each in issue["fields"].get("attachment", ()))

    def add_link(self, link: Link) -> None:
        """In a link "Blocks" the inward issue is the one that blocks, whatever its name suggests."""
        if link.kind == "parent":
            body: dict[str, Any] = {"fields": {"parent": {"key": link.second.key}}}
            self._write("PUT", f"/rest/api/3/issue/{quote(link.first.key)}", body)
            return
        body = {
            "type": {"name": LINK_TYPES[link.kind]},
            "inwardIssue": {"key": link.second.key},
            "outwardIssue": {"key": link.first.key},
        }
        self._write("POST", "/rest/api/3/issueLink", body)

    @_reading
    def has_link(self, link: Link) -> bool:
        issue = self._get(f"/rest/api/3/issue/{quote(link.first.key)}", {"fields": "issuelinks,parent"})
        if link.kind == "parent":
            return bool((issue["fields"].get("parent") or {}).get("key") == link.second.key)
        sides = ("inwardIssue",) if link.kind == "blocks" else ("inwardIssue", "outwardIssue")
        return any(
            each["type"]["name"] == LINK_TYPES[link.kind] and each.get(side, {}).get("key") == link.second.key
            for each in issue["fields"].get("issuelinks", ())
            for side in sides
        )

    # Details

    def _remote(self, issue: dict[str, Any]) -> Remote:
        key = name_in(issue, "key")
        return Remote(key, name_in(issue, "id"), f"{self.connection.base_url}/browse/{quote(key)}")

    def _get(self, path: str, query: dict[str, str] | None = None) -> Any:
        return require_done(self._call("GET", path, query=query))

    def _write(self, method: str, path: str, body: dict[str, Any], query: dict[str, str] | None = None) -> Any:
        return self._done(method, path, _json(body), query=query)

    def _done(
        self,
        method: str,
        path: str,
        body: bytes,
        extra: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Any:
        answer = self._call(method, path, body, extra, query)
        done = require_done(answer)
        if hold := hold_after(answer):
            self.connection.hold_writes(hold)
        return done

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        extra: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Answer:
        headers = {
            **self._headers,
            **({"Content-Type": "application/json"} if body is not None else {}),
            **(extra or {}),
        }
        return call(method, self.connection.base_url + path, headers, query=query, body=body)


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _size(document: dict[str, Any]) -> int:
    """What counts against Jira's limit is told differently everywhere; the compact JSON is on the safe side."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
