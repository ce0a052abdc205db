"""API addresses of runs, validations and exports."""

from django.urls import path

from . import export, runs, validation

urlpatterns = [
    path("sessions/<uuid:session_id>/estimate", runs.Estimate.as_view(), name="estimate"),
    path("sessions/<uuid:session_id>/process", runs.Process.as_view(), name="process"),
    path("sessions/<uuid:session_id>/process/status", runs.ProcessStatus.as_view(), name="process-status"),
    path("sessions/<uuid:session_id>/process/cancel", runs.Cancel.as_view(), name="process-cancel"),
    path("sessions/<uuid:session_id>/process/retry", runs.Retry.as_view(), name="process-retry"),
    path("sessions/<uuid:session_id>/process/pause", runs.Pause.as_view(), name="process-pause"),
    path("sessions/<uuid:session_id>/process/resume", runs.Resume.as_view(), name="process-resume"),
    path("sessions/<uuid:session_id>/process/errors", runs.Errors.as_view(), name="process-errors"),
    path("sessions/<uuid:session_id>/validate", validation.Validate.as_view(), name="validate"),
    path("sessions/<uuid:session_id>/validate/status", validation.ValidateStatus.as_view(), name="validate-status"),
    path("sessions/<uuid:session_id>/validate/cancel", validation.ValidateCancel.as_view(), name="validate-cancel"),
    path(
        "sessions/<uuid:session_id>/validate/problems", validation.ValidateProblems.as_view(), name="validate-problems"
    ),
    path("sessions/<uuid:session_id>/export/file", export.ExportFile.as_view(), name="export-file"),
    # Seed 002's address, which its clients poll after a lost socket (D-16).
    path("processing/status/<uuid:session_id>", runs.ProcessStatus.as_view(), name="processing-status"),
]
