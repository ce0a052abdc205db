"""Who may reach what. Walks every address; one without a rule here fails (sockets: test_access_sockets.py).

An address of a workspace answers 404 to those outside of it, 403 to members whose role is too small, and a login page
(or 401 below ``/api/``) to nobody; and then not one row and not one file has changed.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from knox.models import AuthToken

from processing.assessment import events, generating, scoring
from processing.assessment.models import AssessmentBatch, EventDelivery, WebhookTarget
from processing.bundles import keep_bundle
from processing.enhancement.models import EnhancementHistory, LibraryImport, Suggestion, Synthesis, WriteBack
from processing.export.files import FORMATS
from processing.models import (
    ExportRecord,
    MetricSample,
    SessionError,
    SessionTask,
    TicketProposal,
    TicketValidation,
    TrackerConnection,
    WebhookSecret,
)
from sessions_app import staging
from sessions_app.actions.review import comment
from sessions_app.actions.workspaces import invite
from sessions_app.models import BulkChange, SavedView, Session, TicketDependency, TicketRevision, TokenUse, Workspace
from sessions_app.models.tickets import TEXT_FIELDS
from tests.assessments import make_batch
from tests.factories import bundles, make_specified_session, make_ticket
from tests.files import Files
from tests.people import People, make_people

pytestmark = pytest.mark.django_db

# Who a rule is about


@dataclass(frozen=True)
class Public:
    """Anybody, signed in or not."""


@dataclass(frozen=True)
class SignedIn:
    """Anybody with an account; what is shown is their own."""

    methods: tuple[str, ...] = ("GET",)


@dataclass(frozen=True)
class Signed:
    """Systems that sign what they send (tests/processing/webhooks); all others are refused, signed in or not."""


@dataclass(frozen=True)
class StaffOnly:
    """Operators."""


class Bound:
    """What belongs to a workspace (or to one person): the least role for each method, by its name.

    Roles: ``view``, ``review``, ``edit``, ``own`` (all of a workspace), ``self`` (only Alice, whose it is).
    """

    def __init__(self, **methods: str) -> None:
        self.methods = {method: role for method, role in methods.items() if role}


ROLES = {
    "view": {"alice", "bob", "rita", "vera"},
    "review": {"alice", "bob", "rita"},
    "edit": {"alice", "bob"},
    "own": {"alice"},
    "self": {"alice"},
}
MEMBERS = ("bob", "rita", "vera")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

RULES: dict[str, Public | Signed | SignedIn | StaffOnly | Bound] = {
    "sessions:list": SignedIn(),
    "sessions:new": SignedIn(("GET", "POST")),
    "sessions:sample": SignedIn(),
    "sessions:detail": Bound(GET="view"),
    "sessions:edit": Bound(GET="edit", POST="edit"),
    "sessions:delete": Bound(POST="edit"),
    "sessions:upload": Bound(POST="edit"),
    "sessions:import": Bound(GET="edit", POST="edit"),
    "sessions:import-confirm": Bound(POST="edit"),
    "sessions:import-discard": Bound(POST="edit"),
    "sessions:file": Bound(GET="view"),
    "sessions:file-mapping": Bound(POST="edit"),
    "sessions:file-delete": Bound(POST="edit"),
    "sessions:file-rows": Bound(GET="view"),
    "sessions:tickets": Bound(GET="view"),
    "sessions:view-keep": Bound(POST="view"),
    "sessions:view-remove": Bound(POST="self"),
    "sessions:ticket": Bound(GET="view"),
    "sessions:order": Bound(GET="view"),
    "sessions:duplicates": Bound(GET="view"),
    "sessions:duplicate-decide": Bound(POST="review"),
    "sessions:dependency": Bound(POST="review"),
    "sessions:dependency-add": Bound(POST="review"),
    "sessions:ticket-move": Bound(POST="review"),
    "sessions:ticket-edit": Bound(GET="review", POST="review"),
    "sessions:ticket-history": Bound(GET="view"),
    "sessions:ticket-restore": Bound(POST="review"),
    "sessions:ticket-judge": Bound(POST="review"),
    "sessions:ticket-comment": Bound(POST="review"),
    "sessions:comment-resolve": Bound(POST="review"),
    "preview:of-text": Bound(POST="review"),
    "preview:as-sent": Bound(GET="view"),
    "proposals:list": Bound(GET="view"),
    "proposals:ask": Bound(POST="edit"),
    "proposals:detail": Bound(GET="view"),
    "proposals:decide": Bound(POST="edit"),
    "readiness:page": Bound(GET="view"),
    "readiness:validate": Bound(POST="review"),
    "sessions:tickets-bulk": Bound(POST="review"),
    "sessions:bulk-result": Bound(GET="review", POST="review"),
    "sessions:mark-dismiss": Bound(POST="review"),
    "runs:run": Bound(GET="view"),
    "runs:act": Bound(POST="edit"),
    "runs:export-file": Bound(GET="view"),
    "models:page": Bound(GET="view"),
    "models:save": Bound(POST="own"),
    "models:check": Bound(POST="own"),
    "models:budget": Bound(POST="own"),
    "connections:page": Bound(GET="view"),
    "connections:add": Bound(POST="own"),
    "connections:save": Bound(POST="own"),
    "connections:check": Bound(POST="own"),
    "connections:delete": Bound(POST="own"),
    "webhooks:page": Bound(GET="view"),
    "webhooks:make": Bound(POST="own"),
    "webhooks:revoke": Bound(POST="own"),
    "assessments:list": SignedIn(),
    "assessments:new": SignedIn(("GET", "POST")),
    "assessments:detail": Bound(GET="view"),
    "assessments:judge": Bound(GET="review", POST="review"),
    "assessments:act": Bound(POST="edit"),
    "assessments:file": Bound(GET="view"),
    "assessments:session": Bound(GET="view", POST="edit"),
    "assessments:targets": Bound(GET="view", POST="own"),
    "assessments:target-delete": Bound(POST="own"),
    "assessments:target-again": Bound(POST="own"),
    "assessment-callback": Signed(),
    "exports:page": Bound(GET="view"),
    "exports:report": Bound(GET="view"),
    "exports:preview": Bound(GET="edit"),
    "exports:record": Bound(POST="edit"),
    "exports:act": Bound(POST="edit"),
    "enhancement:inbox": SignedIn(),
    "enhancement:detail": Bound(GET="view"),
    "enhancement:retry": Bound(POST="review"),
    "enhancement:adopt": Bound(POST="edit"),
    "enhancement:feedback": Bound(POST="review"),
    "enhancement:decide": Bound(POST="review"),
    "enhancement:write-again": Bound(POST="review"),
    "enhancement:settings": Bound(GET="view", POST="own"),
    "enhancement:library": Bound(GET="view"),
    "enhancement:import": Bound(POST="edit"),
    "enhancement:import-detail": Bound(GET="view"),
    "enhancement:from-ticket": Bound(POST="edit"),
    "webhook-servicedesk": Signed(),
    "api-enhancement:enhancements": SignedIn(("GET", "POST")),
    "api-enhancement:enhancement": Bound(GET="view"),
    "api-enhancement:retry": Bound(POST="review"),
    "api-enhancement:decide": Bound(POST="review"),
    "api-enhancement:resolved-tickets": SignedIn(("GET", "POST")),
    "api-enhancement:knowledge": SignedIn(("GET", "POST")),
    "api-enhancement:assets": SignedIn(("GET", "POST")),
    "api-enhancement:library-imports": SignedIn(("GET", "POST")),
    "api-enhancement:library-import": Bound(GET="view"),
    "accounts:tokens": SignedIn(("GET", "POST")),
    "accounts:revoke-token": Bound(POST="self"),
    "workspaces:list": SignedIn(),
    "workspaces:add-member": Bound(POST="own"),
    "workspaces:change-member": Bound(POST="own"),
    "workspaces:invite": Bound(POST="own"),
    "workspaces:invitation-withdraw": Bound(POST="own"),
    "workspaces:join": SignedIn(("GET", "POST")),
    "workspaces:audit": Bound(GET="own"),
    "workspaces:audit-file": Bound(GET="own"),
    "account_login": Public(),
    "account_signup": Public(),
    "account_inactive": Public(),
    "account_logout": Public(),
    "account_confirm_email": Public(),
    "account_confirm_login_code": Public(),
    "account_email_verification_sent": Public(),
    "account_reset_password": Public(),
    "account_reset_password_done": Public(),
    "account_reset_password_from_key": Public(),
    "account_reset_password_from_key_done": Public(),
    "account_reauthenticate": SignedIn(),
    "mfa_index": SignedIn(),
    "mfa_authenticate": Public(),
    "mfa_reauthenticate": SignedIn(),
    "mfa_activate_totp": SignedIn(),
    "mfa_deactivate_totp": SignedIn(),
    "mfa_view_recovery_codes": SignedIn(),
    "mfa_generate_recovery_codes": SignedIn(),
    "mfa_download_recovery_codes": SignedIn(),
    "usersessions_list": SignedIn(),
    "socialaccount_connections": SignedIn(("GET", "POST")),
    "socialaccount_login_cancelled": Public(),
    "socialaccount_signup": Public(),
    "github_login": Public(),
    "github_callback": Public(),
    "atlassian_login": Public(),
    "atlassian_callback": Public(),
    "account_email": SignedIn(),
    "account_change_password": SignedIn(),
    "account_set_password": SignedIn(),
    "api:workspaces": SignedIn(("GET",)),
    "api:sessions": SignedIn(("GET", "POST")),
    "api:session": Bound(GET="view", PATCH="edit", DELETE="edit"),
    "api:files": Bound(GET="view", POST="edit"),
    "api:file": Bound(GET="view", DELETE="edit"),
    "api:file-preview": Bound(GET="view"),
    "api:file-mapping": Bound(PUT="edit"),
    "api:tickets": Bound(GET="view"),
    "api:ticket": Bound(GET="view", PATCH="review"),
    "api:revisions": Bound(GET="view"),
    "api:comments": Bound(GET="view", POST="review"),
    "api:bulk": Bound(POST="review"),
    "api:bulk-undo": Bound(POST="review"),
    "api:graph": Bound(GET="view"),
    "api-runs:estimate": Bound(POST="edit"),
    "api-runs:process": Bound(POST="edit"),
    "api-runs:process-status": Bound(GET="view"),
    "api-runs:process-cancel": Bound(POST="edit"),
    "api-runs:process-retry": Bound(POST="edit"),
    "api-runs:process-pause": Bound(POST="edit"),
    "api-runs:process-resume": Bound(POST="edit"),
    "api-runs:process-errors": Bound(GET="view"),
    "api-runs:regenerate": Bound(POST="edit"),
    "api-runs:proposals": Bound(GET="view"),
    "api-runs:proposal": Bound(GET="view"),
    "api-runs:proposal-accept": Bound(POST="edit"),
    "api-runs:proposal-discard": Bound(POST="edit"),
    "api-runs:proposal-revise": Bound(POST="edit"),
    "api-runs:validate": Bound(POST="review"),
    "api-runs:validate-status": Bound(GET="view"),
    "api-runs:validate-cancel": Bound(POST="review"),
    "api-runs:validate-problems": Bound(GET="view"),
    "api-runs:export-file": Bound(GET="view"),
    "api-runs:export": Bound(POST="edit"),
    "api-runs:export-dry-run": Bound(POST="edit"),
    "api-runs:export-status": Bound(GET="view"),
    "api-runs:export-cancel": Bound(POST="edit"),
    "api-runs:export-pause": Bound(POST="edit"),
    "api-runs:export-resume": Bound(POST="edit"),
    "api-runs:export-report": Bound(GET="view"),
    "api-runs:export-records": Bound(GET="view"),
    "api-runs:export-retry": Bound(POST="edit"),
    "api-runs:export-resolve": Bound(POST="edit"),
    "api-runs:connections": Bound(GET="view", POST="own"),
    "api-runs:connection": Bound(GET="view", PATCH="own", DELETE="own"),
    "api-runs:connection-check": Bound(POST="own"),
    "api-runs:processing-status": Bound(GET="view"),
    "api-assessments:list": SignedIn(("GET", "POST")),
    "api-assessments:detail": Bound(GET="view", DELETE="edit"),
    "api-assessments:start": Bound(POST="edit"),
    "api-assessments:cancel": Bound(POST="edit"),
    "api-assessments:resume": Bound(POST="edit"),
    "api-assessments:ranking": Bound(GET="view"),
    "api-assessments:comparisons": Bound(GET="view"),
    "schema": SignedIn(),
    "docs": SignedIn(),
    "health": Public(),
    "health-live": Public(),
    "health-ready": Public(),
    "metrics": Public(),
    "bundles:list": SignedIn(),
    "bundles:download": Bound(GET="view"),
    "bundles:of-session": Bound(GET="view"),
    "bundles:keep": Bound(POST="review"),
    "operation:page": StaffOnly(),
    "admin:login": StaffOnly(),
    "admin:*": StaffOnly(),
    "django_rq:*": StaffOnly(),
}


# A valid body for each unsafe request: were the door open, something would change.

BODIES: dict[tuple[str, str], Callable[[World], dict[str, Any]]] = {}


def body(*names: str, method: str = "POST") -> Callable[[Callable[[World], dict[str, Any]]], None]:
    def keep(make: Callable[[World], dict[str, Any]]) -> None:
        BODIES.update({(name, method): make for name in names})

    return keep


body("sessions:edit")(lambda world: {"site_name": "Changed", "granularity": "parent"})
body("sessions:delete")(lambda world: {"confirm": world.session.short_key})
body("sessions:upload")(lambda world: {"files": SimpleUploadedFile("Bundles.csv", bundles(1))})
body("sessions:import")(lambda world: {"file": "0", "tab": "", "csv_type": "custom", "was_type": "bundles"})
body("sessions:file-mapping")(lambda world: {"csv_type": "bundles", "filter_column": "X", "filter_seen": ["a"]})
body("sessions:mark-dismiss")(lambda world: {"section": "analysis", "text": "It"})
body("sessions:ticket-edit")(lambda world: {**world.texts, "title": "Changed", "version": world.ticket.version})
body("sessions:ticket-judge")(lambda world: {"version": world.ticket.version, "reason": "Because."})
body("sessions:dependency-add")(lambda world: {"needs": "T-2"})
body("sessions:duplicate-decide")(lambda world: {"kept": str(world.ticket.pk), "other": str(world.link.to_ticket_id)})
body("sessions:ticket-move")(lambda world: {"before": "T-2"})
body("sessions:ticket-restore")(lambda world: {"version": world.ticket.version})
body("sessions:ticket-comment", "api:comments")(lambda world: {"text": "A remark."})
body("sessions:tickets-bulk")(lambda world: {"ticket": [str(world.ticket.pk)], "verb": "approve"})
body("sessions:view-keep")(lambda world: {"name": "To approve", "filter-status": "draft"})
body("api:bulk")(lambda world: {"tickets": [str(world.ticket.pk)], "action": "approve"})
body("proposals:decide", "api-runs:proposal-accept")(lambda world: {"version": world.ticket.version})
body("workspaces:add-member")(lambda world: {"username": "charlie", "role": "editor"})
body("workspaces:invite")(lambda world: {"role": "viewer"})
body("workspaces:change-member")(lambda world: {"role": "owner"})
body("models:save")(lambda world: {"openai-new_key": "sk-of-another-12345"})
CONNECTION = {
    "name": "Another",
    "target": "jira",
    "base_url": "http://127.0.0.1:9",
    "account": "a@example.org",
    "project": "ABC",
    "issue_type": "Task",
    "pace": 1.5,
}
body("connections:add")(lambda world: {f"new-{name}": value for name, value in CONNECTION.items()})
body("connections:save")(lambda world: {f"{world.connection.pk}-{name}": value for name, value in CONNECTION.items()})
body("exports:record", "api-runs:export-resolve")(lambda world: {"decision": "create"})
body("exports:act", "api-runs:export", "api-runs:export-dry-run")(
    lambda world: {"connection": str(world.connection.pk)}
)
body("api-runs:connections")(lambda world: {**CONNECTION, "token": "secret-of-a-tracker"})
body("api-runs:connection", method="PATCH")(lambda world: {"name": "Changed"})
body("enhancement:adopt")(lambda world: {"session": str(world.session.pk)})
body("enhancement:feedback")(lambda world: {"helpful": "yes", "remark": "It did."})
body("enhancement:decide", "api-enhancement:decide")(lambda world: {"decision": "accepted"})
body("enhancement:settings")(lambda world: {"provider": "offline", "target": "none", "categories": "Network"})
body("enhancement:import")(
    lambda world: {"kind": "tickets", "file": SimpleUploadedFile("t.csv", b"id,title\n1,Printer\n")}
)
body("assessments:judge")(lambda world: {"pair": str(world.pair.pk), "choice": "left"})
body("assessments:session")(
    lambda world: {"what": "rank", "rank-title": "T", "rank-question": "Q", "rank-people": "on"}
)
body("assessments:targets")(lambda world: {"url": "https://127.0.0.1/events"})
body("models:budget")(lambda world: {"monthly_budget": "5"})
body("api:session", method="PATCH")(lambda world: {"site_name": "Changed"})
body("api:files")(lambda world: {"pasted": bundles(1).decode(), "name": "Bundles.csv"})
body("api:file-mapping", method="PUT")(lambda world: {"csv_type": "bundles", "exclusions": {"X": ["z"]}})
body("api:ticket", method="PATCH")(lambda world: {"title": "Changed", "version": world.ticket.version})

# The addresses


@dataclass(frozen=True)
class Address:
    name: str
    route: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(?:\w+:)?(\w+)>", self.route)

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def rule(self) -> Public | Signed | SignedIn | StaffOnly | Bound | None:
        return RULES.get(self.name) or RULES.get(self.name.rpartition(":")[0] + ":*")

    def path(self, values: dict[str, Any]) -> str:
        """The address with these values in the places of its parameters."""
        route = re.sub(r"\(\?P<(\w+)>(?:\[[^\]]*\]|[^()])*\)\??", r"<\1>", self.route)
        route = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), route)
        return "/" + re.sub(r"[\^$\\]|/\?", "", route)


def addresses(resolver: Any = None, prefix: str = "", spaces: tuple[str, ...] = ()) -> Iterator[Address]:
    """Every address of the product, those of included packages too."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern, route, (*spaces, pattern.namespace) if pattern.namespace else spaces)
        else:
            yield Address(":".join((*spaces, pattern.name or "unnamed")), route)


ALL = list(addresses())


def those(kind: type) -> list[Any]:
    return [pytest.param(each, id=each.name) for each in ALL if isinstance(each.rule, kind)]


def bound(*, nested: bool = False) -> list[Any]:
    """(address, method) for everything that belongs to a workspace."""
    return [
        pytest.param(each, method, id=f"{method} {each.name}")
        for each in ALL
        if isinstance(each.rule, Bound) and (not nested or len(own_parameters(each)) > 1)
        for method in each.rule.methods
    ]


def own_parameters(address: Address) -> list[str]:
    return [name for name in address.parameters if name.endswith("_id")]


def unsafe() -> list[Any]:
    """(address, method) for everything that changes something in the name of whoever is signed in."""
    return [
        pytest.param(each, method, id=f"{method} {each.name}")
        for each in ALL
        if isinstance(each.rule, Bound | SignedIn)
        for method in each.rule.methods
        if method != "GET"
    ]


# The world


def judged_batch(workspace: Workspace, session: Session) -> AssessmentBatch:
    """Under way, held for a while, with scores of its own and pairs that wait for people."""
    batch = make_batch(workspace, 6, and_start=False, judges=[{"kind": "person"}], session=session)
    generating.start(batch)
    generating.generate_pairs_job(str(batch.pk))
    AssessmentBatch.objects.filter(pk=batch.pk).update(hold_reason="Paused at a limit of money.")
    batch.refresh_from_db()
    scoring._keep(batch, scoring.scored(batch), "provisional")
    events.publish(batch, events.PROVISIONAL, {})
    return batch


class World:
    """What somebody has: a session with files, a ticket, a run that failed, an upload that waits, members, a token."""

    def __init__(self, workspace: Workspace, owner: Any) -> None:
        self.workspace = workspace
        self.session = make_specified_session(workspace, 2, 3)
        self.ticket = make_ticket(self.session, csv_source={"filename": "Bundles.csv", "rows": [1], "lines": [2]})
        self.ticket.fact_marks = [{"section": "analysis", "text": "It", "kind": "label", "says": "no", "start": 19}]
        self.ticket.save(update_fields=["fact_marks"])
        self.revision = TicketRevision.of(self.ticket)
        self.texts = {name: getattr(self.ticket, name) for name in TEXT_FIELDS}
        self.comment = comment(self.ticket, "Change this.", by=owner, is_request=True)
        other = make_ticket(self.session, 2, status="approved")
        self.change = BulkChange.objects.create(
            session=self.session,
            verb="approve",
            changes=[{"ticket": str(other.pk), "version": 1, "from": "draft", "to": "approved", "reason": ""}],
        )
        self.link = TicketDependency.objects.create(from_ticket=other, to_ticket=make_ticket(self.session, 3))
        self.task = SessionTask.objects.create(session=self.session, status="failed", provider="offline")
        SessionError.objects.create(
            session=self.session, task=self.task, code="x", error_category="temporary", user_message="It failed."
        )
        TicketValidation.objects.create(
            ticket=other, ticket_version=1, text_hash="x", valid=True, validated_at=timezone.now()
        )
        self.connection = TrackerConnection(workspace=workspace, **{**CONNECTION, "name": self.session.short_key})
        self.connection.set_token("secret-of-a-tracker")
        self.connection.save()
        self.record = ExportRecord.objects.create(
            session=self.session,
            connection=self.connection,
            ticket=other,
            step="issue",
            phase=1,
            item_key=other.key,
            status="unknown",
            unknown_at=timezone.now(),
            asked_at=timezone.now(),
        )
        self.proposal = TicketProposal.objects.create(
            ticket=self.ticket,
            sections=["title"],
            base_version=1,
            status="ready",
            content={"title": "Another title"},
            lease_until=timezone.now(),
            asked_by_name="alice",
        )
        self.secret, _ = WebhookSecret.make(workspace, "servicedesk")
        Session.objects.filter(pk=self.session.pk).update(ticket_counter=3)
        self.enhanced = _enhanced(workspace, "completed")
        self.failed = _enhanced(workspace, "failed")
        self.suggestion = Suggestion.objects.create(
            enhancement=self.enhanced, field="category", value="Network", confidence=0.5, reason="Because."
        )
        self.note = WriteBack.objects.create(
            workspace=workspace,
            enhancement=self.enhanced,
            target="servicedesk",
            ticket_id=self.enhanced.ticket_id,
            text_hash=uuid.uuid4().hex,
            marker="m",
            status="failed",
        )
        self.view = SavedView.objects.create(session=self.session, user=owner, name="To read", filters={"q": "read"})
        self.assessment = judged_batch(workspace, self.session)
        self.pair = self.assessment.comparison_pairs.filter(completed_at__isnull=True).first()
        self.target = WebhookTarget.objects.create(
            workspace=workspace, url=f"https://127.0.0.1/told/{self.session.pk}", secret="x" * 20
        )
        self.delivery = EventDelivery.objects.create(
            event=self.assessment.events.get(), target=self.target, state="failed", next_at=timezone.now()
        )
        self.batch = staging.stage(self.session.pk, [("Bundles.csv", bundles(1, start=9))])
        self.token = AuthToken.objects.create(owner)[0]
        self.invitation = invite(workspace, "viewer", by=owner)[0]
        self.values = {
            "session_id": self.session.pk,
            "file_id": self.session.files.first().pk,
            "ticket_id": self.ticket.pk,
            "batch_id": self.batch.id,
            "workspace_id": workspace.pk,
            "membership_id": workspace.memberships.order_by("pk").last().pk,
            "provider": "openai",
            "slug": workspace.slug,
            "connection_id": self.connection.pk,
            "assessment_id": self.assessment.pk,
            "not_begun": {self.assessment.pk: make_batch(workspace, 3, and_start=False).pk},
            "target_id": self.target.pk,
            "delivery_id": self.delivery.pk,
            "record_id": self.record.pk,
            "secret_id": self.secret.pk,
            "enhancement_id": self.enhanced.pk,
            "failed_id": self.failed.pk,
            "suggestion_id": self.suggestion.pk,
            "note_id": self.note.pk,
            "import_id": LibraryImport.objects.create(
                workspace=workspace, kind="tickets", filename="t.csv", size=1, status="completed"
            ).pk,
            "link_id": self.link.pk,
            "number": self.revision.version,
            "comment_id": self.comment.pk,
            "change_id": self.change.pk,
            "token_key": self.token.token_key,
            "proposal_id": self.proposal.pk,
            "view_id": self.view.pk,
            "invitation_id": self.invitation.pk,
            "bundle_id": keep_bundle(self.session).pk,
        }


def _enhanced(workspace: Workspace, status: str) -> EnhancementHistory:
    run = EnhancementHistory.objects.create(
        workspace=workspace,
        job_id=uuid.uuid4().hex,
        ticket_id="4711",
        title="A printer jams",
        description="It does.",
        status=status,
        finished_at=timezone.now(),
        error_message="It failed.",
    )
    if status == "completed":
        Synthesis.objects.create(enhancement=run, claims=[{"text": "x", "cites": [], "supported": True, "why": ""}])
    return run


CHOICES = {
    "which": ("all", "failed"),
    "name": tuple(FORMATS),
    "verb": ("start", "cancel", "pause", "resume", "retry"),
    "purpose": ("servicedesk", "assessment"),
}
ONLY_LOOK = ("models:check", "preview:of-text")
"""They take a body and change nothing."""
NOT_BEGUN = ("api-assessments:start", "api-assessments:detail")
"""What is done to an assessment before it begins."""
OF_THE_WORKSPACE = (
    "workspaces:change-member",
    "workspaces:invitation-withdraw",
    "connections:save",
    "connections:check",
    "connections:delete",
    "webhooks:revoke",
    "assessments:target-delete",
    "assessments:target-again",
    "exports:preview",
    "enhancement:import-detail",
)
"""What they name inside belongs to the workspace, whichever session it is named with."""
OF_THE_FAILED = ("enhancement:retry", "api-enhancement:retry")
"""They concern an enhancement that has failed."""
OWN_CHOICES = {
    "assessments:act": {"verb": ("cancel", "resume")},
    "assessments:file": {"name": ("csv", "json")},
    "sessions:dependency": {"change": ("remove", "accept", "reject")},
    "sessions:ticket-judge": {"verb": ("approve", "reject")},
    "proposals:decide": {"verb": ("accept", "discard")},
}


def paths(address: Address, values: dict[str, Any]) -> list[str]:
    """One path, or one for each verb, format … that the address takes."""
    if address.name in OF_THE_FAILED and "failed_id" in values:
        values = {**values, "enhancement_id": values["failed_id"]}
    choices = CHOICES | OWN_CHOICES.get(address.name, {})
    if address.name in NOT_BEGUN and values.get("assessment_id") in values.get("not_begun", {}):
        values = {**values, "assessment_id": values["not_begun"][values["assessment_id"]]}
    choice = next((name for name in address.parameters if name in choices), None)
    if choice is None:
        return [address.path(values)]
    return [address.path({**values, choice: value}) for value in choices[choice]]


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: Any) -> Iterator[People]:
    """As everywhere, but made once for all tests of a file: what a test changes is rolled back behind it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_people()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(people: People) -> World:
    return World(people.workspace, people.alice)


@pytest.fixture(scope="module")
def charlies_world(people: People) -> World:
    return World(people.charlies, people.charlie)


@pytest.fixture(scope="module")
def stored(world: World) -> Files:
    return Files(settings.MEDIA_ROOT)


@pytest.fixture
def put_back(stored: Files) -> Iterator[None]:
    """For tests that may change files of the world, which is made once for all of a file."""
    yield
    stored.put_back()


def client_of(people: People, name: str, address: Address) -> Client:
    return people.api(name) if address.is_api else people.browser(name)


def send(client: Client, method: str, path: str, data: dict[str, Any] | None = None) -> Any:
    send_it = getattr(client, method.lower())
    return send_it(path) if method == "GET" else send_it(path, data if data is not None else {})


def request(people: People, who: str, address: Address, method: str, path: str, world: World) -> Any:
    data = BODIES.get((address.name, method), lambda _: {})(world)
    return send(client_of(people, who, address), method, path, data)


def rows_of(model: Any) -> list[Any]:
    """By plain SQL, for this is asked some hundred thousand times."""
    columns = [field.column for field in model._meta.concrete_fields if field.attname != "last_login"]
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    table, key = map(connection.ops.quote_name, (model._meta.db_table, model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {quoted} FROM {table} ORDER BY {key}")
        return list(cursor.fetchall())


LEFT_OUT = {AuthToken, TokenUse, UserSession, MetricSample}


def fingerprint() -> dict[str, str]:
    """A digest of all rows of each table and of all stored files. Browser sessions, logins, tokens and their last uses,
    which the tests themselves make, and counters are left out; that Alice has a token is kept.
    """
    tables = {
        model._meta.label: hashlib.sha256(repr(rows_of(model)).encode()).hexdigest()
        for model in apps.get_models()
        if model._meta.managed and model._meta.label != "sessions.Session" and model not in LEFT_OUT
    }
    revocable = AuthToken.objects.filter(user__username="alice").exists()
    return {**tables, "tokens": str(revocable), "files": stored_files()}


def stored_files() -> str:
    media = Path(settings.MEDIA_ROOT)
    return repr(sorted((str(path), path.stat().st_mtime_ns) for path in media.rglob("*") if path.is_file()))


@pytest.fixture(scope="module")
def rows_before(world: World, charlies_world: World) -> dict[str, str]:
    """What every test of a file begins with, as each one's changes are rolled back."""
    return fingerprint()


@pytest.fixture
def unchanged(rows_before: dict[str, str]) -> Iterator[None]:
    """Whatever happens in the test changes nothing."""
    before = {**rows_before, "files": stored_files()}
    yield
    after = fingerprint()
    assert after == before, f"changed: {[name for name in before if before[name] != after.get(name)]}"


@pytest.mark.parametrize("address", [pytest.param(each, id=f"{each.name} {each.route}") for each in ALL])
def test_every_address_has_a_rule(address: Address) -> None:
    assert address.rule is not None, (
        f"The address {address.name!r} (/{address.route}) has no rule. Say in RULES of tests/test_access.py who may "
        "reach it: Public(), SignedIn(), StaffOnly() or, for what belongs to a workspace, Bound(GET='view', "
        "POST='edit'); and add a valid body to BODIES for each method that takes one."
    )


def test_no_rule_outlives_its_address() -> None:
    known = {each.name for each in ALL} | {each.name.rpartition(":")[0] + ":*" for each in ALL}
    assert set(RULES) <= known
    assert {name for name, _ in BODIES} <= known


# What belongs to a workspace


@pytest.mark.parametrize("address", those(Bound))
def test_an_address_takes_the_methods_of_its_rule_and_no_other(address, people, world):
    for path in paths(address, world.values):
        for method in METHODS:
            if method in address.rule.methods:
                continue
            answer = send(client_of(people, "alice", address), method, path)
            assert answer.status_code == 405, f"{method} {path} answers {answer.status_code}: give it a rule"
            assert not set(answer.headers["Allow"].split(", ")) & set(METHODS) - set(address.rule.methods)


@pytest.mark.parametrize(("address", "method"), bound())
def test_nobody_is_asked_to_sign_in(address, method, people, world, unchanged):
    for path in paths(address, world.values):
        answer = request(people, "nobody", address, method, path, world)
        if address.is_api:
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"] == "application/problem+json"
        else:
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.parametrize(("address", "method"), bound())
def test_to_a_stranger_it_is_not_there(address, method, people, world, unchanged):
    for path in paths(address, world.values):
        assert request(people, "charlie", address, method, path, world).status_code == 404


@pytest.mark.parametrize(("address", "method"), bound())
def test_a_member_whose_role_is_too_small_is_refused(address, method, people, world, unchanged):
    expected = 404 if address.rule.methods[method] == "self" else 403
    for who in set(MEMBERS) - ROLES[address.rule.methods[method]]:
        for path in paths(address, world.values):
            answer = request(people, who, address, method, path, world)
            assert answer.status_code == expected, f"{who}: {method} {path}"


@pytest.mark.parametrize(("address", "method"), bound(nested=True))
def test_an_id_inside_an_address_belongs_to_what_stands_before_it(address, method, people, world, charlies_world):
    """Alice's session with the file, ticket, upload or member of another session of hers, of Charlie's, of no one."""
    other = World(people.charlies if address.name in OF_THE_WORKSPACE else people.workspace, people.alice)
    outer, *inner = own_parameters(address)
    nowhere = {
        **dict.fromkeys(inner, "00000000-0000-4000-8000-000000000000"),
        "membership_id": 10**9,
        "link_id": 10**9,
        "suggestion_id": 10**9,
        "number": 10**6,
    }
    before = fingerprint()
    mixed = [
        {**world.values, **{name: source[name] for name in inner}}
        for source in (other.values, charlies_world.values, nowhere)
    ]
    for values in [*mixed, {**world.values, outer: charlies_world.values[outer]}]:
        for path in paths(address, values):
            assert request(people, "alice", address, method, path, world).status_code == 404, path
    assert fingerprint() == before


# Everything else

# Pages of what nobody here has turned on; with it: tests/sessions_app/test_second_step.py.
ONLY_WITH_A_SECOND_STEP = {"mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes"}
# Ways to providers that are not set up here; with them: tests/sessions_app/test_sso.py.
ONLY_WITH_A_PROVIDER = {"github_login", "github_callback", "atlassian_login", "atlassian_callback"}


@pytest.mark.parametrize("address", those(SignedIn))
def test_pages_about_oneself_need_a_login(address, people):
    for method in address.rule.methods:
        answer = send(client_of(people, "nobody", address), method, address.path({}))
        assert answer.status_code == (401 if address.is_api else 302)
        if not address.is_api:
            assert answer.headers["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.parametrize("address", those(SignedIn))
def test_pages_about_oneself_are_there_for_everybody_with_an_account(address, people, redis):
    for who in ("alice", "vera", "charlie"):
        answer = client_of(people, who, address).get(address.path({}))
        assert answer.status_code in ((404,) if address.name in ONLY_WITH_A_SECOND_STEP else (200, 302))
        assert "/accounts/login" not in answer.headers.get("Location", "")


@pytest.mark.parametrize(
    ("address", "method"), [each for each in unsafe() if isinstance(each.values[0].rule, SignedIn)]
)
def test_nothing_can_be_made_in_a_workspace_of_others(address, method, people, world):
    before = Session.objects.count(), AuthToken.objects.filter(user=people.alice).count()
    data = {"workspace": people.workspace.slug if address.is_api else people.workspace.pk, "site_name": "Mine now"}
    send(client_of(people, "charlie", address), method, address.path({}), data)
    assert (Session.objects.count(), AuthToken.objects.filter(user=people.alice).count()) == before


@pytest.mark.parametrize("address", those(Public))
def test_public_pages_ask_for_no_login_and_never_break(address, people, redis):
    answer = people.browser("nobody").get(address.path({"uidb36": "1", "key": "x-y"}))
    assert answer.status_code == 404 if address.name in ONLY_WITH_A_PROVIDER else answer.status_code < 400
    assert "next=" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("address", those(Signed))
@pytest.mark.parametrize("who", ["nobody", "alice"])
def test_a_door_for_systems_asks_for_a_signature(address, who, people, world, unchanged):
    for path in paths(address, world.values):
        answer = people.browser(who, enforce_csrf_checks=True).post(path, {}, content_type="application/json")
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert people.browser(who).get(path).status_code == 405


ANYTHING = {
    "id": 1,
    "object_id": 1,
    "content_type_id": 1,
    "app_label": "processing",
    "url": "nothing/",
    "queue_index": 0,
    "scheduler_index": 0,
    "connection_index": 0,
    "scheduler_name": "x",
    "cron_job_name": "x",
    "job_id": "x",
    "result_id": "x",
    "key": "x",
    "token": "x",
}


@pytest.mark.parametrize("who", ["nobody", "alice"])
def test_the_workshop_is_for_staff(who, people, redis, unchanged):
    """All of its addresses in one go, for there are hundreds and none of them changes anything."""
    browser = people.browser(who)
    for address in (each.values[0] for each in those(StaffOnly)):
        for method in ("GET", "POST"):
            answer = send(browser, method, address.path(ANYTHING))
            assert answer.status_code in (302, 401, 403), f"{method} {address.name} answers {answer.status_code}"
            if answer.status_code == 302:
                assert re.match(r"/(accounts|admin)/login/|/admin/$", answer.headers["Location"]), address.name


def test_staff_reach_every_list_of_the_workshop(people, world, redis):
    get_user_model().objects.create_superuser("olga", "olga@example.org", "secret-olga")
    operator = Client()
    operator.force_login(get_user_model().objects.get(username="olga"))
    for address in ALL:
        if address.name.startswith("admin:") and address.name.endswith("_changelist"):
            for query in ("", "?q=x"):
                assert operator.get(address.path({}) + query).status_code == 200, address.name
    assert operator.get("/django-rq/").status_code == 200


def test_one_who_leaves_a_workspace_is_out_at_once(people, world):
    browser, api = people.browser("bob"), people.api("bob")
    assert browser.get(f"/sessions/{world.session.pk}/").status_code == 200

    people.workspace.memberships.get(user=people.bob).delete()

    assert browser.get(f"/sessions/{world.session.pk}/").status_code == 404
    assert api.get(f"/api/sessions/{world.session.pk}").status_code == 404


def test_lists_show_only_what_is_ones_own(people, world, charlies_world):
    charlies_world.session.site_name = "A secret site"
    charlies_world.session.save(update_fields=["site_name"])

    assert "A secret site" not in people.browser("alice").get("/").content.decode()
    assert [each["id"] for each in people.api("alice").get("/api/sessions").json()["results"]] == [
        str(world.session.pk)
    ]
    assert "Charlie" not in people.browser("alice").get("/workspaces/").content.decode()
