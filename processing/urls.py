"""Addresses of pages about runs, exports and models."""

from django.urls import include, path

from .views import export, models, runs

run_urls = (
    [
        path("sessions/<uuid:session_id>/run/", runs.run, name="run"),
        path("sessions/<uuid:session_id>/run/<slug:verb>/", runs.act, name="act"),
        path("sessions/<uuid:session_id>/export/<slug:name>/", export.export_file, name="export-file"),
    ],
    "runs",
)
model_urls = (
    [
        path("", models.model_settings, name="page"),
        path("budget/", models.save_budget, name="budget"),
        path("<slug:provider>/", models.save_provider, name="save"),
        path("<slug:provider>/check/", models.check_provider, name="check"),
    ],
    "models",
)
urlpatterns = [
    path("", include(run_urls)),
    path("workspaces/<uuid:workspace_id>/models/", include(model_urls)),
]
