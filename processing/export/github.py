"""GitHub Issues by its REST interface, with a token. An issue is known by a comment in its text that nobody sees."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from django.utils.text import slugify

from processing.models import TrackerConnection

from .answers import MOST_PAGES, NO_END, as_told_by, hold_after, name_in, require_done
from .drafts import beginning, digest
from .errors import Gone, Lost, Refused
from .targets import Draft, Link, Part, Remote
from .wire import Answer, call

ROOM: Final = 65_000
"""Characters of text in an issue or a comment, of the 65,536 that GitHub takes; the rest is for notes and marks."""
LABEL: Final = 50
LONGEST_URL: Final = 500
"""What a record has room for."""
MOST_SUB_ISSUES: Final = 100
NOTE: Final = "\n\n_(The text goes on in a comment.)_"
VERSION: Final = "2022-11-28"
_reading = as_told_by("GitHub")


class GitHub:
    """One repository."""

    link_kinds = frozenset({"blocks", "parent"})
    parent_at_create = False
    most_per_hour = 500

    def __init__(self, connection: TrackerConnection) -> None:
        self.connection = connection
        self.options = connection.options
        owner, _, name = connection.project.partition("/")
        self.path = f"/repos/{quote(owner)}/{quote(name)}"
        self._headers = {
            "Authorization": f"Bearer {connection.token.reveal()}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }

    # What is asked before anything is sent

    @_reading
    def check(self) -> str:
        repository = self._get(self.path)
        return f"The token is accepted; writes to {repository.get('full_name', self.connection.project)}."

    @_reading
    def problems(self, drafts: Sequence[Draft]) -> list[str]:
        repository = self._get(self.path)
        found = []
        if repository.get("archived"):
            found.append("The repository is archived: nothing can be written.")
        if not repository.get("has_issues", True):
            found.append("Issues are switched off in this repository.")
        rights = repository.get("permissions") or {}
        if rights and not any(rights.get(name) for name in ("triage", "push", "maintain", "admin")):
            found.append("The account may not set labels here, and without them exports cannot be found again.")
        used = {self._assignee(draft) for draft in drafts} - {""}
        found += [f"“{login}” cannot be assigned in this repository." for login in sorted(used) if not self._has(login)]
        sizes = Counter(draft.group for draft in drafts if not draft.is_epic)
        if any(draft.is_epic for draft in drafts):
            found += [
                f"GitHub takes {MOST_SUB_ISSUES} issues below another one, and the group {group} has {size}."
                for group, size in sizes.items()
                if size > MOST_SUB_ISSUES
            ]
        return found

    def _has(self, login: str) -> bool:
        try:
            self._get(f"{self.path}/assignees/{quote(login, safe='')}")
        except Gone:
            return False
        return True

    def _assignee(self, draft: Draft) -> str:
        assignees: dict[str, str] = self.options.get("assignees", {})
        return assignees.get(draft.group) or assignees.get("*") or ""

    # What is sent

    def payload(self, draft: Draft) -> dict[str, Any]:
        body: dict[str, Any] = {
            **self.options.get("fields", {}),
            "title": draft.title,
            "body": f"{self._text(draft)}\n\n{_mark(draft.label)}",
            "labels": self._labels(draft),
        }
        if assignee := self._assignee(draft):
            body["assignees"] = [assignee]
        return body

    def _labels(self, draft: Draft) -> list[str]:
        kind = ["epic"] if draft.is_epic else []
        own = (" ".join(label.split()) for label in self.options.get("labels", []))
        names = [
            "ticketgen",
            slugify(draft.group),
            draft.common_label,
            *kind,
            *own,
            *self.options.get("components", []),
        ]
        return [name[:LABEL] for name in dict.fromkeys(names)]

    def _text(self, draft: Draft) -> str:
        if len(draft.markdown) <= ROOM:
            return draft.markdown
        return beginning(draft.markdown, lambda text: len(text) <= ROOM) + NOTE

    def parts(self, draft: Draft) -> list[Part]:
        if len(draft.markdown) <= ROOM:
            return []
        rest = draft.markdown[len(self._text(draft)) - len(NOTE) :].lstrip("\n")
        texts = []
        while rest:
            texts.append(beginning(rest, lambda text: len(text) <= ROOM))
            rest = rest[len(texts[-1]) :].lstrip("\n")
        whole = digest(draft.markdown)
        return [Part(f"{draft.label}-{whole}-{number}", text) for number, text in enumerate(texts, start=2)]

    # The calls

    def create(self, payload: dict[str, Any]) -> Remote:
        return _remote(self._write("POST", f"{self.path}/issues", payload))

    def changes(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {name: payload[name] for name in ("title", "body")}

    def update(self, remote: Remote, changes: dict[str, Any]) -> None:
        self._write("PATCH", f"{self.path}/issues/{quote(remote.key)}", changes)

    @_reading
    def look_up(self, key: str) -> Remote:
        number = key.rpartition("/")[2].lstrip("#")
        if not number.isdecimal():
            raise Refused(f"“{key[:50]}” is not the number of an issue.")
        return _remote(self._get(f"{self.path}/issues/{number}"))

    @_reading
    def find(self, common_label: str, labels: Collection[str]) -> dict[str, Remote]:
        marks = {_mark(label): label for label in labels}
        found: dict[str, Remote] = {}
        query = {"labels": common_label, "state": "all", "sort": "created", "direction": "asc"}
        for issue in self._all(f"{self.path}/issues", query):
            text = issue.get("body") or ""
            for mark, label in marks.items():
                if mark in text and "pull_request" not in issue:
                    found.setdefault(label, _remote(issue))
        return found

    def add_part(self, remote: Remote, part: Part) -> None:
        body = {"body": f"{part.text}\n\n{_mark(part.name)}"}
        self._write("POST", f"{self.path}/issues/{quote(remote.key)}/comments", body)

    @_reading
    def has_part(self, remote: Remote, name: str) -> bool:
        comments = self._all(f"{self.path}/issues/{quote(remote.key)}/comments", {})
        return any(_mark(name) in (comment.get("body") or "") for comment in comments)

    def add_link(self, link: Link) -> None:
        path, name, other = self._link(link)
        try:
            self._write("POST", path, {name: int(other.id)})
        except Refused as error:
            if error.stops_run or not self.has_link(link):  # making what is there already is refused
                raise

    @_reading
    def has_link(self, link: Link) -> bool:
        path, _, other = self._link(link)
        return any(str(each["id"]) == other.id for each in self._all(path, {}))

    def _link(self, link: Link) -> tuple[str, str, Remote]:
        """(address, name of the field, the other issue) of a link."""
        if link.kind == "parent":
            return f"{self.path}/issues/{quote(link.second.key)}/sub_issues", "sub_issue_id", link.first
        return f"{self.path}/issues/{quote(link.first.key)}/dependencies/blocked_by", "issue_id", link.second

    # Details

    def _all(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        for number in range(1, MOST_PAGES + 1):
            page = self._get(path, {**query, "per_page": "100", "page": str(number)})
            yield from page
            if len(page) < 100:
                return
        raise Lost(NO_END)

    def _get(self, path: str, query: dict[str, str] | None = None) -> Any:
        return require_done(self._call("GET", path, query=query))

    def _write(self, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = self._call(method, path, json.dumps(body).encode())
        done = require_done(answer)
        if hold := hold_after(answer):
            self.connection.hold_writes(hold)
        return done

    def _call(self, method: str, path: str, body: bytes | None = None, query: dict[str, str] | None = None) -> Answer:
        headers = {**self._headers, **({"Content-Type": "application/json"} if body is not None else {})}
        return call(method, self.connection.base_url + path, headers, query=query, body=body)


def _mark(label: str) -> str:
    return f"<!-- {label} -->"


def _remote(issue: Any) -> Remote:
    key, url = name_in(issue, "number"), str(issue.get("html_url", ""))
    is_link = url.startswith(("https://", "http://")) and url.isprintable() and len(url) <= LONGEST_URL
    return Remote(key, name_in(issue, "id"), url if is_link else "")
