"""Addresses of pages about runs and exports."""

from django.urls import path

from .views import export, runs

app_name = "runs"
urlpatterns = [
    path("sessions/<uuid:session_id>/run/", runs.run, name="run"),
    path("sessions/<uuid:session_id>/run/<slug:verb>/", runs.act, name="act"),
    path("sessions/<uuid:session_id>/export/<slug:name>/", export.export_file, name="export-file"),
]
