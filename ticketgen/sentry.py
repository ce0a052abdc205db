"""Errors to Sentry, where SENTRY_DSN is set. What leaves is written anew from what is known to be harmless.

Kinds of errors, places in the code, the route or the job, and the request id under which the log has the rest. No
messages of errors, as they may quote a cell, a key or a model's answer; no variables, arguments, bodies, headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from sessions_app.correlation import correlation_id

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

FLUSH: Final = 2
"""Seconds that the end of a process, and of a job that failed, waits for Sentry."""
OURS: Final = ("ticketgen", "processing", "sessions_app")
ROUTES: Final = ("route", "task", "component", "view")
"""Names of transactions that are patterns or paths of functions; anything else may be an address with its secrets."""
_KEPT: Final = ("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "server_name", "sdk")
_OF_FRAME: Final = ("filename", "module", "function", "lineno", "in_app")


def start() -> None:
    """Raises ImportError where the package is missing."""
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration
    from sentry_sdk.integrations.rq import RqIntegration

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        release=f"ticketgen@{settings.SPECTACULAR_SETTINGS['VERSION']}",
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            DjangoIntegration(middleware_spans=False),
            RqIntegration(),
            LoggingIntegration(level=None, sentry_logs_level=None),
            DedupeIntegration(),
            ExcepthookIntegration(),
            AtexitIntegration(callback=lambda pending, timeout: None),
        ],
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        send_client_reports=False,
        shutdown_timeout=FLUSH,
        before_send=harmless,
        before_send_transaction=lambda event, hint: None,
    )


def harmless(event: Event, hint: Hint) -> Event:
    """The event that is sent instead of this one."""
    given: Any = event
    sent: dict[str, Any] = {name: given[name] for name in _KEPT if name in given}
    sent["tags"] = {"request_id": correlation_id.get() or "none"}
    if given.get("transaction_info", {}).get("source") in ROUTES:
        sent["transaction"] = given.get("transaction")
        sent["transaction_info"] = given["transaction_info"]
    if said := given.get("logentry"):
        is_ours = str(given.get("logger", "")).partition(".")[0] in OURS
        sent["logentry"] = {"message": said.get("message") if is_ours else "A line of the log"}
    errors = given.get("exception", {}).get("values", ())
    sent["exception"] = {"values": [_without_words(error) for error in errors]}
    harmless_event: Event = sent  # type: ignore[assignment]
    return harmless_event


def _without_words(error: dict[str, Any]) -> dict[str, Any]:
    frames = (error.get("stacktrace") or {}).get("frames", ())
    mechanism = error.get("mechanism") or {}
    return {
        "type": error.get("type"),
        "module": error.get("module"),
        "value": "The log has the message, under the request id.",
        "mechanism": {name: mechanism[name] for name in ("type", "handled") if name in mechanism},
        "stacktrace": {"frames": [{name: frame.get(name) for name in _OF_FRAME} for frame in frames]},
    }
