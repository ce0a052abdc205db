"""The socket address of assessments."""

from typing import Any, cast

from django.urls import path

from .consumers import AssessmentConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/assessments/<uuid:assessment_id>/", cast("Any", AssessmentConsumer.as_asgi()), name="assessment"),
]
