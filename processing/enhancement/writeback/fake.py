"""A ServiceDesk Plus for development and tests: requests, their notes, and the trouble of every fake."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qsl

from processing.export.fakes.server import Behaviour, FakeTracker, Reply, Request


class FakeServiceDesk(FakeTracker):
    """Knows the requests in ``requests`` (any number if empty). ``notes``: request -> notes, the oldest first."""

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        token: str = "",
        cloud: bool = False,
        requests: tuple[str, ...] = (),
    ) -> None:
        super().__init__(behaviour)
        self.token, self.cloud, self.requests = token, cloud, requests
        self.notes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.correlation_ids: list[str] = []

    def is_write(self, request: Request) -> bool:
        return request.method == "POST"

    @property
    def word(self) -> str:
        return "request_note" if self.cloud else "note"

    def serve(self, request: Request) -> Reply:
        if not self._is_known(request):
            return _failed(401, 4002, "UNAUTHORISED")
        match (request.method, *request.path):
            case ("POST", "api", "v3", "requests", number, "notes") if self._has(number):
                return self._add(number, request)
            case ("GET", "api", "v3", "requests", number, "notes") if self._has(number):
                listed = [{"id": note["id"]} for note in reversed(self.notes[number])]
                return Reply(200, {"notes": listed, "response_status": [{"status_code": 2000, "status": "success"}]})
            case ("GET", "api", "v3", "requests", number, "notes", note_id) if self._has(number):
                found = next((note for note in self.notes[number] if note["id"] == note_id), None)
                return Reply(200, {self.word: found}) if found else _failed(404, 4007, "Invalid URL")
        return _failed(404, 4007, "Invalid URL")

    def _is_known(self, request: Request) -> bool:
        if self.cloud:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            return scheme == "Zoho-oauthtoken" and given == (self.token or given)
        given = request.headers.get("authtoken", "")
        return bool(given) and given == (self.token or given)

    def _has(self, number: str) -> bool:
        return number.isdigit() and (not self.requests or number in self.requests)

    def _add(self, number: str, request: Request) -> Reply:
        sent = json.loads(dict(parse_qsl(request.body.decode()))["input_data"])
        note = sent.get(self.word)
        if not isinstance(note, dict) or not note.get("description"):
            return _failed(400, 4012, "description is mandatory")
        made = {**note, "id": str(1000 + sum(map(len, self.notes.values())))}
        self.notes[number].append(made)
        self.correlation_ids.append(request.headers.get("x-request-id", ""))
        return Reply(201, {self.word: made, "response_status": {"status_code": 2000, "status": "success"}})


def _failed(status: int, code: int, message: str) -> Reply:
    said = {"status_code": 4000, "status": "failed", "messages": [{"status_code": code, "message": message}]}
    return Reply(status, {"response_status": said})
