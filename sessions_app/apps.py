from django.apps import AppConfig


class SessionsAppConfig(AppConfig):
    name = "sessions_app"
    verbose_name = "Sessions and tickets"

    def ready(self) -> None:
        """Hear of those who come, leave and try."""
        from allauth.account import signals
        from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

        from . import security
        from .doors import somebody_changed

        user_logged_in.connect(security.signed_in, dispatch_uid="signed-in")
        user_logged_out.connect(security.signed_out, dispatch_uid="signed-out")
        user_login_failed.connect(security.sign_in_failed, dispatch_uid="sign-in-failed")

        for signal in (user_logged_out, signals.password_changed, signals.password_set, signals.password_reset):
            signal.connect(somebody_changed, dispatch_uid="open-sockets")
