"""Sessions: list, make, look at, change, delete."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions_app.actions import sessions as actions
from sessions_app.actions.imports import findings_across, specification_of
from sessions_app.inspection import grouped
from sessions_app.models import Session, Workspace
from sessions_app.parsing.csv_types import CSV_TYPES, GROUP_ORDER
from sessions_app.providers import offered

from .access import session_or_404
from .imports import limits


class SessionForm(forms.ModelForm[Session]):
    """A session's choices. Only the site's name is asked for; the rest has good defaults."""

    llm_provider_choice = forms.ChoiceField(label="Who writes the tickets", choices=offered, required=False)
    granularity = forms.ChoiceField(
        label="One ticket for each",
        choices=[("row", "row of the specification"), ("parent", "bundle, view, image style, workflow …")],
        required=False,
    )

    class Meta:
        model = Session
        fields = ["workspace", "site_name", "site_description", "granularity", "llm_provider_choice"]
        widgets = {"site_description": forms.Textarea(attrs={"rows": 3})}
        labels = {"site_name": "Name of the site", "site_description": "What the site is for"}
        help_texts = {"site_description": "A sentence or two; the tickets refer to it."}

    def __init__(self, *args: object, user: AbstractBaseUser | AnonymousUser, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        mine = Workspace.objects.editable_by(user)
        self.fields["workspace"].queryset = mine  # type: ignore[attr-defined]
        self.fields["workspace"].initial = mine.first()
        if len(mine) == 1:
            self.fields["workspace"].widget = forms.HiddenInput()
        if not self.instance._state.adding:  # a new one has its id already
            del self.fields["workspace"]

    def clean_llm_provider_choice(self) -> str:
        return self.cleaned_data["llm_provider_choice"] or "offline"

    def clean_granularity(self) -> str:
        return self.cleaned_data["granularity"] or Session.Granularity.ROW


@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """The sessions of all of the user's workspaces."""
    sessions = (
        Session.objects.visible_to(request.user)
        .active()
        .select_related("workspace")
        .annotate(file_count=Count("files", distinct=True), ticket_count=Count("tickets", distinct=True))
        .order_by("-last_activity_at", "pk")  # a query that counts forgets the model's own order
    )
    may_create = Workspace.objects.editable_by(request.user).exists()
    return render(request, "sessions_app/sessions/list.html", {"sessions": sessions[:200], "may_create": may_create})


@require_http_methods(["GET", "HEAD", "POST"])
def session_new(request: HttpRequest) -> HttpResponse:
    form = SessionForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        workspace = fields.pop("workspace")
        actions.require_editor(workspace, request.user)
        session = actions.create_session(workspace, by=request.user, **fields)
        return redirect(session)
    return render(request, "sessions_app/sessions/form.html", {"form": form, "title": "New session"})


@require_safe
def session_detail(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    """Everything about a session on one page: files, what was noticed, the run, the tickets."""
    session = session_or_404(request, session_id)
    files = list(session.files.defer("findings", "headers", "mapping"))
    findings = findings_across(specification_of(session)) if files else []
    tickets = session.tickets.in_backlog().values("entity_group").annotate(count=Count("pk"))
    counts = {row["entity_group"]: row["count"] for row in tickets}
    context = {
        "session": session,
        "files": files,
        "entities": sum(file.entity_count for file in files),
        "grouped_findings": [(code, found[:20], len(found)) for code, found in grouped(findings)],
        "task": session.tasks.first(),
        "groups": [(name, counts[name]) for name in GROUP_ORDER if name in counts],
        "ticket_count": sum(counts.values()),
        "limits": limits(),
        "csv_types": CSV_TYPES.values(),
    }
    return render(request, "sessions_app/sessions/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def session_edit(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    session = session_or_404(request, session_id, needs="edit")
    form = SessionForm(request.POST or None, instance=session, user=request.user)
    if request.method == "POST" and form.is_valid():
        actions.change_session(session, by=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect(session)
    return render(
        request, "sessions_app/sessions/form.html", {"form": form, "title": "Change the session", "session": session}
    )


@require_POST
def session_delete(request: HttpRequest, session_id: uuid.UUID) -> HttpResponse:
    session = session_or_404(request, session_id, needs="edit")
    if request.POST.get("confirm", "").strip() != session.short_key:
        messages.error(request, f"Nothing was deleted. Type {session.short_key} to confirm.")
        return redirect("sessions:edit", session.pk)
    actions.delete_session(session, by=request.user)
    messages.success(request, f"{session.site_name} was deleted with its files and tickets.")
    return redirect("sessions:list")
