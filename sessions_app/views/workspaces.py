"""Who belongs to a workspace."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions_app.actions import workspaces as actions
from sessions_app.models import Invitation, Membership, Workspace


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
    return _page(request)


def _page(request: HttpRequest, invited: Workspace | None = None, link: str = "") -> HttpResponse:
    """``link``: a new invitation to ``invited``, shown this once."""
    invitations = Prefetch(
        "invitations", Invitation.objects.open().select_related("made_by"), to_attr="open_invitations"
    )
    workspaces = Workspace.objects.visible_to(request.user).prefetch_related("memberships__user", invitations)
    rows = [(workspace, _own_role(workspace, request), MemberForm()) for workspace in workspaces]
    context = {"rows": rows, "roles": Membership.Role.choices, "invited": invited, "link": link}
    response = render(request, "sessions_app/workspaces/list.html", context)
    if link:
        response["Cache-Control"] = "no-store"
    return response


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


@require_POST
@sensitive_variables("token", "link")
def invite(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """Make a link for one person, and show it once."""
    workspace = _owned(request, workspace_id)
    _, token = actions.invite(workspace, request.POST.get("role", ""), by=request.user)
    link = request.build_absolute_uri(f"{reverse('workspaces:join')}?{urlencode({'invitation': token})}")
    return _page(request, workspace, link)


@require_POST
def withdraw_invitation(request: HttpRequest, workspace_id: uuid.UUID, invitation_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    actions.withdraw(get_object_or_404(workspace.invitations.open(), pk=invitation_id), by=request.user)
    messages.success(request, "The invitation is withdrawn.")
    return redirect("workspaces:list")


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """What an invitation's link leads to. Looking changes nothing; joining takes the button."""
    if request.method == "POST":
        workspace = actions.accept(request.POST.get("invitation", "").strip(), by=request.user)
        messages.success(request, f"You belong to {workspace} now.")
        return redirect("workspaces:list")
    token = request.GET.get("invitation", "").strip()
    found = Invitation.objects.open().of_token(token).select_related("workspace", "made_by").first() if token else None
    context = {"invitation": found, "token": token, "role": found.workspace.role_of(request.user) if found else ""}
    response = render(request, "sessions_app/workspaces/join.html", context)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _owned(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may change who belongs to the workspace.")
    return workspace
