"""Sessions: list, make, look at, change, delete."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions_app.actions import sessions as actions
from sessions_app.actions.imports import findings_across, specification_of
from sessions_app.filters import filtered_sessions
from sessions_app.inspection import grouped
from sessions_app.models import Session, Workspace
from sessions_app.models.sessions import LANGUAGES
from sessions_app.parsing.csv_types import CSV_TYPES, GROUP_ORDER
from sessions_app.providers import offered, problem_with_fallbacks, prompt_versions

from .access import session_or_404
from .imports import limits

PER_PAGE = 50


class SessionForm(forms.ModelForm[Session]):
    """A session's choices. Only the site's name is asked for; the rest has good defaults."""

    llm_provider_choice = forms.ChoiceField(label="Who writes the tickets", required=False)
    granularity = forms.ChoiceField(
        label="One ticket for each",
        choices=[("row", "row of the specification"), ("parent", "bundle, view, image style, workflow …")],
        required=False,
    )
    language = forms.ChoiceField(label="Language of the tickets", choices=LANGUAGES, required=False)
    prompt_version = forms.ChoiceField(label="Prompt", required=False)
    fallback = forms.ChoiceField(label="If that fails, ask", required=False)
    fallback_model = forms.CharField(label="Its model", max_length=120, required=False)

    class Meta:
        model = Session
        fields = [
            "workspace",
            "site_name",
            "site_description",
            "granularity",
            "llm_provider_choice",
            "llm_model",
            "language",
            "temperature",
            "prompt_version",
            "economy",
            "budget",
        ]
        widgets = {"site_description": forms.Textarea(attrs={"rows": 3})}
        labels = {
            "site_name": "Name of the site",
            "site_description": "What the site is for",
            "llm_model": "Model",
            "temperature": "Temperature",
            "economy": "Economy: half the price, but the answers may take hours",
            "budget": "Limit of a run, in USD",
        }
        help_texts = {
            "site_description": "A sentence or two; the tickets refer to it.",
            "llm_model": "Empty: the workspace's or the provider's default.",
            "temperature": "0 to 2. Empty: the model's default, the best choice for most.",
            "budget": "A run pauses before it passes the limit.",
        }

    MODEL_FIELDS = (
        "llm_model",
        "language",
        "temperature",
        "prompt_version",
        "fallback",
        "fallback_model",
        "economy",
        "budget",
    )
    """What only a model needs: folded away, as the offline writer takes none of it."""

    def __init__(self, *args: object, user: AbstractBaseUser | AnonymousUser, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        mine = Workspace.objects.editable_by(user)
        self.fields["workspace"].queryset = mine  # type: ignore[attr-defined]
        self.fields["workspace"].initial = mine.first()
        if len(mine) == 1:
            self.fields["workspace"].widget = forms.HiddenInput()
        if not self.instance._state.adding:  # a new one has its id already
            del self.fields["workspace"]
            mine = mine.filter(pk=self.instance.workspace_id)
        choices = dict(choice for workspace in (*mine, None) for choice in offered(workspace))
        self._choose("llm_provider_choice", choices)
        self._choose("fallback", {"": "nobody"} | choices)
        self._choose("prompt_version", {"": "The newest", **{name: name for name in prompt_versions()}})
        if self.instance.fallbacks:
            self.fields["fallback"].initial = self.instance.fallbacks[0]["provider"]
            self.fields["fallback_model"].initial = self.instance.fallbacks[0].get("model", "")

    def _choose(self, name: str, choices: dict[str, str]) -> None:
        self.fields[name].choices = list(choices.items())  # type: ignore[attr-defined]

    @property
    def plain_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in self.MODEL_FIELDS]

    @property
    def model_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.MODEL_FIELDS]

    @property
    def model_fields_open(self) -> bool:
        """Is there anything in them to see?"""
        chosen = self["llm_provider_choice"].value() or "offline"
        return chosen != "offline" or any(self[name].errors for name in self.MODEL_FIELDS)

    def clean_llm_provider_choice(self) -> str:
        return self.cleaned_data["llm_provider_choice"] or "offline"

    def clean_granularity(self) -> str:
        return self.cleaned_data["granularity"] or Session.Granularity.ROW

    def clean_language(self) -> str:
        return self.cleaned_data["language"] or "en"

    def clean(self) -> dict[str, Any]:
        """The provider has to be one of the chosen workspace; the fallback becomes a list of one."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        workspace = cleaned.get("workspace") or (None if self.instance._state.adding else self.instance.workspace)
        if cleaned.get("llm_provider_choice") not in dict(offered(workspace)):
            self.add_error("llm_provider_choice", "The workspace has no key for this one.")
        provider, model = cleaned.pop("fallback", ""), cleaned.pop("fallback_model", "")
        # More than one can be set by the API; the page shows and changes the first.
        first = [{"provider": provider, "model": model}] if provider else []
        cleaned["fallbacks"] = first + (self.instance.fallbacks or [])[1:] if first else []
        if problem := problem_with_fallbacks(cleaned["fallbacks"], workspace):
            self.add_error("fallback", problem)
        return cleaned


@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """The sessions of all of the user's workspaces, a page at a time."""
    wanted = {name: request.GET.get(name, "") for name in ("q", "stage", "workspace")}
    sessions = filtered_sessions(request.user, wanted).select_related("workspace").with_counts()
    page = Paginator(sessions, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "wanted": wanted,
        "stages": Session.Stage.choices,
        "workspaces": Workspace.objects.visible_to(request.user).order_by("name"),
        "is_filtered": any(wanted.values()),
        "may_create": Workspace.objects.editable_by(request.user).exists(),
    }
    return render(request, "sessions_app/sessions/list.html", context)


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
