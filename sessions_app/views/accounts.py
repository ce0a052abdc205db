"""Signing in (django-allauth) and API tokens (django-rest-knox)."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.adapter import DefaultAccountAdapter
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST
from knox.models import AuthToken

from sessions_app.models import AuditEvent


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by administrators unless ALLOW_SIGNUP says otherwise."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.ALLOW_SIGNUP)


class TokenForm(forms.Form):
    days = forms.TypedChoiceField(
        label="Valid for",
        choices=[(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")],
        coerce=int,
        initial=90,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("token")
def tokens(request: HttpRequest) -> HttpResponse:
    """The user's API tokens; a new one is shown once, on the answer to the form, and never again."""
    token = ""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made, token = AuthToken.objects.create(  # type: ignore[no-untyped-call]
            request.user, expiry=timedelta(days=form.cleaned_data["days"])
        )
        AuditEvent.record("token.created", request.user, by=request.user, details={"token": made.token_key})  # type: ignore[arg-type]
        form = TokenForm()
    mine = AuthToken.objects.filter(user=request.user).select_related("use").order_by("-created")
    response = render(
        request,
        "sessions_app/accounts/tokens.html",
        {"form": form, "tokens": mine, "new_token": token, "now": timezone.now()},
    )
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def revoke_token(request: HttpRequest, token_key: str) -> HttpResponse:
    """End one of the user's own tokens now."""
    token = get_object_or_404(AuthToken, user=request.user, token_key=token_key)
    AuditEvent.record("token.revoked", request.user, by=request.user, details={"token": token_key})  # type: ignore[arg-type]
    token.delete()
    messages.success(request, "The token was revoked. Programs that use it are refused from now on.")
    return redirect("accounts:tokens")
