"""Rows as JSON. Read-only fields cannot be written, whatever a request holds."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from sessions_app.models import (
    BulkChange,
    Membership,
    Session,
    Ticket,
    TicketComment,
    TicketDependency,
    TicketRevision,
    UploadedFile,
    Workspace,
)
from sessions_app.models.files import CSV_TYPE_CHOICES
from sessions_app.parsing.delimited import DELIMITERS
from sessions_app.providers import offered, problem_with_fallbacks, prompt_versions


class WorkspaceField(serializers.SlugRelatedField[Workspace]):
    """A workspace by its slug."""

    def to_internal_value(self, data: Any) -> Workspace:
        if not isinstance(data, str) or "\0" in data:
            self.fail("invalid")
        workspace: Workspace = super().to_internal_value(data)
        return workspace


class WorkspaceSerializer(serializers.ModelSerializer[Membership]):
    """A workspace, and your role there. ``slug`` is what other addresses call it."""

    slug = serializers.SlugField(source="workspace.slug", read_only=True)
    name = serializers.CharField(source="workspace.name", read_only=True)

    class Meta:
        model = Membership
        fields = ["slug", "name", "role"]
        read_only_fields = ["role"]


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session. ``workspace`` is a slug; on creation it may be left out by a member of one workspace."""

    workspace = WorkspaceField(slug_field="slug", queryset=Workspace.objects.none(), required=False)
    key = serializers.CharField(source="short_key", read_only=True)
    file_count = serializers.IntegerField(read_only=True, default=0)
    ticket_count = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = Session
        fields = [
            "id",
            "key",
            "workspace",
            "site_name",
            "site_description",
            "stage",
            "llm_provider_choice",
            "llm_model",
            "temperature",
            "language",
            "prompt_version",
            "fallbacks",
            "economy",
            "granularity",
            "budget",
            "file_count",
            "ticket_count",
            "created_at",
            "last_activity_at",
        ]
        read_only_fields = ["id", "stage", "created_at", "last_activity_at"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        request = self.context.get("request")
        if request is not None:
            self.fields["workspace"].queryset = Workspace.objects.visible_to(request.user)  # type: ignore[attr-defined]

    def validate_prompt_version(self, value: str) -> str:
        if value and value not in prompt_versions():
            raise serializers.ValidationError(f"Choose one of: {', '.join(prompt_versions())}.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None and "workspace" in attrs:
            raise serializers.ValidationError({"workspace": "A session stays in its workspace."})
        workspace = self.instance.workspace if self.instance is not None else self._workspace(attrs)
        choices = [name for name, _ in offered(workspace)]
        if attrs.get("llm_provider_choice", "offline") not in choices:
            raise serializers.ValidationError({"llm_provider_choice": f"Choose one of: {', '.join(choices)}."})
        if problem := problem_with_fallbacks(attrs.get("fallbacks", []), workspace):
            raise serializers.ValidationError({"fallbacks": problem})
        return attrs

    def _workspace(self, attrs: dict[str, Any]) -> Workspace | None:
        """The named one, or the only one that its maker could mean."""
        field: Any = self.fields["workspace"]
        return attrs.get("workspace") or (field.queryset.first() if field.queryset.count() == 1 else None)


class FileSerializer(serializers.ModelSerializer[UploadedFile]):
    """An accepted file. ``mapping`` has one entry per header; ``dispositions`` add up to ``row_count``."""

    class Meta:
        model = UploadedFile
        fields = [
            "id",
            "filename",
            "csv_type",
            "encoding",
            "delimiter",
            "header_line",
            "headers",
            "mapping",
            "exclusions",
            "sha256",
            "size",
            "validation_status",
            "row_count",
            "entity_count",
            "dispositions",
            "findings",
            "uploaded_at",
        ]
        read_only_fields = fields


class UploadSerializer(serializers.Serializer[Any]):
    """Files as multipart (``files``, several), or a table as text (``pasted``). ``dry_run`` only says what would be
    imported.
    """

    files = serializers.ListField(child=serializers.FileField(allow_empty_file=True), required=False)
    pasted = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    name = serializers.CharField(required=False, max_length=150, help_text="File name for a pasted table.")
    dry_run = serializers.BooleanField(default=False)


class FindingSerializer(serializers.Serializer[Any]):
    """Something to know about a file. ``row`` counts records, ``line`` is that of the file; 0: the whole file."""

    code = serializers.CharField()
    message = serializers.CharField()
    row = serializers.IntegerField()
    line = serializers.IntegerField()
    column = serializers.CharField()
    value = serializers.CharField()
    expected = serializers.CharField()


class FileReportSerializer(serializers.Serializer[Any]):
    """How a file was understood. ``dispositions`` (used, folded, filtered, dropped) add up to ``rows``."""

    file = serializers.CharField()
    accepted = serializers.BooleanField()
    csv_type = serializers.CharField(allow_null=True)
    confidence = serializers.CharField(allow_null=True, help_text="high, medium or low")
    encoding = serializers.CharField(allow_null=True)
    delimiter = serializers.CharField(allow_null=True)
    delimiter_name = serializers.CharField()
    header_line = serializers.IntegerField(allow_null=True)
    headers = serializers.ListField(child=serializers.CharField())
    mapping = serializers.ListField(child=serializers.CharField())
    rows = serializers.IntegerField()
    entities = serializers.IntegerField()
    dispositions = serializers.DictField(child=serializers.IntegerField())
    warnings = FindingSerializer(many=True)
    errors = FindingSerializer(many=True)  # type: ignore[assignment]


@extend_schema_serializer(component_name="FileReading")
class ReadingSerializer(FileReportSerializer):
    """How a file is understood now."""

    id = serializers.UUIDField()


class DryRunSerializer(serializers.Serializer[Any]):
    """What would be imported; nothing was kept."""

    files = FileReportSerializer(many=True)


class ImportSerializer(DryRunSerializer):
    """What was kept, and how each file was understood."""

    imported = FileSerializer(many=True)


@extend_schema_serializer(component_name="FileRow")
class RowSerializer(serializers.Serializer[Any]):
    """A row of a file: its cells as they are, and by the names of the columns that they were taken for."""

    row = serializers.IntegerField()
    line = serializers.IntegerField()
    raw = serializers.ListField(child=serializers.CharField())
    mapped = serializers.DictField(child=serializers.CharField())
    extra = serializers.DictField(child=serializers.CharField())
    disposition = serializers.CharField()
    reason = serializers.CharField()


@extend_schema_serializer(component_name="FilePreview")
class PreviewSerializer(FileSerializer):
    """A file with its first rows."""

    shown = serializers.IntegerField()
    rows = RowSerializer(many=True)

    class Meta(FileSerializer.Meta):
        fields = [*FileSerializer.Meta.fields, "shown", "rows"]
        read_only_fields = fields


class MappingSerializer(serializers.Serializer[Any]):
    """How to read a file: its type, one column name (or "") per header, values to leave out per header."""

    csv_type = serializers.ChoiceField(choices=CSV_TYPE_CHOICES, required=False)
    mapping = serializers.ListField(child=serializers.CharField(allow_blank=True, max_length=100), required=False)
    exclusions = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(allow_blank=True, max_length=500)), required=False
    )
    delimiter = serializers.ChoiceField(choices=list(DELIMITERS), required=False)

    def validate_exclusions(self, value: dict[str, list[str]]) -> dict[str, list[str]]:
        """Headers are text of strangers as well as the values are."""
        header = serializers.CharField(allow_blank=True, trim_whitespace=False)
        return {header.run_validation(name): values for name, values in value.items()}


@extend_schema_serializer(component_name="Dependency")
class NeedSerializer(serializers.ModelSerializer[TicketDependency]):
    """One dependency, seen from the ticket that needs."""

    key = serializers.CharField(source="to_ticket.key", read_only=True)
    ticket = serializers.UUIDField(source="to_ticket_id", read_only=True)

    class Meta:
        model = TicketDependency
        fields = ["ticket", "key", "kind", "rule", "source", "state"]
        read_only_fields = fields


class TicketRowSerializer(serializers.ModelSerializer[Ticket]):
    """A ticket in a list. ``mark_count``: words that the specification does not bear out."""

    short_key = serializers.CharField(read_only=True)
    mark_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Ticket
        fields = [
            "id",
            "short_key",
            "key",
            "csv_type",
            "entity_group",
            "title",
            "status",
            "source_state",
            "mark_count",
            "position",
            "version",
            "provider",
            "updated_at",
        ]
        read_only_fields = fields


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    """A whole ticket. Send ``version`` as you read it with a PATCH of the text or of the ``status`` (approved, rejected
    with ``rejection_reason``, draft); another version in between answers 409.
    """

    short_key = serializers.CharField(read_only=True)
    depends_on = NeedSerializer(source="needs", many=True, read_only=True)
    version = serializers.IntegerField(min_value=1)
    status = serializers.ChoiceField(choices=Ticket.Status.choices, help_text="exported cannot be sent.")

    class Meta:
        model = Ticket
        fields = [
            "id",
            "short_key",
            "key",
            "csv_type",
            "entity_group",
            "title",
            "user_story",
            "analysis",
            "verification",
            "facts",
            "fact_marks",
            "csv_source",
            "position",
            "status",
            "rejection_reason",
            "approved_version",
            "source_state",
            "version",
            "provider",
            "llm_model",
            "prompt_version",
            "fallback_reason",
            "depends_on",
            "edited_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = [
            name
            for name in fields
            if name not in ("title", "user_story", "analysis", "verification", "version", "status", "rejection_reason")
        ]

    def validate_status(self, value: str) -> str:
        if value == Ticket.Status.EXPORTED:
            raise serializers.ValidationError("Only an export makes it exported.")
        return value


class RevisionSerializer(serializers.ModelSerializer[TicketRevision]):
    """One version of a ticket's text and who wrote it."""

    class Meta:
        model = TicketRevision
        fields = ["version", "title", "user_story", "analysis", "verification", "author", "created_at"]
        read_only_fields = fields


class BulkSerializer(serializers.Serializer[Any]):
    """An action on many tickets: ``tickets`` by id, or ``filters`` as in the list (all that match)."""

    action = serializers.ChoiceField(choices=BulkChange.Verb.choices)
    tickets = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=20_000)
    filters = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=200), required=False)
    reason = serializers.CharField(default="", allow_blank=True, max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("tickets" in attrs) == ("filters" in attrs):
            raise serializers.ValidationError("Send either tickets or filters.")
        return attrs


class BulkResultSerializer(serializers.Serializer[Any]):
    """What became of each ticket; ``change`` is the id to undo it with."""

    change = serializers.UUIDField(source="change_id", allow_null=True)
    done = serializers.ListField(child=serializers.CharField(), help_text="Short keys, as T-12.")
    skipped = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()), help_text="[short key, why it was left] each."
    )


class CommentSerializer(serializers.ModelSerializer[TicketComment]):
    """A remark, or a request for changes that is open until it is resolved."""

    class Meta:
        model = TicketComment
        fields = ["id", "kind", "text", "author_name", "version", "created_at", "resolved_at"]
        read_only_fields = ["id", "author_name", "version", "created_at", "resolved_at"]
