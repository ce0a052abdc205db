"""``/api/enhancements…``: asking for the enhancement of a ticket, and its result."""

from __future__ import annotations

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from processing.enhancement.models import (
    ContextItem,
    EnhancementAttempt,
    EnhancementHistory,
    Suggestion,
    Synthesis,
    WriteBack,
)
from processing.enhancement.models.history import Origin, Status
from processing.enhancement.payload import InvalidJob, job_of, raw_field
from processing.enhancement.service import EnhancementService, JobRefused
from sessions_app import limits
from sessions_app.api.idempotency import IdempotentView
from sessions_app.api.pagination import PagedView
from sessions_app.models import Workspace
from sessions_app.models.workspaces import MAY_REVIEW

JOB = inline_serializer(
    "EnhancementJob",
    {
        "job_id": serializers.CharField(required=False, max_length=120),
        "ticket_id": serializers.CharField(max_length=120),
        "title": serializers.CharField(required=False, max_length=300),
        "description": serializers.CharField(),
        "priority": serializers.CharField(max_length=60),
        "tenant_id": serializers.CharField(max_length=60, help_text="The workspace's slug."),
        "timestamp": serializers.DateTimeField(),
        "url": serializers.CharField(required=False),
        "trace_id": serializers.CharField(required=False, max_length=64),
    },
)


RUNNING = OpenApiParameter(
    "running",
    str,
    enum=[Status.PENDING.value],
    description="What runs under way are called, for clients that know no more than pending, completed and failed.",
)


@extend_schema_serializer(component_name="Enhancement")
class ListedSerializer(serializers.ModelSerializer[EnhancementHistory]):
    """A run as lists show it; to old clients as pending until its end, if they ask for that (requirement D-39)."""

    tenant_id = serializers.CharField(read_only=True)

    class Meta:
        model = EnhancementHistory
        fields = [
            "id",
            "job_id",
            "ticket_id",
            "tenant_id",
            "title",
            "priority",
            "origin",
            "status",
            "attempts",
            "processing_time_ms",
            "result_summary",
            "error_code",
            "error_message",
            "correlation_id",
            "created_at",
            "updated_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    def to_representation(self, run: EnhancementHistory) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(run)
        request = self.context.get("request")
        if run.status == Status.RUNNING and request and request.query_params.get("running") == Status.PENDING:
            shown["status"] = Status.PENDING.value
        return shown


@extend_schema_serializer(component_name="ContextItem")
class ItemSerializer(serializers.ModelSerializer[ContextItem]):
    class Meta:
        model = ContextItem
        fields = ["label", "kind", "external_id", "title", "excerpt", "details", "url", "score", "matched"]


class SuggestionSerializer(serializers.ModelSerializer[Suggestion]):
    class Meta:
        model = Suggestion
        fields = ["id", "field", "value", "confidence", "reason", "state"]


class SynthesisSerializer(serializers.ModelSerializer[Synthesis]):
    class Meta:
        model = Synthesis
        fields = ["claims", "failure", "provider", "llm_model", "prompt_version", "is_helpful", "remark"]


@extend_schema_serializer(component_name="EnhancementAttempt")
class AttemptSerializer(serializers.ModelSerializer[EnhancementAttempt]):
    duration_ms = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = EnhancementAttempt
        fields = ["number", "outcome", "error_code", "error_message", "wait_seconds", "started_at", "duration_ms"]


@extend_schema_serializer(component_name="WriteBack")
class NoteSerializer(serializers.ModelSerializer[WriteBack]):
    class Meta:
        model = WriteBack
        fields = ["target", "status", "attempts", "remote_id", "error_code", "error_message", "written_at"]


@extend_schema_serializer(component_name="EnhancementDetail")
class DetailSerializer(ListedSerializer):
    """A run with what was found and made of it."""

    items = ItemSerializer(many=True, read_only=True)
    synthesis = serializers.SerializerMethodField()
    suggestions = SuggestionSerializer(many=True, read_only=True)
    attempt_rows = AttemptSerializer(many=True, read_only=True)
    write_backs = NoteSerializer(many=True, read_only=True)

    class Meta(ListedSerializer.Meta):
        fields = [
            *ListedSerializer.Meta.fields,
            "description",
            "sources",
            "items",
            "synthesis",
            "suggestions",
            "attempt_rows",
            "write_backs",
        ]
        read_only_fields = fields

    @extend_schema_field(SynthesisSerializer(allow_null=True))
    def get_synthesis(self, run: EnhancementHistory) -> Any:
        made = Synthesis.objects.filter(enhancement=run).first()
        return SynthesisSerializer(made).data if made else None


class Enhancements(PagedView, IdempotentView):
    """Tickets of the help desks of your workspaces."""

    def prepare(self, request: Request, **kwargs: Any) -> None:
        if request.method != "POST":
            return
        slug = raw_field(request.data, "tenant_id")
        workspace = Workspace.objects.visible_to(request.user).filter(slug=slug).first()
        if workspace is None:
            raise JobRefused(_without_workspace(request.data))
        if workspace.role_of(request.user) not in MAY_REVIEW:
            raise PermissionDenied("Your role in this workspace does not allow that.")
        limits.count(request, workspace)
        self.workspace = workspace

    @extend_schema(
        parameters=[
            OpenApiParameter("workspace", str, description="Only of the workspace with this slug."),
            OpenApiParameter("status", str, enum=Status.values),
            OpenApiParameter("ticket_id", str),
            RUNNING,
        ],
        responses=ListedSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Enhancements of the tickets of your workspaces' help desks, newest first."""
        runs = EnhancementHistory.objects.visible_to(request.user).select_related("workspace")
        for name, lookup in (("workspace", "workspace__slug"), ("status", "status"), ("ticket_id", "ticket_id")):
            if request.query_params.get(name):
                runs = runs.filter(**{lookup: request.query_params[name]})
        context = {"request": request}
        return self.paged(
            request,
            runs.order_by("-created_at", "pk"),
            lambda page: ListedSerializer(page, many=True, context=context).data,
        )

    @extend_schema(request=JOB, responses={202: ListedSerializer})
    def post(self, request: Request) -> Response:
        """Enhance a ticket; answers at once. Asking for the same ``job_id`` again returns the same run."""
        run, _ = EnhancementService(by=request.user).accept(self.workspace, request.data, Origin.API)
        return Response(ListedSerializer(run).data, status=202)


def _without_workspace(data: Any) -> InvalidJob:
    """What is wrong with it besides; a workspace of others looks like none."""
    try:
        job_of(data)
    except InvalidJob as error:
        return error
    return InvalidJob([{"field": "tenant_id", "message": "You have no workspace with this slug."}])


class RunView(IdempotentView):
    """Base of what concerns one run; for unsafe methods the user must be an engineer (reviewer, editor, owner)."""

    def prepare(self, request: Request, **kwargs: Any) -> None:
        visible = EnhancementHistory.objects.visible_to(request.user).select_related("workspace")
        self.run = get_object_or_404(visible, pk=kwargs["enhancement_id"])
        is_safe = request.method in ("GET", "HEAD", "OPTIONS")
        if not is_safe and self.run.workspace.role_of(request.user) not in MAY_REVIEW:
            raise PermissionDenied("Your role in this workspace does not allow that.")
        limits.count(request, self.run.workspace)


class Enhancement(RunView):
    """One ticket with its context, synthesis, suggestions, attempts and notes."""

    @extend_schema(parameters=[RUNNING], responses=DetailSerializer)
    def get(self, request: Request, enhancement_id: uuid.UUID) -> Response:
        return Response(DetailSerializer(self.run, context={"request": request}).data)


class Retry(RunView):
    """Run a failed one again."""

    @extend_schema(request=None, responses={202: ListedSerializer})
    def post(self, request: Request, enhancement_id: uuid.UUID) -> Response:
        EnhancementService(by=request.user).retry(self.run)
        return Response(ListedSerializer(self.run).data, status=202)


@extend_schema_serializer(component_name="SuggestionDecision")
class DecisionSerializer(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(["accepted", "dismissed"])


class Decide(RunView):
    """Accept or dismiss a suggestion; what people decide is kept with it."""

    @extend_schema(
        operation_id="enhancements_suggestions_decide", request=DecisionSerializer, responses=SuggestionSerializer
    )
    def post(self, request: Request, enhancement_id: uuid.UUID, suggestion_id: int) -> Response:
        said = DecisionSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        suggestion = get_object_or_404(Suggestion.objects.filter(enhancement=self.run), pk=suggestion_id)
        suggestion.decide(said.validated_data["decision"], by=request.user)
        return Response(SuggestionSerializer(suggestion).data)
