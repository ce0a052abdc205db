"""The workspace's page of models: keys, addresses, limits, prices, and whether each can be reached."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from processing.engine.money import spent_this_month
from processing.errors import LLMError, ProcessingError
from processing.llm.addresses import require_allowed
from processing.llm.keys import configured
from processing.llm.registry import default_model
from processing.llm.service import LLMService
from processing.models import ProviderSettings
from sessions_app.models import AuditEvent, Membership, Workspace

PROVIDERS = tuple(name for name in settings.LLM_PROVIDER_LABELS if name != "offline")


class ProviderForm(forms.ModelForm[ProviderSettings]):
    """A provider's settings. The key is only ever written: an empty field keeps the present one."""

    new_key = forms.CharField(
        label="Key",
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    forget_key = forms.BooleanField(label="Forget the key that is stored", required=False)

    class Meta:
        model = ProviderSettings
        fields = ["base_url", "llm_model", "concurrency", "rpm", "tpm", "price_in", "price_out"]
        labels = {
            "base_url": "Address",
            "llm_model": "Default model",
            "concurrency": "Calls at once",
            "rpm": "Requests a minute",
            "tpm": "Tokens a minute",
            "price_in": "Price in, USD",
            "price_out": "Price out, USD",
        }
        help_texts = {
            "base_url": "Up to and with /v1, for example http://localhost:11434/v1 for Ollama.",
            "concurrency": "0: as many as the server takes.",
            "rpm": "0: no limit of ours.",
            "tpm": "0: no limit of ours.",
            "price_in": "Per million tokens. Only for models that the price list does not know.",
            "price_out": "Per million tokens.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.key
        self.fields["new_key"].help_text = (
            f"Stored, ends in {self.instance.key_hint}. Leave empty to keep it."
            if stored and self.instance.key_hint
            else "Stored. Leave empty to keep it."
            if stored
            else "Kept encrypted and never shown again."
        )
        if not stored:
            del self.fields["forget_key"]
        if self.instance.provider != "compatible":
            del self.fields["base_url"]
        self._address_before = self.instance.base_url
        for name in ("concurrency", "rpm", "tpm"):
            self.fields[name].required = False
        self.order_fields(["new_key", "forget_key", "base_url", "llm_model"])

    def clean_new_key(self) -> str:
        key: str = self.cleaned_data["new_key"].strip()
        if key and (not key.isascii() or not key.isprintable() or " " in key):
            raise forms.ValidationError("This does not look like a key: it has spaces or unusual characters.")
        return key

    def clean_base_url(self) -> str:
        address: str = self.cleaned_data["base_url"]
        if address:
            try:
                require_allowed(address)
            except LLMError as error:
                raise forms.ValidationError(error.message) from None
        return address

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("concurrency", "rpm", "tpm"):
            cleaned[name] = cleaned.get(name) or 0
        keeps_key = self.instance.key and not cleaned.get("new_key") and not cleaned.get("forget_key")
        if keeps_key and cleaned.get("base_url", self._address_before) != self._address_before:
            self.add_error("new_key", "Enter the key again: it would be sent to another address.")
        if (cleaned.get("price_in") is None) != (cleaned.get("price_out") is None):
            raise forms.ValidationError("Enter both prices or none.")
        return cleaned

    def applied(self) -> ProviderSettings:
        """The row as it should be, not saved yet."""
        row: ProviderSettings = self.save(commit=False)
        if self.cleaned_data.get("forget_key"):
            row.set_key("")
        if self.cleaned_data["new_key"]:
            row.set_key(self.cleaned_data["new_key"])
        return row


class BudgetForm(forms.ModelForm[Workspace]):
    """What all runs of the workspace may spend in a month."""

    class Meta:
        model = Workspace
        fields = ["monthly_budget"]
        labels = {"monthly_budget": "Limit of a month, in USD"}
        help_texts = {"monthly_budget": "Empty: no limit. Runs pause before they pass it."}


def _page(
    request: HttpRequest, workspace: Workspace, *, bound: ProviderForm | None = None, budget: BudgetForm | None = None
) -> HttpResponse:
    stored = {row.provider: row for row in ProviderSettings.objects.filter(workspace=workspace)}
    usable = configured(workspace)
    service = LLMService(workspace=workspace)
    rows = []
    for name in PROVIDERS:
        instance = stored.get(name) or ProviderSettings(workspace=workspace, provider=name)
        own = bool(instance.key or instance.base_url)
        rows.append(
            {
                "name": name,
                "label": settings.LLM_PROVIDER_LABELS[name],
                "form": bound
                if bound and bound.instance.provider == name
                else ProviderForm(instance=instance, prefix=name),
                "open": bool(bound and bound.instance.provider == name),
                "source": "workspace" if own else "environment" if name in usable else "",
                "model": _model_of(name, workspace) if name in usable else "",
                "health": service.remembered_health(name) if name in usable else None,
            }
        )
    context = {
        "workspace": workspace,
        "rows": rows,
        "budget_form": budget or BudgetForm(instance=workspace),
        "spent": spent_this_month(workspace),
        "may_own": workspace.role_of(request.user) == Membership.Role.OWNER,
    }
    status = 422 if bound or budget else 200
    return render(request, "processing/models/page.html", context, status=status)


def _model_of(name: str, workspace: Workspace) -> str:
    try:
        return default_model(name, workspace)
    except ProcessingError:
        return ""


@require_safe
def model_settings(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    """All providers of a workspace; its members may look, its owners change."""
    return _page(request, get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id))


@require_POST
def save_provider(request: HttpRequest, workspace_id: uuid.UUID, provider: str) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    _known(provider)
    row = ProviderSettings.objects.filter(workspace=workspace, provider=provider).first()
    form = ProviderForm(
        request.POST, instance=row or ProviderSettings(workspace=workspace, provider=provider), prefix=provider
    )
    if not form.is_valid():
        return _page(request, workspace, bound=form)
    saved = form.applied()
    saved.changed_by_id = request.user.pk
    saved.save()
    AuditEvent.record(
        "models.changed", workspace, by=request.user, details={"provider": provider, "changed": form.changed_data}
    )
    messages.success(request, f"The settings of {provider} are saved.")
    return redirect("models:page", workspace.pk)


@require_POST
def check_provider(request: HttpRequest, workspace_id: uuid.UUID, provider: str) -> HttpResponse:
    """Ask the server now, whatever is remembered."""
    workspace = _owned(request, workspace_id)
    _known(provider)
    health = LLMService(workspace=workspace).validate_connectivity(provider, fresh=True)
    if health["status"] == "unhealthy":
        messages.error(request, f"{provider}: {health.get('error', 'no answer')}")
    else:
        messages.success(request, f"{provider} answers, in {health.get('latency_ms', 0)} ms.")
    return redirect("models:page", workspace.pk)


@require_POST
def save_budget(request: HttpRequest, workspace_id: uuid.UUID) -> HttpResponse:
    workspace = _owned(request, workspace_id)
    before = workspace.monthly_budget
    form = BudgetForm(request.POST, instance=workspace)
    if not form.is_valid():
        return _page(request, workspace, budget=form)
    form.save()
    details = {"from": str(before), "to": str(workspace.monthly_budget)}
    AuditEvent.record("models.limit_changed", workspace, by=request.user, details=details)
    messages.success(request, "The limit is saved.")
    return redirect("models:page", workspace.pk)


def _known(provider: str) -> None:
    if provider not in PROVIDERS:
        raise Http404("There is no such provider.")


def _owned(request: HttpRequest, workspace_id: uuid.UUID) -> Workspace:
    workspace = get_object_or_404(Workspace.objects.visible_to(request.user), pk=workspace_id)
    if workspace.role_of(request.user) != Membership.Role.OWNER:
        raise PermissionDenied("Only an owner may change the workspace's models.")
    return workspace
