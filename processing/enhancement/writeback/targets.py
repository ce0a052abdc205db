"""Help desks that notes are written to. A new one is one class and one line in TARGETS."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from processing.enhancement.models import EnhancementHistory, HelpDesk
from processing.enhancement.models.desk import Target
from processing.export.answers import as_told_by, name_in, require_done
from processing.export.errors import Lost, Refused
from processing.export.wire import Answer, call
from sessions_app.correlation import correlation_id
from sessions_app.errors import Category

from .note import adf_of, html_of

NOTES_AT_ONCE: Final = 100
UNNAMED: Final = "unnamed"


class NoteTarget(Protocol):
    """One help desk. Raises NotSent, SlowDown, Refused, Gone (nothing was done) or Lost (perhaps it was)."""

    def write(self, run: EnhancementHistory, marker: str) -> str:
        """Add the note; its id there."""

    def find(self, ticket_id: str, marker: str) -> str:
        """The id of the note with this marker; "" if there is none."""


def target_of(desk: HelpDesk) -> NoteTarget:
    """Raises Refused where the workspace writes nothing back."""
    if desk.target not in TARGETS:
        raise Refused("This workspace writes nothing back.", Category.ADMIN_REQUIRED)
    return TARGETS[desk.target](desk)


class ServiceDesk:
    """ServiceDesk Plus by its REST interface, version 3: installed by yourself, or in the cloud."""

    def __init__(self, desk: HelpDesk) -> None:
        self.desk = desk
        is_cloud = desk.target == Target.SERVICEDESK_CLOUD
        self.word = "request_note" if is_cloud else "note"
        token = desk.token.reveal()
        self._headers = {
            "Accept": "application/vnd.manageengine.sdp.v3+json",
            **({"Authorization": f"Zoho-oauthtoken {token}"} if is_cloud else {"authtoken": token}),
            **_correlation(),
        }

    def write(self, run: EnhancementHistory, marker: str) -> str:
        note = {
            "description": html_of(run, marker),
            "show_to_requester": self.desk.show_to_requester,
            "mark_first_response": False,
            "add_to_linked_requests": False,
        }
        if self.word == "request_note":
            note["notify_technician"] = False
        body = urlencode({"input_data": json.dumps({self.word: note}, ensure_ascii=False)}).encode()
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        done = self._done(call("POST", self._notes(run.ticket_id), headers, body=body))
        return _id_of(done.get("note") or done.get("request_note"))

    @as_told_by("ServiceDesk Plus")
    def find(self, ticket_id: str, marker: str) -> str:
        wanted = {"list_info": {"row_count": NOTES_AT_ONCE, "sort_field": "id", "sort_order": "desc"}}
        listed = self._done(
            call("GET", self._notes(ticket_id), self._headers, query={"input_data": json.dumps(wanted)})
        )
        for note in listed.get("notes") or listed.get("request_notes") or []:
            if marker in str(note.get("description", "")) or marker in self._text_of(ticket_id, note):
                return _id_of(note) or UNNAMED
        return ""

    def _text_of(self, ticket_id: str, note: dict[str, Any]) -> str:
        """Lists may come without the texts."""
        if note.get("description") or not note.get("id"):
            return ""
        shown = self._done(call("GET", f"{self._notes(ticket_id)}/{quote(str(note['id']))}", self._headers))
        whole = shown.get("note") or shown.get("request_note") or {}
        return str(whole.get("description", ""))

    def _notes(self, ticket_id: str) -> str:
        if not ticket_id.isascii() or not ticket_id.isdigit():
            raise Refused("ServiceDesk Plus knows its requests by numbers, and this ticket's id is none.")
        return f"{self.desk.base_url}/api/v3/requests/{ticket_id}/notes"

    @staticmethod
    def _done(answer: Answer) -> dict[str, Any]:
        """The body; it may say that it failed although the status is fine."""
        done = require_done(answer)
        if not isinstance(done, dict):
            raise Lost("This does not answer as ServiceDesk Plus does.")
        said = done.get("response_status")
        statuses = said if isinstance(said, list) else [said]
        if any(isinstance(each, dict) and each.get("status") == "failed" for each in statuses):
            raise Refused("ServiceDesk Plus refuses the note.")
        return done


class JiraComment:
    """A comment on an issue of Jira; internal where the project is a service desk."""

    def __init__(self, desk: HelpDesk) -> None:
        connection = desk.connection
        if connection is None:
            raise Refused("The connection to Jira is gone.", Category.ADMIN_REQUIRED)
        self.desk, self.connection = desk, connection
        login = base64.b64encode(f"{connection.account}:{connection.token.reveal()}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json", **_correlation()}

    def write(self, run: EnhancementHistory, marker: str) -> str:
        comment = {
            "body": adf_of(run, marker),
            "properties": [{"key": "sd.public.comment", "value": {"internal": not self.desk.show_to_requester}}],
        }
        body = json.dumps(comment, ensure_ascii=False).encode("utf-8", "replace")
        return _id_of(require_done(call("POST", self._comments(run.ticket_id), self._headers, body=body)))

    @as_told_by("Jira")
    def find(self, ticket_id: str, marker: str) -> str:
        query = {"maxResults": str(NOTES_AT_ONCE), "orderBy": "-created"}
        listed = require_done(call("GET", self._comments(ticket_id), self._headers, query=query))
        for comment in listed.get("comments", []):
            if marker in json.dumps(comment.get("body", "")):
                return _id_of(comment) or UNNAMED
        return ""

    def _comments(self, ticket_id: str) -> str:
        return f"{self.connection.base_url}/rest/api/3/issue/{quote(ticket_id, safe='')}/comment"


def _id_of(note: Any) -> str:
    """What the help desk calls a note that is there; "" if it does not say so."""
    with suppress(Lost):
        return name_in(note, "id")
    return ""


def _correlation() -> dict[str, str]:
    """The id that joins the webhook with this call, where it can stand in a header."""
    value = correlation_id.get()
    return {"X-Request-Id": value} if value.isascii() and value.isprintable() and value and " " not in value else {}


TARGETS: Final[dict[str, Callable[[HelpDesk], NoteTarget]]] = {
    Target.SERVICEDESK: ServiceDesk,
    Target.SERVICEDESK_CLOUD: ServiceDesk,
    Target.JIRA: JiraComment,
}
