"""A small typed client of ticketgen's API: one file for Python 3.11 or newer, with nothing to install. Copy it.

    client = Client("https://tickets.example.org", token="tg_…")
    session = client.create_session("Northfield University")
    client.upload(session["id"], [Path("Bundles.csv"), Path("Fields.csv")])
    client.process(session["id"])
    client.wait(session["id"], tell=lambda status: print(status["progress_percentage"]))
    client.download_backlog(session["id"], Path("backlog.md"))

Every POST carries an Idempotency-Key of its own, so it is sent again without fear when its answer was lost: nothing is
done twice. ``Retry-After`` is obeyed. Whatever the API refuses is raised as a Problem.
"""

from __future__ import annotations

import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Generic, NotRequired, TypedDict, TypeVar, cast

# What the API answers, as far as this client reads it (all of it: /api/schema/).


class Session(TypedDict):
    id: str
    key: str
    workspace: str
    site_name: str
    site_description: str
    stage: str
    llm_provider_choice: str
    granularity: str
    file_count: int
    ticket_count: int


class Finding(TypedDict):
    code: str
    message: str
    row: int
    line: int
    column: str
    value: str
    expected: str


class FileReport(TypedDict):
    """How a file was understood. ``dispositions`` (used, folded, filtered, dropped) add up to ``rows``."""

    file: str
    accepted: bool
    csv_type: str | None
    rows: int
    entities: int
    dispositions: dict[str, int]
    warnings: list[Finding]
    errors: list[Finding]


class File(TypedDict):
    id: str
    filename: str
    csv_type: str
    row_count: int
    entity_count: int
    dispositions: dict[str, int]


class Import(TypedDict):
    """``imported`` is not there after a dry run."""

    files: list[FileReport]
    imported: NotRequired[list[File]]


class Range(TypedDict):
    low: float | None
    expected: float | None
    high: float | None


class Estimate(TypedDict):
    to_write: int
    up_to_date: int
    llm_provider: str
    calls: Range
    cost: Range
    minutes: Range


class RunStarted(TypedDict):
    task_id: str
    session_id: str
    status: str
    estimated_tickets: int
    already_running: bool


class RunError(TypedDict, total=False):
    code: str
    category: str
    message: str
    recovery_actions: list[str]


class Status(TypedDict):
    """What runs, validations and exports have in common."""

    session_id: str
    task_id: str | None
    status: str
    progress_percentage: float
    current_stage: str
    error: RunError


class RunStatus(Status):
    tickets_generated: int
    tickets_failed: int
    estimated_total: int
    remaining_seconds: float | None


class ValidationStatus(Status):
    """``counts``: tickets by what people and the check said of them, as they are now."""

    counts: dict[str, int]


class TicketRow(TypedDict):
    id: str
    short_key: str
    key: str
    csv_type: str
    entity_group: str
    title: str
    status: str
    source_state: str
    mark_count: int
    position: int
    version: int


class Ticket(TypedDict):
    id: str
    short_key: str
    key: str
    title: str
    user_story: str
    analysis: str
    verification: str
    facts: list[dict[str, Any]]
    fact_marks: list[dict[str, Any]]
    status: str
    version: int
    depends_on: list[dict[str, Any]]


class BulkResult(TypedDict):
    """Short keys of those that were changed, and [short key, reason] of those that were not."""

    change: str | None
    done: list[str]
    skipped: list[list[str]]


Body = TypeVar("Body")
Task = TypeVar("Task", bound=Status)


@dataclass(frozen=True, slots=True)
class Tagged(Generic[Body]):
    """What was read, and the tag that names it."""

    value: Body
    etag: str


# What can go wrong.


class Problem(Exception):
    """The API refused. ``code`` is for programs, the sentence for people; ``request_id`` stands in the server's log."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        super().__init__(str(body.get("detail") or f"The server answered {status}."))
        self.status = status
        self.code = str(body.get("code", ""))
        self.request_id = str(body.get("request_id", ""))
        self.category = str(body.get("category", ""))
        self.recovery_actions = [str(each) for each in body.get("recovery_actions", [])]
        self.errors: dict[str, Any] = body["errors"] if isinstance(body.get("errors"), dict) else {}
        self.body = dict(body)
        self.retry_after = retry_after

    @property
    def is_passing(self) -> bool:
        """Nothing was done, and the same may be asked again in a while."""
        return self.status in (429, 503) or self.code == "request_in_progress"


class Conflict(Problem):
    """409 or 412: not in its present state, or somebody else was faster. Read it again."""


class Unreachable(Exception):
    """No whole answer came, however often it was tried."""


class RunFailed(Exception):
    """A run, a validation or an export came to no good end; ``status`` has its error and what to do."""

    def __init__(self, status: Status) -> None:
        super().__init__(status["error"].get("message") or f"It is {status['status']}.")
        self.status = status


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to nobody but the server that was named."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_LOST = (urllib.error.URLError, http.client.HTTPException, OSError)
_ENDED = ("completed", "completed_with_errors", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class _Request:
    """``may_repeat``: doing it twice is doing it once, so it is sent again when no answer came."""

    method: str
    url: str
    headers: dict[str, str]
    data: bytes | None
    may_repeat: bool


class Client:
    """Speaks to one server in the name of one token.

    ``tries``: how often a request is sent at most. ``patience``: seconds that it waits in all for one request; where
    ``Retry-After`` says more, the Problem is raised at once.
    """

    def __init__(self, site: str, token: str, *, timeout: float = 60, tries: int = 6, patience: float = 120) -> None:
        if urllib.parse.urlsplit(site).scheme not in ("http", "https"):
            raise ValueError("The site is an address that begins with https://")
        self.site = site.rstrip("/")
        self._token, self._timeout, self._tries, self._patience = token, timeout, tries, patience
        self._opener = urllib.request.build_opener(_NoRedirects)

    # Sessions and files

    def create_session(self, site_name: str, *, key: str = "", **fields: Any) -> Session:
        """``fields``: workspace, site_description, llm_provider_choice, granularity … as the schema has them."""
        return cast("Session", self._post("/api/sessions", {"site_name": site_name, **fields}, key))

    def sessions(self, **filters: str) -> Iterator[Session]:
        """``filters``: q, stage, workspace."""
        return cast("Iterator[Session]", self._rows("/api/sessions", filters))

    def delete_session(self, session_id: str) -> None:
        self._call("DELETE", f"/api/sessions/{session_id}")

    def upload(
        self, session_id: str, files: Iterable[Path | tuple[str, bytes]], *, dry_run: bool = False, key: str = ""
    ) -> Import:
        """Files of the specification, by path or as (name, content). ``dry_run``: only say what would be imported."""
        named = [(file.name, file.read_bytes()) if isinstance(file, Path) else file for file in files]
        data, content_type = _multipart(named, {"dry_run": "true"} if dry_run else {})
        headers = {"Content-Type": content_type, **_key(key)}
        return cast("Import", self._call("POST", f"/api/sessions/{session_id}/files", data=data, headers=headers)[0])

    def files(self, session_id: str) -> Iterator[File]:
        return cast("Iterator[File]", self._rows(f"/api/sessions/{session_id}/files", {}))

    # Runs

    def estimate(self, session_id: str) -> Estimate:
        return cast("Estimate", self._post(f"/api/sessions/{session_id}/estimate"))

    def process(self, session_id: str, *, key: str = "") -> RunStarted:
        """Write the tickets. Answers at once; ``wait`` for the end."""
        return cast("RunStarted", self._post(f"/api/sessions/{session_id}/process", key=key))

    def retry(self, session_id: str, *, key: str = "") -> RunStarted:
        """Run again what failed."""
        return cast("RunStarted", self._post(f"/api/sessions/{session_id}/process/retry", key=key))

    def cancel(self, session_id: str) -> RunStatus:
        return cast("RunStatus", self._post(f"/api/sessions/{session_id}/process/cancel"))

    def status(self, session_id: str) -> RunStatus:
        return cast("RunStatus", self._get(f"/api/sessions/{session_id}/process/status"))

    def wait(
        self, session_id: str, tell: Callable[[RunStatus], None] | None = None, *, every: float = 1.0
    ) -> RunStatus:
        """The end of the run, or its pause (then a person has to decide something). ``tell`` hears of each step.

        Raises RunFailed if it failed or was cancelled.
        """
        return _until_ended(lambda: self.status(session_id), tell, every)

    # Tickets

    def tickets(self, session_id: str, **filters: str) -> Iterator[TicketRow]:
        """In working order. ``filters``: q, group, type, status, source_state, marked."""
        return cast("Iterator[TicketRow]", self._rows(f"/api/sessions/{session_id}/tickets", filters))

    def ticket(self, session_id: str, ticket_id: str) -> Tagged[Ticket]:
        body, headers = self._call("GET", f"/api/sessions/{session_id}/tickets/{ticket_id}")
        return Tagged(cast("Ticket", body), headers["ETag"])

    def change_ticket(self, session_id: str, read: Tagged[Ticket], **changes: str) -> Tagged[Ticket]:
        """Texts (title, user_story, analysis, verification), or a status. Raises Conflict if it is not as read."""
        url = f"/api/sessions/{session_id}/tickets/{read.value['id']}"
        body, headers = self._call("PATCH", url, json_body=changes, headers={"If-Match": read.etag})
        return Tagged(cast("Ticket", body), headers["ETag"])

    def judge(
        self,
        session_id: str,
        action: str,
        *,
        tickets: Sequence[str] | None = None,
        filters: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> BulkResult:
        """approve, reject or reopen many: those with these ids, or all that match the filters."""
        chosen = {"filters": dict(filters or {})} if tickets is None else {"tickets": list(tickets)}
        body = {"action": action, "reason": reason, **chosen}
        return cast("BulkResult", self._post(f"/api/sessions/{session_id}/tickets/bulk", body))

    # On their way out

    def validate(self, session_id: str, tell: Callable[[ValidationStatus], None] | None = None) -> ValidationStatus:
        """Look whether a tracker will take the tickets, and wait for the result."""
        self._post(f"/api/sessions/{session_id}/validate")
        url = f"/api/sessions/{session_id}/validate/status"
        return _until_ended(lambda: cast("ValidationStatus", self._get(url)), tell, 0.5)

    def download_backlog(self, session_id: str, to: Path, form: str = "md") -> Path:
        """``form``: md, json, csv or jira-csv. The file is there as a whole or not at all."""
        content, _ = self._send(self._request("GET", f"/api/sessions/{session_id}/export/file?format={form}"))
        beside = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}")
        beside.write_bytes(content)
        return beside.replace(to)

    # How it is sent

    def _get(self, path: str) -> Any:
        return self._call("GET", path)[0]

    def _post(self, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> Any:
        return self._call("POST", path, json_body=body or {}, headers=_key(key))[0]

    def _rows(self, path: str, filters: Mapping[str, str]) -> Iterator[Any]:
        page = 1
        while True:
            query = urllib.parse.urlencode({**filters, "page": page, "page_size": 500})
            body = self._get(f"{path}?{query}")
            yield from body["results"]
            if not body["next"]:
                return
            page += 1

    def _call(
        self,
        method: str,
        path: str,
        *,
        json_body: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Any, Message]:
        content, answered = self._send(self._request(method, path, json_body, data, headers))
        return json.loads(content) if content else None, answered

    def _request(
        self,
        method: str,
        path: str,
        json_body: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> _Request:
        sent = {"Authorization": f"Bearer {self._token}", "Accept": "*/*", **(headers or {})}
        if json_body is not None:
            data = json.dumps(json_body).encode()
            sent["Content-Type"] = "application/json"
        may_repeat = method in ("GET", "DELETE") or "Idempotency-Key" in sent
        return _Request(method, self.site + path, sent, data, may_repeat)

    def _send(self, request: _Request) -> tuple[bytes, Message]:
        """The answer, after as many tries as it takes. Raises Problem or Unreachable."""
        number, waited = 0, 0.0
        while True:
            number += 1
            may_again = number < self._tries
            wait = _backoff(number)
            try:
                return self._send_once(request)
            except Problem as problem:
                if request.method == "DELETE" and problem.status == 404 and number > 1:
                    return b"", Message()  # it was deleted before, and that answer was lost
                wait = wait if problem.retry_after is None else problem.retry_after
                may_again = may_again or problem.code == "request_in_progress"
                is_lost = problem.status in (502, 504) and request.may_repeat
                if not may_again or not (problem.is_passing or is_lost) or waited + wait > self._patience:
                    raise
            except _LOST as error:
                if not may_again or not request.may_repeat:
                    raise Unreachable(f"{request.method} {request.url}: {error}") from error
            time.sleep(wait)
            waited += wait

    def _send_once(self, request: _Request) -> tuple[bytes, Message]:
        asked = urllib.request.Request(request.url, request.data, request.headers, method=request.method)
        try:
            with self._opener.open(asked, timeout=self._timeout) as answer:
                return _whole(answer), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                raise _problem(error.code, _whole(error), error.headers) from None


def _whole(answer: Any) -> bytes:
    """The body. An answer that was cut off among its headers, which urllib takes for their end, is incomplete too."""
    content: bytes = answer.read()
    if "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers:
        raise http.client.IncompleteRead(content)
    return content


def _problem(status: int, content: bytes, headers: Message) -> Problem:
    """What was refused; a proxy's own page has no code and no request id."""
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    wait = headers.get("Retry-After", "")
    kind = Conflict if status in (409, 412) else Problem
    return kind(status, body if isinstance(body, dict) else {}, float(wait) if wait.isdecimal() else None)


def _key(key: str) -> dict[str, str]:
    """A key that the caller keeps over restarts of its program, or a new one."""
    return {"Idempotency-Key": key or uuid.uuid4().hex}


def _backoff(number: int) -> float:
    """Seconds after so many tries; spread, so that many clients do not come back together."""
    longest = min(30.0, 0.5 * 2.0 ** (number - 1))
    return random.uniform(longest / 2, longest)


def _multipart(files: Iterable[tuple[str, bytes]], fields: Mapping[str, str]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    for name, content in files:
        safe = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'name="files"; filename="{safe}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts.append(head.encode() + content)
    start = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(start + part + b"\r\n" for part in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _until_ended(ask: Callable[[], Task], tell: Callable[[Task], None] | None, every: float) -> Task:
    told = None
    while True:
        status = ask()
        if tell is not None and status != told:
            tell(status)
            told = status
        if status["status"] in ("failed", "cancelled"):
            raise RunFailed(status)
        if status["status"] in (*_ENDED, "paused", "idle"):
            return status
        time.sleep(every)
