from allauth.socialaccount.apps import SocialAccountConfig
from django.apps import AppConfig


class OutsideAccountsConfig(SocialAccountConfig):
    """allauth's, but the providers, with their HTTP client, are loaded by urls.py: workers start without them."""

    def ready(self) -> None:
        pass


class SessionsAppConfig(AppConfig):
    default = True
    name = "sessions_app"
    verbose_name = "Sessions and tickets"

    def ready(self) -> None:
        """Hear of those who come, leave and try."""
        from allauth.account import signals
        from allauth.mfa import signals as mfa
        from allauth.socialaccount import signals as sso
        from allauth.usersessions.models import UserSession
        from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
        from django.db.models.signals import post_delete

        from . import security
        from .doors import login_ended, somebody_changed

        user_logged_in.connect(security.signed_in, dispatch_uid="signed-in")
        user_logged_out.connect(security.signed_out, dispatch_uid="signed-out")
        user_login_failed.connect(security.sign_in_failed, dispatch_uid="sign-in-failed")
        mfa.authenticator_added.connect(security.second_step_added, dispatch_uid="second-step-added")
        mfa.authenticator_removed.connect(security.second_step_removed, dispatch_uid="second-step-removed")
        mfa.authenticator_reset.connect(security.second_step_reset, dispatch_uid="second-step-reset")
        signals.user_logged_in.connect(security.signed_in_from_outside, dispatch_uid="signed-in-from-outside")
        sso.social_account_added.connect(security.outside_account_connected, dispatch_uid="outside-connected")
        sso.social_account_removed.connect(security.outside_account_disconnected, dispatch_uid="outside-disconnected")

        post_delete.connect(login_ended, sender=UserSession, dispatch_uid="login-ended")
        for signal in (user_logged_out, signals.password_changed, signals.password_set, signals.password_reset):
            signal.connect(somebody_changed, dispatch_uid="open-sockets")
