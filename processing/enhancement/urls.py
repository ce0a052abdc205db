"""Addresses of the help desk: its pages, its webhook."""

from django.urls import include, path

from .views import inbox, library, settings, tickets
from .views.webhook import servicedesk

pages = (
    [
        path("help-desk/", inbox.inbox, name="inbox"),
        path("help-desk/<uuid:enhancement_id>/", tickets.detail, name="detail"),
        path("help-desk/<uuid:enhancement_id>/retry/", tickets.retry, name="retry"),
        path("help-desk/<uuid:enhancement_id>/adopt/", tickets.adopt, name="adopt"),
        path("help-desk/<uuid:enhancement_id>/feedback/", tickets.feedback, name="feedback"),
        path("help-desk/<uuid:enhancement_id>/suggestions/<int:suggestion_id>/", tickets.decide, name="decide"),
        path("help-desk/<uuid:enhancement_id>/notes/<uuid:note_id>/", tickets.write_again, name="write-again"),
        path("workspaces/<uuid:workspace_id>/help-desk/", settings.settings_page, name="settings"),
        path("workspaces/<uuid:workspace_id>/library/", library.library, name="library"),
        path("workspaces/<uuid:workspace_id>/library/import/", library.bring_in, name="import"),
        path(
            "workspaces/<uuid:workspace_id>/library/imports/<uuid:import_id>/",
            library.import_detail,
            name="import-detail",
        ),
        path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/context/", tickets.from_ticket, name="from-ticket"),
    ],
    "enhancement",
)
urlpatterns = [
    path("", include(pages)),
    path("webhook/servicedesk", servicedesk, name="webhook-servicedesk"),
]
