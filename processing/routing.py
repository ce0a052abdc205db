"""Socket addresses. The last route answers unknown paths with a clean refusal."""

from typing import Any, cast

from django.urls import path, re_path

from . import consumers

websocket_urlpatterns: list[Any] = [
    path(
        "api/processing/progress/<uuid:session_id>", cast("Any", consumers.ProgressConsumer.as_asgi()), name="progress"
    ),
    path("ws/sessions/<uuid:session_id>/", cast("Any", consumers.SessionConsumer.as_asgi()), name="session"),
    re_path(r"^.*$", cast("Any", consumers.UnknownPath.as_asgi()), name="unknown"),
]
