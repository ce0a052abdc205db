"""Socket addresses. The last route answers unknown paths with a clean refusal."""

from django.urls import path, re_path

from . import consumers

websocket_urlpatterns = [
    path("api/processing/progress/<uuid:session_id>", consumers.ProgressConsumer.as_asgi(), name="progress"),
    path("ws/sessions/<uuid:session_id>/", consumers.SessionConsumer.as_asgi(), name="session"),
    re_path(r"^.*$", consumers.UnknownPath.as_asgi(), name="unknown"),
]
