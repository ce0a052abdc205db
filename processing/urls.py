"""Addresses of pages about runs, exports, models and connections."""

from django.urls import include, path

from .views import connections, export, models, runs, trackers

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
export_urls = (
    [
        path("", trackers.tracker, name="page"),
        path("report/", trackers.report, name="report"),
        path("preview/<uuid:connection_id>/", trackers.preview, name="preview"),
        path("records/<uuid:record_id>/", trackers.settle, name="record"),
        path("do/<slug:verb>/", trackers.act, name="act"),
    ],
    "exports",
)
connection_urls = (
    [
        path("", connections.connections, name="page"),
        path("add/", connections.add, name="add"),
        path("<uuid:connection_id>/", connections.save, name="save"),
        path("<uuid:connection_id>/check/", connections.check, name="check"),
        path("<uuid:connection_id>/delete/", connections.delete, name="delete"),
    ],
    "connections",
)
urlpatterns = [
    path("", include(run_urls)),
    path("sessions/<uuid:session_id>/tracker/", include(export_urls)),
    path("workspaces/<uuid:workspace_id>/connections/", include(connection_urls)),
    path("workspaces/<uuid:workspace_id>/models/", include(model_urls)),
]
