"""What people and other systems do meanwhile, through the doors that they have."""

from __future__ import annotations

import random
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processing.export.fakes.github import FakeGitHub
from processing.export.fakes.jira import FakeJira
from tests.assessments import result_event, texts
from tests.factories import bundles, fields

from .onlookers import Gallery, Onlooker
from .site import KeyLeftBehind, Refused, Site, form

OVER = ("completed", "completed_with_errors", "failed", "cancelled")
MODELS = (
    "fake:fault=429,rate=0.15",
    "fake:fault=500,rate=0.15",
    "fake:fault=cut,rate=0.15",
    "fake:fault=broken,rate=0.15",
)
"""Every session has a model with troubles of its own."""
LONGEST_WAIT = 600.0
"""Seconds; on a machine that does nothing else a tenth of it is enough."""
EXPORTS = 12
"""Times that a person starts an export before giving up."""


@dataclass
class World:
    """What was there before anybody began. ``connections``: tracker -> id of the connection."""

    workspace: str
    secrets: dict[str, str]
    connections: dict[str, str]
    memories: dict[str, Path]


@dataclass
class Backlog:
    """One session on its way. ``entities``: its rows; ``decisions``: what a person had to say about exports."""

    name: str
    entities: int
    session_id: str = ""
    files: tuple[str, ...] = ()
    onlooker: Onlooker | None = None
    retries: int = 0
    resumes: int = 0
    decisions: int = 0
    is_done: bool = False


@dataclass
class Judged:
    """One assessment. ``winners``: request -> winner of the first result that was counted."""

    name: str
    batch_id: str = ""
    winners: dict[str, str] = field(default_factory=dict)


class Load:
    """All of it, each in a thread of its own, until ``finish`` and what was begun is at its end."""

    def __init__(self, site: Site, gallery: Gallery, world: World, *, people: int, entities: int, seed: int) -> None:
        self.site, self.gallery, self.world, self.entities = site, gallery, world, entities
        self.over, self.settled = threading.Event(), threading.Event()
        self.numbers = iter(range(1, 10_000))
        self.backlogs: list[Backlog] = []
        self.jobs: dict[str, str] = {}
        self.duplicates = self.asked_again = 0
        self.assessments: list[Judged] = []
        self.requested: dict[str, str] = {}
        self.failures: list[str] = []
        self.lock = threading.Lock()
        everybody: list[Callable[[random.Random], None]] = [self._person] * people
        everybody += [self._help_desk, self._asks_models, self._asks_outside, self._asks_late, self._asks_by_event]
        self.threads = [
            threading.Thread(target=self._live, args=(life, random.Random(f"{seed} {place}")), daemon=True)
            for place, life in enumerate(everybody)
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()
        threading.Thread(target=self._ask_again, daemon=True).start()

    def finish(self) -> None:
        """Begin nothing new."""
        self.over.set()

    @property
    def is_finished(self) -> bool:
        return not any(thread.is_alive() for thread in self.threads)

    def _live(self, life: Callable[[random.Random], None], chance: random.Random) -> None:
        while not self.over.is_set():
            try:
                life(chance)
            except Exception as error:  # whatever it is, the table tells it
                traceback.print_exc()
                self.failures.append(f"{type(error).__name__}: {error}"[:300])
                return

    # A person with a specification

    def _person(self, chance: random.Random) -> None:
        with self.lock:
            number = next(self.numbers)
            backlog = Backlog(f"Site {number}", self.entities)
            self.backlogs.append(backlog)
        backlog.session_id = self._created(backlog.name, MODELS[number % len(MODELS)])
        backlog.onlooker = self.gallery.look_on(backlog.session_id)
        content = max(2, self.entities // 8)
        files = {
            "Bundles.csv": bundles(content, start=1_000 * number),
            "Fields.csv": fields(self.entities - content, content, start=1_000 * number),
        }
        backlog.files = tuple(files)
        if number % 2:
            self._imported_by_page(backlog, files)
        else:
            self._imported_by_api(backlog, files)
        self._generated(backlog)
        self._approved(backlog)
        self._run(backlog, "validate")
        for tracker in chance.sample(["jira", "github"], 2):
            self._exported(backlog, tracker)
        backlog.is_done = True

    def _created(self, name: str, model: str) -> str:
        values = {"site_name": name, "llm_provider_choice": "compatible", "llm_model": model}
        while True:
            try:
                made = self.site.post("/api/sessions", values, key=f"{name} {uuid.uuid4()}")
            except KeyLeftBehind:
                there = self.site.get("/api/sessions?page_size=500")["results"]
                if not (made := next((each for each in there if each["site_name"] == name), None)):
                    continue
            return str(made["id"])

    def _imported_by_api(self, backlog: Backlog, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            pasted = {"pasted": data.decode(), "name": name}
            report = self.site.post(f"/api/sessions/{backlog.session_id}/files", {**pasted, "dry_run": True})
            assert report["files"][0]["accepted"], report
            while True:
                try:
                    self.site.post(f"/api/sessions/{backlog.session_id}/files", pasted, key=str(uuid.uuid4()))
                except KeyLeftBehind:
                    if not self._has_file(backlog, name):
                        continue
                break

    def _imported_by_page(self, backlog: Backlog, files: dict[str, bytes]) -> None:
        """Drop, look, confirm; from the beginning where a web process died on the way."""
        while not all(self._has_file(backlog, name) for name in files):
            status, preview = self.site.page("POST", f"/sessions/{backlog.session_id}/upload/", *form("files", files))
            assert status == 302, f"the upload was answered {status}"
            status, _ = self.site.page("GET", preview)
            assert status == 200, f"the preview was answered {status}"
            self.site.page("POST", f"{preview.partition('?')[0]}confirm/")

    def _has_file(self, backlog: Backlog, name: str) -> bool:
        there = self.site.get(f"/api/sessions/{backlog.session_id}/files")
        return name in {each["filename"] for each in there["results"]}

    def _generated(self, backlog: Backlog) -> None:
        task_id = self._begun(f"/api/sessions/{backlog.session_id}/process")["task_id"]
        while (status := self._over(backlog, "process", task_id))["status"] != "completed":
            backlog.retries += 1
            assert backlog.retries < 30, status
            task_id = self._begun(f"/api/sessions/{backlog.session_id}/process/retry")["task_id"]

    def _begun(self, path: str, body: Any = None) -> Any:
        """The model or the tracker may be away just now: a person asks again."""
        until = time.monotonic() + LONGEST_WAIT
        while True:
            try:
                return self.site.post(path, body)
            except Refused as refused:
                if path.endswith("/retry") and "no failed run" in str(refused.problem):
                    return self.site.get(path.removesuffix("/retry") + "/status")
                if time.monotonic() > until:
                    raise
                time.sleep(1)

    def _approved(self, backlog: Backlog) -> None:
        asked = {"action": "approve", "filters": {}}
        done = self.site.post(f"/api/sessions/{backlog.session_id}/tickets/bulk", asked)
        assert len(done["done"]) + len(done["skipped"]) == backlog.entities, done

    def _run(self, backlog: Backlog, what: str, body: Any = None) -> dict[str, Any]:
        """Start a task and wait for its end."""
        began = self._begun(f"/api/sessions/{backlog.session_id}/{what}", body)
        return self._over(backlog, what, began["task_id"])

    def _over(self, backlog: Backlog, what: str, task_id: str) -> dict[str, Any]:
        """The status of the task once it is over. A pause is ended by a person."""
        path = f"/api/sessions/{backlog.session_id}/{what}"
        until = time.monotonic() + LONGEST_WAIT
        while (status := self.site.get(f"{path}/status"))["status"] not in OVER or status["task_id"] != task_id:
            if status["status"] == "paused":
                backlog.resumes += 1
                with suppress(Refused):  # somebody else was faster
                    self.site.post(f"{path}/resume")
            assert time.monotonic() < until, f"{what} of {backlog.name} has no end: {status}"
            time.sleep(0.4)
        if backlog.onlooker:
            backlog.onlooker.await_last_word(task_id)
        return dict(status)

    def _exported(self, backlog: Backlog, tracker: str) -> None:
        """Until everything is there. What is unknown to the end, a person looks up in the tracker."""
        connection = self.world.connections[tracker]
        path = f"/api/sessions/{backlog.session_id}/export"
        for _ in range(EXPORTS):
            status = self._run(backlog, "export", {"connection": connection})
            records = self.site.get(f"{path}/records?connection={connection}&page_size=500")["results"]
            wrong = [each for each in records if each["status"] in ("failed", "unknown")]
            if status["status"] == "completed" and not wrong:
                return
            for each in wrong:
                self._settled(backlog, tracker, each)
        raise AssertionError(f"{backlog.name} was not exported to {tracker} in {EXPORTS} turns: {wrong[:3]}")

    def _settled(self, backlog: Backlog, tracker: str, record: dict[str, Any]) -> None:
        path = f"/api/sessions/{backlog.session_id}/export/records/{record['id']}"
        with suppress(Refused):  # it was settled by what was settled before
            if record["needs_decision"]:
                backlog.decisions += 1
                key = key_in_tracker(tracker, self.world.memories[tracker], record["label"])
                said = {"decision": "exists", "key": key} if key else {"decision": "create"}
                self._over(backlog, "export", self.site.post(f"{path}/resolve", said)["task_id"])
            elif record["status"] == "failed":
                self._over(backlog, "export", self.site.post(f"{path}/retry")["task_id"])

    # Help-desk tickets

    def _help_desk(self, chance: random.Random) -> None:
        number = len(self.jobs) + 1
        job, ticket = f"job-{number}", str(5_000 + number)
        body = {
            "job_id": job,
            "ticket_id": ticket,
            "title": f"Printer {number} jams",
            "description": f"The printer prn-03 (10.1.3.7) jams for the {number}th time: paper in the duplex tray.",
            "priority": "high",
            "tenant_id": self.world.workspace,
            "timestamp": "2026-11-23T10:00:00Z",
        }
        again = []
        if chance.random() < 0.3:
            again.append(threading.Thread(target=self._deliver, args=(body, f"{job}-a")))
        if chance.random() < 0.2:
            again.append(threading.Thread(target=self._deliver, args=(body, f"{job}-b")))
        for thread in again:
            thread.start()
        self._deliver(body, f"{job}-a")
        for thread in again:
            thread.join()
        with self.lock:
            self.duplicates += len(again)
            self.jobs[job] = ticket
        self.over.wait(chance.uniform(0.3, 1.7))

    def _deliver(self, body: dict[str, Any], delivery: str) -> None:
        secret = self.world.secrets["servicedesk"]
        try:
            self.site.signed(
                "/webhook/servicedesk", body, secret=secret, workspace=self.world.workspace, delivery=delivery
            )
        except Refused as refused:
            if refused.status != 409:  # the same id with another time stamp is another message
                self.failures.append(f"webhook {delivery}: {refused}")

    def _ask_again(self) -> None:
        """A ticket whose workers died four times has failed, and says so; a person asks for it once more."""
        while not self.settled.wait(2):
            with suppress(Refused, TimeoutError):
                for run in self.site.get("/api/enhancements?status=failed&page_size=500")["results"]:
                    self.site.post(f"/api/enhancements/{run['id']}/retry")
                    self.asked_again += 1

    # Comparisons

    def _ask(self, name: str, count: int, **values: Any) -> Judged:
        judged = Judged(f"{name}-{uuid.uuid4().hex[:8]}")
        items = [{**each, "text_content": f"{each['text_content']} {judged.name}"} for each in texts(count)]
        asked = {"workspace": self.world.workspace, "title": judged.name, "question": "Which argues better?"}
        asked |= {"outside_id": judged.name, "items": items, "start": True, **values}
        judged.batch_id = self.site.post("/api/assessments", asked)["id"]
        with self.lock:
            self.assessments.append(judged)
        return judged

    def _asks_models(self, chance: random.Random) -> None:
        judges = [{"kind": "model", "provider": "compatible", "model": "fake:noise=0.5,fault=500,rate=0.1"}]
        judged = self._ask("by-models", 8, judges=judges, both_orders=True, total_budget=20)
        self._until_it_ends(judged)
        self.over.wait(chance.uniform(2, 6))

    def _asks_outside(self, chance: random.Random) -> None:
        judged = self._ask("by-others", 8, judges=[{"kind": "outside"}], total_budget=24)
        self._judge(judged, chance, share=1.0)
        self._until_it_ends(judged)
        self.over.wait(chance.uniform(2, 6))

    def _asks_late(self, chance: random.Random) -> None:
        """Some results come only after the end: they are counted, and change nothing else."""
        judged = self._ask("by-slow-ones", 8, judges=[{"kind": "outside"}], total_budget=24)
        kept_back = self._judge(judged, chance, share=0.87)
        self._until_it_ends(judged)
        for request in kept_back:
            self._say(judged, request, "essay_a")
        self.over.wait(chance.uniform(2, 6))

    def _asks_by_event(self, chance: random.Random) -> None:
        """A request by signed event, twice; the same id gives the same batch."""
        judged = Judged(f"by-event-{uuid.uuid4().hex[:8]}")
        data = {"bos_batch_id": judged.name, "essays": texts(6), "total_budget": 12}
        event = {"event_type": "cj_assessment.requested.v1", "event_id": str(uuid.uuid4()), "data": data}
        told = {self._callback(event, f"{judged.name}-{turn}")["cj_assessment_job_id"] for turn in range(2)}
        if len(told) != 1:
            self.failures.append(f"{judged.name}: two batches for one request")
        judged.batch_id = told.pop()
        with self.lock:
            self.assessments.append(judged)
        self._judge(judged, chance, share=1.0)
        self._until_it_ends(judged)
        self.over.wait(chance.uniform(2, 6))

    def _judge(self, judged: Judged, chance: random.Random, share: float) -> list[str]:
        """Results for what is waiting, some of them sent twice with two winners; returns requests kept back."""
        path = f"/api/assessments/{judged.batch_id}/comparisons?judge_kind=outside&waiting=1&page_size=500"
        until = time.monotonic() + LONGEST_WAIT
        kept_back: list[str] = []
        while not self._is_over(judged):
            waiting = [each["request_correlation_id"] for each in self.site.get(path)["results"]]
            most = round(len(waiting) * share) if not judged.winners else 0 if share < 1 else len(waiting)
            for request in waiting[:most]:
                self._say(judged, request, chance.choice(["essay_a", "essay_b"]))
                if chance.random() < 0.25:
                    self._say(judged, request, "tie")
                time.sleep(chance.uniform(0, 0.2))
            if most and share < 1:
                kept_back = waiting[most:]
            assert time.monotonic() < until, f"{judged.name} has no end"
            time.sleep(0.5)
        return kept_back

    def _say(self, judged: Judged, request: str, winner: str) -> None:
        event = result_event(uuid.UUID(request), winner=winner)
        outcome = self._callback(event, event["event_id"])["outcome"]
        if outcome == "counted":
            if request in judged.winners:
                self.failures.append(f"{judged.name}: {request} was counted twice")
            judged.winners[request] = winner

    def _callback(self, event: dict[str, Any], delivery: str) -> Any:
        return self.site.signed(
            "/callbacks/assessment",
            event,
            secret=self.world.secrets["assessment"],
            workspace=self.world.workspace,
            delivery=delivery,
        )

    def _until_it_ends(self, judged: Judged) -> None:
        until = time.monotonic() + LONGEST_WAIT
        while not self._is_over(judged):
            assert time.monotonic() < until, f"{judged.name} has no end"
            time.sleep(0.5)

    def _is_over(self, judged: Judged) -> bool:
        told = self.site.get(f"/api/assessments/{judged.batch_id}")
        if told["hold_reason"] and told["state"] not in ("COMPLETED", "FAILED", "CANCELLED"):
            with suppress(Refused):
                self.site.post(f"/api/assessments/{judged.batch_id}/resume")
        return told["state"] in ("COMPLETED", "FAILED", "CANCELLED")


def key_in_tracker(tracker: str, memory: Path, label: str) -> str:
    """The key of the issue with this label, found by looking into the tracker itself; "" if there is none."""
    if tracker == "jira":
        jira = FakeJira()
        jira.recall(memory)
        return next((each.key for each in jira.issues.values() if label in each.fields["labels"]), "")
    github = FakeGitHub()
    github.recall(memory)
    return next((str(each.number) for each in github.issues.values() if label in each.body), "")
