"""The way to GitHub and Atlassian and back (OAuth 2.0, by django-allauth). Whom that lets in: ``sessions_app.sso``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.atlassian.provider import AtlassianProvider
from allauth.socialaccount.providers.atlassian.views import AtlassianOAuth2Adapter
from allauth.socialaccount.providers.base.provider import Provider, ProviderException
from allauth.socialaccount.providers.github.provider import GitHubProvider
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views import View
from django.views.decorators.http import require_GET


@contextmanager
def _readable() -> Iterator[None]:
    """What a provider answers comes from outside: if it makes no sense, that is an error to be told, not a crash."""
    try:
        yield
    except (AttributeError, ImproperlyConfigured, LookupError, TypeError, ValueError) as error:
        raise ProviderException(f"an answer that cannot be read ({type(error).__name__}: {error})") from error


class _OutsideAnswers:
    """Beside one of allauth's adapters: there only if it is set up, and careful with what it is told."""

    def get_provider(self) -> Provider:
        provider: Provider = super().get_provider()  # type: ignore[misc]
        if not provider.app.client_id:
            raise Http404
        return provider

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        with _readable():
            return dict(super().get_access_token_data(*args, **kwargs))  # type: ignore[misc]

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        with _readable():
            return super().parse_token(data)  # type: ignore[misc,no-any-return]

    def complete_login(self, *args: Any, **kwargs: Any) -> SocialLogin:
        with _readable():
            return super().complete_login(*args, **kwargs)  # type: ignore[misc,no-any-return]


class GitHubAdapter(_OutsideAnswers, GitHubOAuth2Adapter):
    """GitHub's addresses."""


class AtlassianAdapter(_OutsideAnswers, AtlassianOAuth2Adapter):
    """Atlassian's addresses."""


class _AsSetUp:
    """Beside one of allauth's providers: asks for what is set up, whatever the address says, and keeps little."""

    kept = ("login", "email", "name")
    """What tells a person which account it is."""

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return self.get_scope()  # type: ignore[attr-defined,no-any-return]

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, str]:
        return self.get_auth_params()  # type: ignore[attr-defined,no-any-return]

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in self.kept if isinstance(data.get(name), str)}

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        fields = super().extract_common_fields(data)  # type: ignore[misc]
        return {**fields, "email_verified": fields.get("email_verified") is True}

    def cleanup_email_addresses(
        self,
        email: str | None,
        addresses: list[EmailAddress],
        email_verified: bool = False,  # noqa: FBT001, FBT002 - allauth's signature
    ) -> str | None:
        """Only verified addresses of allowed domains are looked at, by us and by allauth.

        And only ASCII ones: others can become the address of somebody else by being put into lower case.
        """
        addresses[:] = [each for each in addresses if each.verified is True and _counts(each.email)]
        email = email if email_verified and _counts(email) else None
        first: str | None = super().cleanup_email_addresses(email, addresses, email_verified)  # type: ignore[misc]
        return first


def _counts(email: object) -> bool:
    if not isinstance(email, str) or not email.isascii():
        return False
    domains = settings.SSO_ALLOWED_DOMAINS
    return not domains or email.rpartition("@")[2].lower() in domains


class GitHub(_AsSetUp, GitHubProvider):
    oauth2_adapter_class = GitHubAdapter

    def extract_uid(self, data: dict[str, Any]) -> str:
        if not isinstance(data["id"], int):
            raise TypeError("the id is not a number")
        return str(data["id"])


class Atlassian(_AsSetUp, AtlassianProvider):
    oauth2_adapter_class = AtlassianAdapter


class LoginView(OAuth2LoginView):
    """GET asks whether to go there, POST goes.

    By a page that leads on, not by a redirect: browsers hold redirects after a form against ``form-action``, all of
    them up to the page where somebody signs in, and where a provider sends people on the way is its own affair.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        return View.dispatch(self, request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        provider = self.get_provider()  # type: ignore[no-untyped-call]
        context = {"provider": provider, "process": request.GET.get("process")}
        return render(request, "socialaccount/login.html", context)

    head = get

    def post(self, request: HttpRequest) -> HttpResponse:
        provider = self.get_provider()  # type: ignore[no-untyped-call]
        answer: HttpResponse = provider.redirect_from_request(request)
        if not isinstance(answer, HttpResponseRedirect):
            return answer
        page = render(request, "socialaccount/leave.html", {"provider": provider, "address": answer.url})
        page["Cache-Control"] = "no-store"
        return page


def _login(adapter: type[_OutsideAnswers]) -> Callable[..., HttpResponseBase]:
    view: Callable[..., HttpResponseBase] = LoginView.adapter_view(adapter)  # type: ignore[no-untyped-call]
    return view


def _callback(adapter: type[_OutsideAnswers]) -> Callable[..., HttpResponseBase]:
    view: Callable[..., HttpResponseBase] = OAuth2CallbackView.adapter_view(adapter)  # type: ignore[no-untyped-call]
    return require_GET(view)


github_login, github_callback = _login(GitHubAdapter), _callback(GitHubAdapter)
atlassian_login, atlassian_callback = _login(AtlassianAdapter), _callback(AtlassianAdapter)
