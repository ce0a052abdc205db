"""Addresses of pages about sessions, files and tickets."""

from django.urls import path

from .views import duplicates, files, imports, order, review, sample, saved_views, sessions, tickets

app_name = "sessions"
urlpatterns = [
    path("", sessions.session_list, name="list"),
    path("sessions/new/", sessions.session_new, name="new"),
    path("sample.zip", sample.sample_zip, name="sample"),
    path("sessions/<uuid:session_id>/", sessions.session_detail, name="detail"),
    path("sessions/<uuid:session_id>/edit/", sessions.session_edit, name="edit"),
    path("sessions/<uuid:session_id>/delete/", sessions.session_delete, name="delete"),
    path("sessions/<uuid:session_id>/upload/", imports.upload, name="upload"),
    path("sessions/<uuid:session_id>/import/<uuid:batch_id>/", imports.preview, name="import"),
    path("sessions/<uuid:session_id>/import/<uuid:batch_id>/confirm/", imports.confirm, name="import-confirm"),
    path("sessions/<uuid:session_id>/import/<uuid:batch_id>/discard/", imports.discard, name="import-discard"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>/", files.file_detail, name="file"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>/mapping/", files.file_mapping, name="file-mapping"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>/delete/", files.file_delete, name="file-delete"),
    path("sessions/<uuid:session_id>/files/<uuid:file_id>/rows/<slug:which>.csv", files.file_rows, name="file-rows"),
    path("sessions/<uuid:session_id>/order/", order.order_page, name="order"),
    path(
        "sessions/<uuid:session_id>/dependencies/<int:link_id>/<slug:change>/",
        order.change_dependency,
        name="dependency",
    ),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/dependencies/",
        order.add_dependency,
        name="dependency-add",
    ),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/move/", order.move_ticket, name="ticket-move"),
    path("sessions/<uuid:session_id>/duplicates/", duplicates.duplicate_list, name="duplicates"),
    path("sessions/<uuid:session_id>/duplicates/decide/", duplicates.decide, name="duplicate-decide"),
    path("sessions/<uuid:session_id>/tickets/", tickets.ticket_list, name="tickets"),
    path("sessions/<uuid:session_id>/tickets/views/", saved_views.view_keep, name="view-keep"),
    path(
        "sessions/<uuid:session_id>/tickets/views/<uuid:view_id>/remove/", saved_views.view_remove, name="view-remove"
    ),
    path("sessions/<uuid:session_id>/tickets/bulk/", review.tickets_bulk, name="tickets-bulk"),
    path("sessions/<uuid:session_id>/tickets/bulk/<uuid:change_id>/", review.bulk_result, name="bulk-result"),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/", tickets.ticket_detail, name="ticket"),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/edit/", review.ticket_edit, name="ticket-edit"),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/history/", review.ticket_history, name="ticket-history"),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/history/<int:number>/restore/",
        review.ticket_restore,
        name="ticket-restore",
    ),
    path("sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/comments/", review.ticket_comment, name="ticket-comment"),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/comments/<uuid:comment_id>/resolve/",
        review.comment_resolve,
        name="comment-resolve",
    ),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/judge/<slug:verb>/",
        review.ticket_judge,
        name="ticket-judge",
    ),
    path(
        "sessions/<uuid:session_id>/tickets/<uuid:ticket_id>/marks/dismiss/", tickets.mark_dismiss, name="mark-dismiss"
    ),
]
