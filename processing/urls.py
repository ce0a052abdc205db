"""Addresses of pages about runs and exports."""

from django.urls import path, re_path

from .views import export, runs

app_name = "runs"
urlpatterns = [
    path("sessions/<uuid:session_id>/run/", runs.run, name="run"),
    re_path(
        r"^sessions/(?P<session_id>[0-9a-f-]{36})/run/(?P<verb>start|cancel|pause|resume|retry)/$", runs.act, name="act"
    ),
    path("sessions/<uuid:session_id>/export/<slug:name>/", export.export_file, name="export-file"),
]
