"""Addresses of pages about runs, exports, models, connections and webhooks."""

from django.urls import include, path

from .views import (
    bundles,
    connections,
    export,
    models,
    operation,
    preview,
    readiness,
    rewriting,
    runs,
    trackers,
    webhooks,
)

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
preview_urls = (
    [
        path("tickets/preview/", preview.of_text, name="of-text"),
        path("tickets/<uuid:ticket_id>/as-sent/", preview.as_sent, name="as-sent"),
    ],
    "preview",
)
proposal_urls = (
    [
        path("", rewriting.proposals, name="list"),
        path("ask/", rewriting.propose, name="ask"),
        path("<uuid:proposal_id>/", rewriting.proposal, name="detail"),
        path("<uuid:proposal_id>/<slug:verb>/", rewriting.decide, name="decide"),
    ],
    "proposals",
)
readiness_urls = (
    [
        path("", readiness.readiness, name="page"),
        path("validate/", readiness.validate, name="validate"),
    ],
    "readiness",
)
webhook_urls = (
    [
        path("", webhooks.secrets, name="page"),
        path("<slug:purpose>/make/", webhooks.make, name="make"),
        path("<uuid:secret_id>/revoke/", webhooks.revoke, name="revoke"),
    ],
    "webhooks",
)
bundle_urls = (
    [
        path("removed-sessions/", bundles.bundle_list, name="list"),
        path("removed-sessions/<uuid:bundle_id>/", bundles.bundle, name="download"),
        path("sessions/<uuid:session_id>/bundle/", bundles.of_session, name="of-session"),
        path("sessions/<uuid:session_id>/keep/", bundles.keep, name="keep"),
    ],
    "bundles",
)
urlpatterns = [
    path("", include(bundle_urls)),
    path("operation/", include(([path("", operation.operation, name="page")], "operation"))),
    path("", include(run_urls)),
    path("sessions/<uuid:session_id>/", include(preview_urls)),
    path("sessions/<uuid:session_id>/readiness/", include(readiness_urls)),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/proposals/", include(proposal_urls)),
    path("sessions/<uuid:session_id>/tracker/", include(export_urls)),
    path("workspaces/<uuid:workspace_id>/connections/", include(connection_urls)),
    path("workspaces/<uuid:workspace_id>/models/", include(model_urls)),
    path("workspaces/<uuid:workspace_id>/webhooks/", include(webhook_urls)),
]
