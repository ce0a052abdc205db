"""API addresses of sessions, files and tickets."""

from django.urls import path

from . import files, sessions, tickets, workspaces

urlpatterns = [
    path("workspaces", workspaces.WorkspaceList.as_view(), name="workspaces"),
    path("sessions", sessions.SessionList.as_view(), name="sessions"),
    path("sessions/<uuid:session_id>", sessions.SessionDetail.as_view(), name="session"),
    path("sessions/<uuid:session_id>/files", files.FileList.as_view(), name="files"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>", files.FileDetail.as_view(), name="file"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>/preview", files.FilePreview.as_view(), name="file-preview"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>/mapping", files.FileMapping.as_view(), name="file-mapping"),
    path("sessions/<uuid:session_id>/tickets", tickets.TicketList.as_view(), name="tickets"),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>", tickets.TicketDetail.as_view(), name="ticket"),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/revisions",
        tickets.TicketRevisions.as_view(),
        name="revisions",
    ),
    path("sessions/<uuid:session_id>/tickets/bulk", tickets.Bulk.as_view(), name="bulk"),
    path("sessions/<uuid:session_id>/tickets/bulk/<uuid:change_id>/undo", tickets.BulkUndo.as_view(), name="bulk-undo"),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/comments", tickets.Comments.as_view(), name="comments"),
    path("sessions/<uuid:session_id>/graph", tickets.Graph.as_view(), name="graph"),
]
