"""The operator's workshop for the help desk: what is stuck, and the same verbs as on the pages."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from sessions_app.admin import ReadOnlyAdmin
from sessions_app.errors import AppError

from .models import (
    Asset,
    ContextItem,
    EnhancementAttempt,
    EnhancementHistory,
    HelpDesk,
    KnowledgeArticle,
    LibraryImport,
    ResolvedTicket,
    Suggestion,
    Synthesis,
    WriteBack,
)
from .service import EnhancementService, wake


@admin.register(EnhancementHistory)
class EnhancementHistoryAdmin(ReadOnlyAdmin):
    list_display = ["ticket_id", "job_id", "workspace", "status", "attempts", "lease_until", "error_code", "created_at"]
    list_filter = ["status", "origin", "error_code"]
    list_select_related = ["workspace"]
    search_fields = ["id", "job_id", "ticket_id", "workspace__slug", "correlation_id"]
    date_hierarchy = "created_at"
    actions = ["run_again", "wake_up"]
    show_full_result_count = False

    @admin.action(description="Run again (retry as a user would)")
    def run_again(self, request: HttpRequest, runs: QuerySet[EnhancementHistory]) -> None:
        for run in runs.select_related("workspace"):
            try:
                EnhancementService(by=request.user).retry(run)
            except AppError as error:
                self.message_user(request, f"{run}: {error.message}", messages.WARNING)

    @admin.action(description="Wake up: enqueue a job for what waits")
    def wake_up(self, request: HttpRequest, runs: QuerySet[EnhancementHistory]) -> None:
        waiting = [run for run in runs if run.status == EnhancementHistory.Status.PENDING]
        for run in waiting:
            wake(run)
        self.message_user(request, f"{len(waiting)} were woken up.")


@admin.register(EnhancementAttempt)
class EnhancementAttemptAdmin(ReadOnlyAdmin):
    list_display = ["enhancement", "number", "outcome", "error_code", "wait_seconds", "worker", "started_at"]
    list_filter = ["outcome", "error_code"]
    list_select_related = ["enhancement"]
    search_fields = ["enhancement__job_id", "enhancement__ticket_id"]
    show_full_result_count = False


@admin.register(Synthesis)
class SynthesisAdmin(ReadOnlyAdmin):
    list_display = ["enhancement", "provider", "llm_model", "unsupported", "failure", "is_helpful"]
    list_filter = ["provider", "is_helpful"]
    list_select_related = ["enhancement"]
    search_fields = ["enhancement__ticket_id"]
    show_full_result_count = False


@admin.register(Suggestion)
class SuggestionAdmin(ReadOnlyAdmin):
    list_display = ["enhancement", "field", "value", "confidence", "state", "decided_by"]
    list_filter = ["field", "state"]
    list_select_related = ["enhancement", "decided_by"]
    search_fields = ["enhancement__ticket_id", "value"]
    show_full_result_count = False


@admin.register(ContextItem)
class ContextItemAdmin(ReadOnlyAdmin):
    list_display = ["enhancement", "label", "kind", "external_id", "title", "score"]
    list_filter = ["kind"]
    list_select_related = ["enhancement"]
    search_fields = ["external_id", "title"]
    show_full_result_count = False


@admin.register(WriteBack)
class WriteBackAdmin(ReadOnlyAdmin):
    list_display = ["ticket_id", "workspace", "target", "status", "attempts", "remote_id", "error_code", "created_at"]
    list_filter = ["status", "target"]
    list_select_related = ["workspace"]
    search_fields = ["ticket_id", "marker", "workspace__slug"]
    show_full_result_count = False


@admin.register(HelpDesk)
class HelpDeskAdmin(ReadOnlyAdmin):
    """Without the token, even as it is encrypted."""

    list_display = ["workspace", "provider", "target", "base_url", "has_token", "changed_at"]
    list_filter = ["target", "provider"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__name", "workspace__slug"]
    exclude = ["token", "token_hint"]

    @admin.display(boolean=True, description="Token")
    def has_token(self, row: HelpDesk) -> bool:
        return bool(row.token)


@admin.register(LibraryImport)
class LibraryImportAdmin(ReadOnlyAdmin):
    list_display = [
        "filename",
        "workspace",
        "kind",
        "status",
        "attempts",
        "created",
        "changed",
        "refused",
        "created_at",
    ]
    list_filter = ["status", "kind", "error_code"]
    list_select_related = ["workspace"]
    search_fields = ["id", "filename", "workspace__slug"]
    show_full_result_count = False


@admin.register(ResolvedTicket, KnowledgeArticle)
class TextAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "title", "workspace", "imported_at"]
    list_select_related = ["workspace"]
    search_fields = ["external_id", "title", "workspace__slug"]
    show_full_result_count = False


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "name", "names", "networks", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["external_id", "name", "names", "networks", "workspace__slug"]
    show_full_result_count = False
