"""Addresses of assessments: pages, the workspace's targets of events, and the door for callbacks."""

from django.urls import include, path

from .callbacks import callback
from .views import assessments, judging, sessions, targets

assessment_urls = (
    [
        path("assessments/", assessments.assessment_list, name="list"),
        path("assessments/new/", assessments.new, name="new"),
        path("assessments/<uuid:assessment_id>/", assessments.detail, name="detail"),
        path("assessments/<uuid:assessment_id>/judge/", judging.judge, name="judge"),
        path("assessments/<uuid:assessment_id>/do/<slug:verb>/", assessments.act, name="act"),
        path("assessments/<uuid:assessment_id>/file/<slug:name>/", assessments.ranking_file, name="file"),
        path("sessions/<uuid:session_id>/assess/", sessions.assess, name="session"),
        path("workspaces/<uuid:workspace_id>/assessment-events/", targets.page, name="targets"),
        path(
            "workspaces/<uuid:workspace_id>/assessment-events/<uuid:target_id>/delete/",
            targets.delete,
            name="target-delete",
        ),
        path(
            "workspaces/<uuid:workspace_id>/assessment-events/again/<uuid:delivery_id>/",
            targets.again,
            name="target-again",
        ),
    ],
    "assessments",
)
urlpatterns = [
    path("", include(assessment_urls)),
    path("callbacks/assessment", callback, name="assessment-callback"),
]
