"""Whom an account at GitHub or Atlassian lets in (django-allauth's social accounts).

Somebody who connected it before, while signed in. With ``SSO_SIGN_IN_BY_EMAIL`` also the one person who has an address
that the provider vouches for. A new account is made where ``ALLOW_SIGNUP`` is on, or for an invitation, which is used
up by it. Everybody else gets a page that says why, and nothing is made.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.base.provider import Provider
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.shortcuts import render
from django.urls import reverse

from sessions_app import security
from sessions_app.actions.workspaces import accept
from sessions_app.models import AuditEvent, Invitation


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    error_messages = {
        **DefaultSocialAccountAdapter.error_messages,
        "no_password": "You could not sign in any more. Set a password first.",
    }

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """An empty one for a provider that is off: what was connected to it can still be seen and taken away."""
        try:
            app: SocialApp = super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist:
            app = SocialApp(provider=provider)
        return app

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The one person who has a verified address of the account, if the operator trusts that.

        The address beside them is empty on purpose: allauth would take away the password of somebody whose address was
        never confirmed here, as are all that administrators entered. Whom it wants to stop by that is not found at all.
        """
        if not settings.SSO_SIGN_IN_BY_EMAIL or _is_connecting(sociallogin):
            return None
        addresses = _addresses(sociallogin)
        found = list(people_with(addresses))
        return (found[0], "") if len(found) == 1 and _is_surely_theirs(found[0], addresses) else None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse whom the account does not let in, before anything is made."""
        sociallogin.token = None  # it would wait in the browser's session while a password is asked for
        if _is_connecting(sociallogin) or sociallogin.is_existing:
            return
        reason = self._reason_against(request, sociallogin)
        if reason:
            security.outside_account_refused(sociallogin.account, reason)
            context = {"provider": sociallogin.provider, "account": sociallogin.account, "reason": reason}
            context["domains"] = settings.SSO_ALLOWED_DOMAINS
            raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", context, status=403))

    def _reason_against(self, request: HttpRequest, sociallogin: SocialLogin) -> str:
        """``""`` if a new account may be made."""
        if people_with(_addresses(sociallogin)).exists():
            return "taken"
        if not self.is_open_for_signup(request, sociallogin):
            return "unknown"
        return "domain" if settings.SSO_ALLOWED_DOMAINS and not _addresses(sociallogin) else ""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(settings.ALLOW_SIGNUP or _invitation(sociallogin))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """A new account; with an invitation also its place in the workspace.

        Raises WrongState if somebody else took the invitation meanwhile; then there is no account either.
        """
        token = _invitation(sociallogin)
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            AuditEvent.record(
                "sso.account_made", user, by=user, details={"account": security.outside(sociallogin.account)}
            )
            if token:
                messages.success(request, f"You belong to {accept(token, by=user)} now.")
                sociallogin.state["next"] = reverse("workspaces:list")
        return user

    def validate_disconnect(self, account: SocialAccount, accounts: QuerySet[SocialAccount]) -> None:
        """Raises ValidationError if nobody could sign in afterwards."""
        usable = [name for name, provider in settings.SOCIALACCOUNT_PROVIDERS.items() if provider["APPS"]]
        others = accounts.exclude(pk=account.pk).filter(provider__in=usable)
        if not account.user.has_usable_password() and not others.exists():
            raise self.validation_error("no_password")

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        if error != AuthError.CANCELLED:
            secret = provider.app.secret
            reason = f"{type(exception).__name__}: {exception}" if exception else "no valid state, or refused there"
            security.outside_sign_in_failed(provider.id, reason.replace(secret, "…") if secret else reason)


def people_with(addresses: list[str]) -> QuerySet[User]:
    """All who have one of these e-mail addresses, whether they ever confirmed it or not."""
    if not addresses:
        return get_user_model().objects.none()
    each = (Q(email__iexact=address) | Q(emailaddress__email__iexact=address) for address in addresses)
    return get_user_model().objects.filter(reduce(or_, each)).distinct()


def _is_surely_theirs(user: User, addresses: list[str]) -> bool:
    """Confirmed here by a mail, or entered by an administrator: what people enter themselves leaves a row behind."""
    entered = {each.email.lower(): each.verified for each in user.emailaddress_set.all()}
    return any(entered.get(each, user.email.lower() == each) for each in addresses)


def _addresses(sociallogin: SocialLogin) -> list[str]:
    """Lower case. Only verified ones of allowed domains reach this (views/sso.py)."""
    return [each.email.lower() for each in sociallogin.email_addresses]


def _is_connecting(sociallogin: SocialLogin) -> bool:
    return bool(sociallogin.state.get("process") == AuthProcess.CONNECT)


def _invitation(sociallogin: SocialLogin) -> str:
    """The token of an open invitation, if its link is where the person wants to go; else ``""``."""
    target = urlsplit(sociallogin.state.get("next") or "")
    if target.path != reverse("workspaces:join"):
        return ""
    token = (QueryDict(target.query).get("invitation") or "").strip()
    return token if Invitation.objects.open().of_token(token).exists() else ""
