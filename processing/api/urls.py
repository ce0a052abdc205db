"""API addresses of runs, validations and exports."""

from django.urls import path

from . import connections, export, proposals, runs, trackers, validation

PROPOSALS = "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/proposals"

urlpatterns = [
    path("sessions/<uuid:session_id>/estimate", runs.Estimate.as_view(), name="estimate"),
    path("sessions/<uuid:session_id>/process", runs.Process.as_view(), name="process"),
    path("sessions/<uuid:session_id>/process/status", runs.ProcessStatus.as_view(), name="process-status"),
    path("sessions/<uuid:session_id>/process/cancel", runs.Cancel.as_view(), name="process-cancel"),
    path("sessions/<uuid:session_id>/process/retry", runs.Retry.as_view(), name="process-retry"),
    path("sessions/<uuid:session_id>/process/pause", runs.Pause.as_view(), name="process-pause"),
    path("sessions/<uuid:session_id>/process/resume", runs.Resume.as_view(), name="process-resume"),
    path("sessions/<uuid:session_id>/process/errors", runs.Errors.as_view(), name="process-errors"),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/regenerate",
        proposals.Regenerate.as_view(),
        name="regenerate",
    ),
    path(PROPOSALS, proposals.Proposals.as_view(), name="proposals"),
    path(f"{PROPOSALS}/<uuid:proposal_id>", proposals.ProposalDetail.as_view(), name="proposal"),
    path(f"{PROPOSALS}/<uuid:proposal_id>/accept", proposals.ProposalAccept.as_view(), name="proposal-accept"),
    path(f"{PROPOSALS}/<uuid:proposal_id>/discard", proposals.ProposalDiscard.as_view(), name="proposal-discard"),
    path(f"{PROPOSALS}/<uuid:proposal_id>/revise", proposals.ProposalRevise.as_view(), name="proposal-revise"),
    path("sessions/<uuid:session_id>/validate", validation.Validate.as_view(), name="validate"),
    path("sessions/<uuid:session_id>/validate/status", validation.ValidateStatus.as_view(), name="validate-status"),
    path("sessions/<uuid:session_id>/validate/cancel", validation.ValidateCancel.as_view(), name="validate-cancel"),
    path(
        "sessions/<uuid:session_id>/validate/problems", validation.ValidateProblems.as_view(), name="validate-problems"
    ),
    path("sessions/<uuid:session_id>/export/file", export.ExportFile.as_view(), name="export-file"),
    path("sessions/<uuid:session_id>/export", trackers.Export.as_view(), name="export"),
    path("sessions/<uuid:session_id>/export/dry-run", trackers.DryRun.as_view(), name="export-dry-run"),
    path("sessions/<uuid:session_id>/export/status", trackers.ExportStatus.as_view(), name="export-status"),
    path("sessions/<uuid:session_id>/export/cancel", trackers.ExportCancel.as_view(), name="export-cancel"),
    path("sessions/<uuid:session_id>/export/pause", trackers.ExportPause.as_view(), name="export-pause"),
    path("sessions/<uuid:session_id>/export/resume", trackers.ExportResume.as_view(), name="export-resume"),
    path("sessions/<uuid:session_id>/export/report", trackers.ExportReport.as_view(), name="export-report"),
    path("sessions/<uuid:session_id>/export/records", trackers.ExportRecords.as_view(), name="export-records"),
    path(
        "sessions/<uuid:session_id>/export/records/<uuid:record_id>/retry",
        trackers.RecordRetry.as_view(),
        name="export-retry",
    ),
    path(
        "sessions/<uuid:session_id>/export/records/<uuid:record_id>/resolve",
        trackers.RecordResolve.as_view(),
        name="export-resolve",
    ),
    path("workspaces/<slug:slug>/connections", connections.Connections.as_view(), name="connections"),
    path(
        "workspaces/<slug:slug>/connections/<uuid:connection_id>",
        connections.ConnectionDetail.as_view(),
        name="connection",
    ),
    path(
        "workspaces/<slug:slug>/connections/<uuid:connection_id>/check",
        connections.ConnectionCheck.as_view(),
        name="connection-check",
    ),
    # Seed 002's address, which its clients poll after a lost socket (D-16).
    path("processing/status/<uuid:session_id>", runs.ProcessStatus.as_view(), name="processing-status"),
]
