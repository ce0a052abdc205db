"""The course of a drill: set the scene, start, strike, let it settle, stop, look."""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection
from django.test import Client, override_settings
from knox.models import AuthToken

from processing.assessment.models import AssessmentBatch, AssessmentEvent, EventDelivery, WebhookTarget
from processing.assessment.models.batches import TERMINAL
from processing.enhancement.models import EnhancementHistory, WriteBack
from processing.enhancement.writeback.fake import FakeServiceDesk
from processing.export.fakes.github import FakeGitHub
from processing.export.fakes.jira import FakeJira
from processing.export.fakes.server import FakeTracker, Reply, Request
from processing.models import OutboxEvent, SessionTask, TrackerConnection, WebhookSecret
from processing.models.encrypted import Secret
from sessions_app.actions.workspaces import create_workspace
from sessions_app.models import Workspace
from sessions_app.retention import prune_uploads
from tests.processing.enhancement.desks import make_desk, make_library
from ticketgen.dev import collect_static

from .checks import Evidence, Row, all_rows, calls_in
from .load import Load, World
from .onlookers import Gallery
from .site import Site
from .stack import Stack
from .strokes import STROKES, Stroke, strike

ROUNDS, QUICK_ROUNDS = 2, 1
SECONDS_BETWEEN, QUICK_SECONDS_BETWEEN = 5.0, 2.0
FIRST_STROKE_AFTER = 6.0
SECONDS_TO_SETTLE = 600.0


class Receiver(FakeTracker):
    """Where events of assessments are sent to. ``came``: how often each came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: Counter[str] = Counter()

    def is_write(self, request: Request) -> bool:
        return request.method == "POST"

    def serve(self, request: Request) -> Reply:
        self.came[request.json["event_id"]] += 1
        return Reply(204)


def run(stack: Stack, options: argparse.Namespace) -> tuple[list[Stroke], list[Row]]:
    """(What was struck, what came of it)."""
    chance = random.Random(options.seed)
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    with _receiver() as receiver:
        site, world = _scene(stack, receiver)
        stack.start()
        gallery = Gallery(stack.webs, site.cookie, options.seed)
        people, entities = (2, 30) if options.quick else (3, 60)
        load = Load(site, gallery, world, people=people, entities=entities, seed=options.seed)
        load.start()
        strokes = list(_strokes(stack, options, chance))
        load.finish()
        late = _settle(stack, load)
        load.settled.set()
        gallery.close()
        with override_settings(STAGING_SECONDS=0):  # what nobody confirmed because a web process died
            prune_uploads()
        left = stack.stop()
        seen = Evidence(
            backlogs=load.backlogs,
            onlookers=gallery.onlookers,
            jobs=load.jobs,
            assessments=load.assessments,
            failures=[*load.failures, *late],
            strokes=strokes,
            jira=_recalled(FakeJira(), stack, "jira"),
            github=_recalled(FakeGitHub(), stack, "github"),
            desk=_recalled(FakeServiceDesk(), stack, "desk"),
            calls=calls_in(stack.calls),
            received=receiver.came,
            left_processes=left,
            logs=stack.folder,
        )
        _say_what_was_done(load, site)
        rows = all_rows(seen)
        connection.close()
    return strokes, rows


@contextmanager
def _receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.close()


def _scene(stack: Stack, receiver: Receiver) -> tuple[Site, World]:
    """A workspace with an owner, trackers, a help desk with a library, and systems that may send and are told."""
    owner = get_user_model().objects.create_user("drill", "drill@example.org", "not-used-here")
    workspace = create_workspace("Drill", owner=owner)
    _, token = AuthToken.objects.create(owner)
    browser = Client()
    browser.force_login(owner)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    where = {name: f"http://127.0.0.1:{port}" for name, port in stack.ports.items()}
    make_library(workspace)
    make_desk(
        workspace,
        provider="compatible",
        llm_model="fake:fault=500,rate=0.1",
        target="servicedesk",
        base_url=where["desk"],
        token="a technician's key",
    )
    WebhookTarget.objects.create(
        workspace=workspace, url=f"{receiver.url}/events", secret=Secret.of("between-us"), hint="n-us"
    )
    connections = {
        "jira": _connection(workspace, "jira", where["jira"], project="ABC", account="me@example.org"),
        "github": _connection(workspace, "github", where["github"], project="acme/site"),
    }
    secrets = {purpose: WebhookSecret.make(workspace, purpose)[1] for purpose in ("servicedesk", "assessment")}
    memories = {name: stack.memory(name) for name in connections}
    connection.close()
    return Site(stack.webs, token, cookie), World(workspace.slug, secrets, connections, memories)


def _connection(workspace: Workspace, target: str, url: str, **fields: Any) -> str:
    made = TrackerConnection(workspace=workspace, name=target, target=target, base_url=url, pace=0.05, **fields)
    made.set_token("a token of this drill")
    made.save()
    return str(made.pk)


def _strokes(stack: Stack, options: argparse.Namespace, chance: random.Random) -> Iterator[Stroke]:
    """Every stroke once in each round, in the order of the seed."""
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    between = QUICK_SECONDS_BETWEEN if options.quick else SECONDS_BETWEEN
    began = time.monotonic()
    stack.look_after(FIRST_STROKE_AFTER)
    for _ in range(rounds):
        names = options.only or list(STROKES)
        for name in chance.sample(names, len(names)):
            stroke = strike(name, stack, chance)
            print(f"{time.monotonic() - began:6.1f} s  {name:32}  {stroke.said}", flush=True)
            yield stroke
            stack.look_after(between + chance.uniform(0, between))


def _settle(stack: Stack, load: Load) -> list[str]:
    """Wait until everybody is at the end and nothing is left to do; what is late, in words."""
    until = time.monotonic() + SECONDS_TO_SETTLE
    while not (load.is_finished and not _left_to_do()):
        if time.monotonic() > until:
            return [f"not settled within {SECONDS_TO_SETTLE:g} s: {_left_to_do() or 'people are still at it'}"]
        stack.look_after(0.5)
    return []


def _left_to_do() -> dict[str, int]:
    """Numbers of what is unfinished; {"database": 1} while it does not answer."""
    connection.close()
    try:
        counts = {
            "tasks": SessionTask.objects.unfinished().count(),
            "enhancements": EnhancementHistory.objects.exclude(status="completed").count(),
            "notes": WriteBack.objects.filter(status__in=("pending", "in_flight")).count(),
            "assessments": AssessmentBatch.objects.exclude(state__in=TERMINAL).count(),
            "messages": OutboxEvent.objects.unsent().count(),
            "events": AssessmentEvent.objects.filter(relayed_at__isnull=True).count(),
            "deliveries": EventDelivery.objects.filter(state="pending").count(),
        }
    except (DatabaseError, InterfaceError):
        return {"database": 1}
    return {name: count for name, count in counts.items() if count}


def _recalled(tracker: Any, stack: Stack, name: str) -> Any:
    tracker.recall(stack.memory(name))
    return tracker


def _say_what_was_done(load: Load, site: Site) -> None:
    backlogs = load.backlogs
    print(
        f"\n{len(backlogs)} sessions, {sum(each.entities for each in backlogs)} entities, "
        f"{sum(each.resumes for each in backlogs)} pauses ended and {sum(each.retries for each in backlogs)} runs "
        f"retried by people, {sum(each.decisions for each in backlogs)} questions about issues answered; "
        f"{len(load.jobs)} help-desk tickets, {load.duplicates} of their webhooks twice, "
        f"{load.asked_again} asked for again after four lost attempts; "
        f"{len(load.assessments)} assessments; "
        + ", ".join(f"{count} {what}" for what, count in sorted(site.counts.items()))
    )
