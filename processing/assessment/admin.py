"""The operator's view of assessments: what is stuck, what was said, what was delivered."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from sessions_app.admin import ReadOnlyAdmin
from sessions_app.errors import AppError

from . import service
from .delivery.webhooks import send_again
from .models import (
    AssessmentBatch,
    AssessmentEvent,
    ComparisonPair,
    EventDelivery,
    RubricScore,
    ScoringRun,
    WebhookTarget,
)


@admin.register(AssessmentBatch)
class AssessmentBatchAdmin(ReadOnlyAdmin):
    list_display = [
        "title",
        "workspace",
        "state",
        "progress_percentage",
        "failed_comparisons",
        "deadline_at",
        "created_at",
    ]
    list_filter = ["state", "completion_mode", "source", "kind"]
    list_select_related = ["workspace"]
    search_fields = ["title", "id", "outside_id", "event_correlation_id"]
    actions = ["cancel_selected", "go_on_selected"]

    @admin.action(description="Cancel", permissions=["view"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[AssessmentBatch]) -> None:
        for batch in queryset:
            try:
                service.cancel(batch, by=request.user)
            except AppError as error:
                messages.warning(request, f"{batch.title}: {error.message}")

    @admin.action(description="Go on", permissions=["view"])
    def go_on_selected(self, request: HttpRequest, queryset: QuerySet[AssessmentBatch]) -> None:
        for batch in queryset:
            try:
                service.go_on(batch, by=request.user)
            except AppError as error:
                messages.warning(request, f"{batch.title}: {error.message}")


@admin.register(ComparisonPair)
class ComparisonPairAdmin(ReadOnlyAdmin):
    list_display = ["id", "batch", "judge_kind", "judge", "winner", "error_code", "completed_at", "lease_until"]
    list_filter = ["judge_kind", "winner", "is_held_out"]
    list_select_related = ["batch"]
    search_fields = ["request_correlation_id", "batch__id"]
    exclude = ["judged_by"]


@admin.register(ScoringRun)
class ScoringRunAdmin(ReadOnlyAdmin):
    list_display = ["batch", "kind", "comparisons", "duration_ms", "created_at"]
    list_filter = ["kind"]
    list_select_related = ["batch"]


@admin.register(AssessmentEvent)
class AssessmentEventAdmin(ReadOnlyAdmin):
    list_display = ["event_type", "batch", "created_at", "relayed_at"]
    list_filter = ["event_type"]
    list_select_related = ["batch"]
    search_fields = ["id", "batch__id"]


@admin.register(WebhookTarget)
class WebhookTargetAdmin(ReadOnlyAdmin):
    list_display = ["url", "workspace", "is_active", "made_at"]
    list_select_related = ["workspace"]
    exclude = ["secret"]


@admin.register(EventDelivery)
class EventDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["event", "target", "state", "attempts", "status_code", "error", "next_at"]
    list_filter = ["state"]
    list_select_related = ["event", "target"]
    actions = ["send_selected_again"]

    @admin.action(description="Send again", permissions=["view"])
    def send_selected_again(self, request: HttpRequest, queryset: QuerySet[EventDelivery]) -> None:
        sent = sum(send_again(delivery) for delivery in queryset)
        messages.success(request, f"{sent} will be sent again.")


@admin.register(RubricScore)
class RubricScoreAdmin(ReadOnlyAdmin):
    list_display = ["ticket", "total", "ticket_version", "provider", "llm_model", "scored_at"]
    list_select_related = ["ticket"]
