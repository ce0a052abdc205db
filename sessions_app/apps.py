from django.apps import AppConfig


class SessionsAppConfig(AppConfig):
    name = "sessions_app"
    verbose_name = "Sessions and tickets"

    def ready(self) -> None:
        """Hear of those who leave."""
        from allauth.account import signals
        from django.contrib.auth.signals import user_logged_out

        from .doors import somebody_changed

        for signal in (user_logged_out, signals.password_changed, signals.password_set, signals.password_reset):
            signal.connect(somebody_changed, dispatch_uid="open-sockets")
