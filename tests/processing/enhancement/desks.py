"""Help desks for tests: jobs, a library, settings, a model server."""

from __future__ import annotations

from typing import Any

from processing.enhancement.models import (
    Asset,
    AssetMark,
    EnhancementHistory,
    HelpDesk,
    KnowledgeArticle,
    ResolvedTicket,
)
from processing.enhancement.service import EnhancementService
from processing.enhancement.texts import marks_of, network_of
from sessions_app.models import Workspace

LISTS = {
    "categories": ["Network", "Printing"],
    "priorities": ["Low", "High"],
    "assignees": ["Ana", "Ben"],
}


def job(**changes: Any) -> dict[str, Any]:
    """A job of Northfield's."""
    return {
        "job_id": "job-1",
        "ticket_id": "4711",
        "title": "Printer on the third floor jams",
        "description": "The printer prn-03 (10.1.3.7) jams. Paper gets stuck in the duplex tray since Monday.",
        "priority": "high",
        "tenant_id": "northfield",
        "timestamp": "2026-11-23T10:00:00Z",
        **changes,
    }


def make_library(workspace: Workspace, mark: str = "") -> None:
    """Three solved tickets, two articles, three assets; ``mark`` stands in all of them."""
    ResolvedTicket.objects.bulk_create(
        ResolvedTicket(
            workspace=workspace,
            external_id=f"{number}",
            title=f"Printer jams {mark}",
            description=f"Paper stuck in the duplex tray of printer {number}.",
            resolution=f"Cleaned the rollers of the duplex tray {mark}. Then it printed again.",
            category="Printing",
            priority="Low",
            assignee="Ana",
        )
        for number in (101, 102)
    )
    ResolvedTicket.objects.create(
        workspace=workspace, external_id="103", title=f"Cannot log in {mark}", description="Password expired."
    )
    KnowledgeArticle.objects.create(
        workspace=workspace,
        external_id="KB-1",
        title=f"How to clear paper jams {mark}",
        body="Open the duplex tray. Remove the paper. Close the tray.",
    )
    KnowledgeArticle.objects.create(workspace=workspace, external_id="KB-2", title="Holidays", body="Take them.")
    make_asset(workspace, "A-1", f"prn-03 {mark}".strip(), names="prn-03.northfield.example", networks="10.1.3.7")
    make_asset(workspace, "A-2", f"Third floor {mark}".strip(), networks="10.1.3.0/24")
    make_asset(workspace, "A-3", f"Elsewhere {mark}".strip(), names="elsewhere", networks="10.9.0.0/16")


def make_asset(workspace: Workspace, external_id: str, name: str, *, names: str = "", networks: str = "") -> Asset:
    asset = Asset.objects.create(
        workspace=workspace, external_id=external_id, name=name, names=names, networks=networks, kind="device"
    )
    marks = [("name", each, "") for full in names.split() for each in {full, full.partition(".")[0]}]
    marks += marks_of(filter(None, map(network_of, networks.split())))
    AssetMark.objects.bulk_create(
        AssetMark(asset=asset, workspace=workspace, kind=kind, text=text, first=first) for kind, text, first in marks
    )
    return asset


def make_desk(workspace: Workspace, **fields: Any) -> HelpDesk:
    token = fields.pop("token", "")
    desk = HelpDesk(workspace=workspace, **{**LISTS, **fields})
    if token:
        desk.set_token(token)
    desk.save()
    return desk


def accepted(workspace: Workspace, origin: str = "webhook", **changes: Any) -> EnhancementHistory:
    run, _ = EnhancementService().accept(workspace, job(**{"tenant_id": workspace.slug, **changes}), origin)
    return run
