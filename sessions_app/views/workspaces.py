"""Who belongs to a workspace."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions_app.actions import workspaces as actions
from sessions_app.models import Membership, Workspace


class MemberForm(forms.Form):
    """Adds an existing account by its user name."""

    username = forms.CharField(label="User name", max_length=150)
    role = forms.ChoiceField(label="Role", choices=Membership.Role.choices, initial=Membership.Role.EDITOR)

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"].strip()
        if not get_user_model().objects.filter(username=name, is_active=True).exists():
            raise forms.ValidationError("There is no account with this user name. An administrator can make one.")
        return name


@require_safe
def workspace_list(request: HttpRequest) -> HttpResponse:
    """The user's workspaces with their members."""
    workspaces = Workspace.objects.visible_to(request.user).prefetch_related("memberships__user")
    rows = [(workspace, _own_role(workspace, request), MemberForm()) for workspace in workspaces]
    return render(request, "sessions_app/workspaces/list.html", {"rows": rows, "roles": Membership.Role.choices})


def _own_role(workspace: Workspace, request: HttpRequest) -> str:
    """From the memberships that were fetched with all workspaces, without a query for each."""
    return next((each.role for each in workspace.memberships.all() if each.user_id == request.user.pk), "")


@require_POST
def add_member(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    form = MemberForm(request.POST)
    if form.is_valid():
        user = get_user_model().objects.get(username=form.cleaned_data["username"])
        actions.add_member(workspace, user, form.cleaned_data["role"], by=request.user)
        messages.success(request, f"{user.get_username()} is a member now.")
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("workspaces:list")


@require_POST
def change_member(request: HttpRequest, workspace_id: uuid.UUID, membership_id: int) -> HttpResponse:
    """Give a member another role, or ``role=remove`` them."""
    workspace = _owned(request, workspace_id)
    membership = get_object_or_404(workspace.memberships.select_related("user"), pk=membership_id)
    role = request.POST.get("role", "")
    if role == "remove":
        actions.remove_member(membership, by=request.user)
        messages.success(request, f"{membership.user.get_username()} is no longer a member.")
    else:
        actions.change_role(membership, role, by=request.user)
        messages.success(request, f"{membership.user.get_username()} is {membership.get_role_display().lower()} now.")
    return redirect("workspaces:list")


def _owned(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may change who belongs to the workspace.")
    return workspace
