"""All addresses. tests/test_access.py walks them: a new one without a rule fails."""

from allauth.account.decorators import secure_admin_login
from allauth.socialaccount import views as connected
from allauth.socialaccount.providers import registry
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.negotiation import DefaultContentNegotiation

from processing.views.metrics import metrics
from sessions_app.views import accounts, audit, sso, workspaces

from . import health

admin.autodiscover()
registry.load()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign,no-untyped-call]
admin.site.site_header = "ticketgen workshop"

handler400 = "sessions_app.views.errors.bad_request"
handler403 = "sessions_app.views.errors.forbidden"
handler404 = "sessions_app.views.errors.not_found"
handler500 = "sessions_app.views.errors.server_error"

account_urls = (
    [
        path("tokens/", accounts.tokens, name="tokens"),
        path("tokens/<str:token_key>/revoke/", accounts.revoke_token, name="revoke-token"),
    ],
    "accounts",
)
# The names are those that allauth asks for.
sso_urls = [
    path("connected/", connected.connections, name="socialaccount_connections"),
    path("connected/cancelled/", connected.login_cancelled, name="socialaccount_login_cancelled"),
    path("connected/signup/", connected.signup, name="socialaccount_signup"),
    path("github/login/", sso.github_login, name="github_login"),
    path("github/login/callback/", sso.github_callback, name="github_callback"),
    path("atlassian/login/", sso.atlassian_login, name="atlassian_login"),
    path("atlassian/login/callback/", sso.atlassian_callback, name="atlassian_callback"),
]
workspace_urls = (
    [
        path("", workspaces.workspace_list, name="list"),
        path("<uuid:workspace_id>/members/", workspaces.add_member, name="add-member"),
        path("<uuid:workspace_id>/members/<int:membership_id>/", workspaces.change_member, name="change-member"),
        path("<uuid:workspace_id>/invitations/", workspaces.invite, name="invite"),
        path(
            "<uuid:workspace_id>/invitations/<uuid:invitation_id>/withdraw/",
            workspaces.withdraw_invitation,
            name="invitation-withdraw",
        ),
        path("join/", workspaces.join, name="join"),
        path("<uuid:workspace_id>/audit/", audit.audit_log, name="audit"),
        path("<uuid:workspace_id>/audit.csv", audit.audit_file, name="audit-file"),
    ],
    "workspaces",
)

urlpatterns = [
    path("", include("sessions_app.urls")),
    path("", include("processing.urls")),
    path("", include("processing.enhancement.urls")),
    path("", include("processing.assessment.urls")),
    path("account/", include(account_urls)),
    path("workspaces/", include(workspace_urls)),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/", include(sso_urls)),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("api/", include(("sessions_app.api.urls", "api"))),
    path("api/", include(("processing.api.urls", "api-runs"))),
    path("api/", include(("processing.enhancement.api.urls", "api-enhancement"))),
    path("api/", include(("processing.assessment.api.urls", "api-assessments"))),
    path("api/schema/", SpectacularAPIView.as_view(content_negotiation_class=DefaultContentNegotiation), name="schema"),
    path("api/docs/", require_safe(SpectacularSwaggerView.as_view(url_name="schema")), name="docs"),
    path("health", health.health, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("django-rq/", include("django_rq.urls")),
]
