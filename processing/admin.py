"""The operator's workshop for tasks: what is stuck, and the same verbs as on the pages."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from processing.engine import finish
from processing.engine.drainer import enqueue_drainer
from processing.generation.service import ProcessingService
from processing.models import (
    AdminNotice,
    ExportRecord,
    LLMCall,
    MetricSample,
    OutboxEvent,
    ProviderBatch,
    ProviderSettings,
    SessionBundle,
    SessionError,
    SessionTask,
    SetAside,
    TicketProposal,
    TicketValidation,
    TrackerConnection,
    WebhookDelivery,
    WebhookSecret,
    WorkItem,
)
from processing.models.tasks import TaskStatus
from sessions_app.admin import ReadOnlyAdmin
from sessions_app.errors import AppError


@admin.register(SessionTask)
class SessionTaskAdmin(ReadOnlyAdmin):
    list_display = ["task_id", "session", "task_type", "status", "done", "failed", "total", "lease_until", "created_at"]
    list_filter = ["status", "task_type", "provider"]
    list_select_related = ["session"]
    search_fields = ["task_id", "session__id", "session__site_name"]
    date_hierarchy = "created_at"
    actions = ["cancel_selected", "run_again", "wake_up"]

    @admin.action(description="Cancel the selected runs")
    def cancel_selected(self, request: HttpRequest, tasks: QuerySet[SessionTask]) -> None:
        cancelled = sum(finish.cancel(task) for task in tasks)
        self.message_user(request, f"{cancelled} of {len(tasks)} were cancelled; the others had ended already.")

    @admin.action(description="Run again (retry as a user would)")
    def run_again(self, request: HttpRequest, tasks: QuerySet[SessionTask]) -> None:
        for task in tasks:
            try:
                ProcessingService(by=request.user).retry_processing(task.session)
            except AppError as error:
                self.message_user(request, f"{task}: {error.message}", messages.WARNING)

    @admin.action(description="Wake up: enqueue a drainer for running tasks")
    def wake_up(self, request: HttpRequest, tasks: QuerySet[SessionTask]) -> None:
        running = [task for task in tasks if task.status == TaskStatus.RUNNING]
        for task in running:
            enqueue_drainer(task)
        self.message_user(request, f"{len(running)} drainers were enqueued.")


@admin.register(WorkItem)
class WorkItemAdmin(ReadOnlyAdmin):
    list_display = ["key", "task", "status", "attempts_left", "lease_until", "error_code"]
    list_filter = ["status", "error_code"]
    list_select_related = ["task"]
    search_fields = ["key", "task__task_id"]
    show_full_result_count = False


@admin.register(TicketProposal)
class TicketProposalAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "ticket", "status", "instruction", "provider", "llm_model", "cost", "error_code"]
    list_filter = ["status", "provider", "error_code"]
    list_select_related = ["ticket"]
    search_fields = ["instruction", "ticket__title", "ticket__session__site_name"]


@admin.register(TicketValidation)
class TicketValidationAdmin(ReadOnlyAdmin):
    list_display = ["ticket", "ticket_version", "valid", "size", "validated_at"]
    list_filter = ["valid"]
    list_select_related = ["ticket"]
    search_fields = ["ticket__title", "ticket__session__site_name"]


@admin.register(SessionError)
class SessionErrorAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "error_category", "severity", "session", "user_message", "resolved_at"]
    list_filter = ["error_category", "severity", "operation_stage"]
    list_select_related = ["session"]
    search_fields = ["user_message", "entity_key", "session__site_name"]


@admin.register(SetAside)
class SetAsideAdmin(ReadOnlyAdmin):
    list_display = ["workspace", "amount", "until"]
    list_select_related = ["workspace"]


@admin.register(LLMCall)
class LLMCallAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "provider",
        "llm_model",
        "outcome",
        "tokens_in",
        "tokens_out",
        "cost",
        "latency_ms",
        "entity_key",
    ]
    list_filter = ["provider", "outcome", "llm_model"]
    search_fields = ["entity_key", "task_id", "input_hash"]
    show_full_result_count = False


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ["id", "channel", "seq", "is_terminal", "created_at", "sent_at"]
    list_filter = ["is_terminal", "sent_at"]
    search_fields = ["task_id", "session_id"]
    show_full_result_count = False


@admin.register(ProviderSettings)
class ProviderSettingsAdmin(ReadOnlyAdmin):
    """Without the key, even as it is encrypted."""

    list_display = ["workspace", "provider", "has_key", "llm_model", "base_url", "changed_by", "changed_at"]
    list_filter = ["provider"]
    list_select_related = ["workspace", "changed_by"]
    search_fields = ["workspace__name", "workspace__slug"]
    exclude = ["key", "key_hint"]

    @admin.display(boolean=True, description="Key")
    def has_key(self, row: ProviderSettings) -> bool:
        return bool(row.key)


@admin.register(TrackerConnection)
class TrackerConnectionAdmin(ReadOnlyAdmin):
    """Without the token, even as it is encrypted."""

    list_display = ["name", "workspace", "target", "project", "has_token", "is_healthy", "changed_by", "changed_at"]
    list_filter = ["target", "is_healthy"]
    list_select_related = ["workspace", "changed_by"]
    search_fields = ["name", "workspace__name", "workspace__slug", "project"]
    exclude = ["token", "token_hint"]

    @admin.display(boolean=True, description="Token")
    def has_token(self, row: TrackerConnection) -> bool:
        return bool(row.token)


@admin.register(ExportRecord)
class ExportRecordAdmin(ReadOnlyAdmin):
    list_display = ["session", "connection", "step", "item_key", "status", "remote_key", "attempts", "changed_at"]
    list_filter = ["status", "step", "target"]
    list_select_related = ["session", "connection"]
    search_fields = ["item_key", "remote_key", "label", "session__site_name", "task__task_id"]
    show_full_result_count = False


@admin.register(ProviderBatch)
class ProviderBatchAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "task",
        "provider",
        "remote_id",
        "status",
        "answered",
        "size",
        "created_at",
        "looked_at",
        "error_message",
    ]
    list_filter = ["status", "provider"]
    list_select_related = ["task"]
    search_fields = ["remote_id", "task__task_id"]


@admin.register(WebhookSecret)
class WebhookSecretAdmin(ReadOnlyAdmin):
    """Without the secret, even as it is encrypted."""

    list_display = ["workspace", "purpose", "hint", "made_by", "made_at", "used_at", "revoked_at"]
    list_filter = ["purpose", "revoked_at"]
    list_select_related = ["workspace", "made_by"]
    search_fields = ["workspace__name", "workspace__slug"]
    exclude = ["secret"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "workspace", "purpose", "delivery_id", "status"]
    list_filter = ["purpose", "status"]
    list_select_related = ["workspace"]
    search_fields = ["delivery_id", "workspace__slug"]
    date_hierarchy = "received_at"
    show_full_result_count = False


@admin.register(MetricSample)
class MetricSampleAdmin(ReadOnlyAdmin):
    list_display = ["name", "labels", "value"]
    search_fields = ["name", "labels"]


@admin.register(AdminNotice)
class AdminNoticeAdmin(ReadOnlyAdmin):
    """May be deleted: then the next pass tells of the cause anew, should it have happened within a day."""

    list_display = ["cause", "told_at", "told_until", "times_told"]
    search_fields = ["cause"]
    date_hierarchy = "told_at"


@admin.register(SessionBundle)
class SessionBundleAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "workspace", "session_key", "title", "tickets", "size"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
    search_fields = ["session_key", "title", "sha256"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Its file would stay in the storage; retention removes both."""
        return False
