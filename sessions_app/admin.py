"""The operator's workshop: what is there, what is stuck, and the same verbs as everywhere else."""

from __future__ import annotations

import allauth.mfa.admin  # registers what is replaced below
import allauth.socialaccount.admin  # likewise
import allauth.usersessions.admin  # noqa: F401 - likewise
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from sessions_app.models import (
    AuditEvent,
    DuplicateDecision,
    Invitation,
    Membership,
    SavedView,
    Session,
    SourceRow,
    Ticket,
    TicketDependency,
    TicketRevision,
    UploadedFile,
    Workspace,
)
from sessions_app.models.files import ColumnMapping

admin.site.unregister(get_user_model())
admin.site.unregister(Group)
admin.site.unregister(Authenticator)
admin.site.unregister(UserSession)
admin.site.unregister([SocialAccount, SocialApp, SocialToken])  # apps are settings, tokens are not kept


@admin.register(get_user_model())
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Django's groups."""


class OnlyToDelete(ModelAdmin):
    """What people have made for themselves: an administrator sees that it is there, and can take it away."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Authenticator)
class AuthenticatorAdmin(OnlyToDelete):
    """For those who lost their telephone and their recovery codes."""

    fields = ["user", "type", "created_at", "last_used_at"]
    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    search_fields = ["user__username"]


@admin.register(SocialAccount)
class SocialAccountAdmin(OnlyToDelete):
    """Accounts at GitHub and Atlassian that people sign in by. Who has no password cannot sign in without."""

    fields = ["user", "provider", "uid", "extra_data", "date_joined", "last_login"]
    list_display = ["user", "provider", "uid", "date_joined", "last_login"]
    list_filter = ["provider"]
    search_fields = ["user__username", "uid"]


@admin.register(UserSession)
class UserSessionAdmin(OnlyToDelete):
    """Where people have signed in. To end all logins of a person, give them another password."""

    fields = ["user", "created_at", "ip", "user_agent"]
    list_display = ["user", "created_at", "ip", "user_agent"]
    search_fields = ["user__username", "ip"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Workspace)
class WorkspaceAdmin(ModelAdmin):
    list_display = ["name", "slug", "member_count", "session_count", "created_at"]
    search_fields = ["name", "slug", "id"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        counted: QuerySet[Workspace] = (
            super()
            .get_queryset(request)
            .annotate(members=Count("memberships", distinct=True), held=Count("sessions", distinct=True))
        )
        return counted

    @admin.display(ordering="members", description="Members")
    def member_count(self, workspace: Workspace) -> int:
        return workspace.members  # type: ignore[attr-defined,no-any-return]

    @admin.display(ordering="held", description="Sessions")
    def session_count(self, workspace: Workspace) -> int:
        return workspace.held  # type: ignore[attr-defined,no-any-return]


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the product writes: to be looked at, not changed."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(ModelAdmin):
    list_display = ["short_key", "site_name", "workspace", "stage", "llm_provider_choice", "last_activity_at"]
    list_filter = ["stage", "llm_provider_choice", "granularity"]
    list_select_related = ["workspace"]
    search_fields = ["id", "site_name", "workspace__name"]
    readonly_fields = ["id", "number", "stage", "ticket_counter", "created_by", "created_at", "last_activity_at"]
    date_hierarchy = "last_activity_at"


@admin.register(UploadedFile)
class UploadedFileAdmin(ReadOnlyAdmin):
    list_display = ["filename", "csv_type", "session", "row_count", "entity_count", "validation_status", "uploaded_at"]
    list_filter = ["csv_type", "validation_status"]
    list_select_related = ["session"]
    search_fields = ["id", "filename", "session__site_name", "sha256"]


@admin.register(SourceRow)
class SourceRowAdmin(ReadOnlyAdmin):
    list_display = ["file", "number", "line", "disposition", "reason"]
    list_filter = ["disposition"]
    list_select_related = ["file"]
    search_fields = ["file__filename", "reason", "origin"]
    show_full_result_count = False


@admin.register(ColumnMapping)
class ColumnMappingAdmin(ReadOnlyAdmin):
    list_display = ["workspace", "csv_type", "updated_at"]
    list_filter = ["csv_type"]
    list_select_related = ["workspace"]


class RevisionInline(TabularInline):
    model = TicketRevision
    fields = ["version", "title", "author", "created_at"]
    readonly_fields = ["version", "title", "author", "created_at"]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    list_display = [
        "short_key",
        "title",
        "session",
        "entity_group",
        "csv_type",
        "status",
        "source_state",
        "version",
        "provider",
    ]
    list_filter = ["status", "source_state", "entity_group", "provider"]
    list_select_related = ["session"]
    search_fields = ["id", "key", "title", "session__site_name"]
    inlines = [RevisionInline]
    show_full_result_count = False


@admin.register(TicketDependency)
class TicketDependencyAdmin(ReadOnlyAdmin):
    list_display = ["from_ticket", "to_ticket", "kind", "rule", "source", "state"]
    list_filter = ["state", "kind", "source", "rule"]
    list_select_related = ["from_ticket", "to_ticket"]
    search_fields = ["from_ticket__key", "to_ticket__key"]
    show_full_result_count = False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "user_name", "action", "object_type", "object_name", "request_id"]
    list_filter = ["action", "object_type"]
    search_fields = ["user_name", "object_id", "object_name", "request_id"]
    date_hierarchy = "at"

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(DuplicateDecision)
class DuplicateDecisionAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "session", "first", "second", "verdict", "by"]
    list_filter = ["verdict"]
    list_select_related = ["session", "first", "second", "by"]


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ["name", "user", "session", "filters", "created_at"]
    list_select_related = ["user", "session"]
    search_fields = ["name", "user__username", "session__site_name"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["workspace", "role", "made_by", "created_at", "expires_at", "used_at", "used_by"]
    list_filter = ["role"]
    list_select_related = ["workspace", "made_by", "used_by"]
    search_fields = ["workspace__name", "made_by__username", "used_by__username"]
    exclude = ["digest"]
