"""API addresses of the help desk."""

from django.urls import path

from . import enhancements, imports, library

urlpatterns = [
    path("enhancements", enhancements.Enhancements.as_view(), name="enhancements"),
    path("enhancements/<uuid:enhancement_id>", enhancements.Enhancement.as_view(), name="enhancement"),
    path("enhancements/<uuid:enhancement_id>/retry", enhancements.Retry.as_view(), name="retry"),
    path(
        "enhancements/<uuid:enhancement_id>/suggestions/<int:suggestion_id>",
        enhancements.Decide.as_view(),
        name="decide",
    ),
    path("resolved-tickets", library.ResolvedTickets.as_view(), name="resolved-tickets"),
    path("knowledge", library.Knowledge.as_view(), name="knowledge"),
    path("assets", library.Assets.as_view(), name="assets"),
    path("library-imports", imports.LibraryImports.as_view(), name="library-imports"),
    path("library-imports/<uuid:import_id>", imports.LibraryImportView.as_view(), name="library-import"),
]
