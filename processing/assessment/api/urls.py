"""API addresses of assessments."""

from django.urls import path

from . import assessments

urlpatterns = [
    path("assessments", assessments.Assessments.as_view(), name="list"),
    path("assessments/<uuid:assessment_id>", assessments.AssessmentDetail.as_view(), name="detail"),
    path("assessments/<uuid:assessment_id>/start", assessments.Start.as_view(), name="start"),
    path("assessments/<uuid:assessment_id>/cancel", assessments.Cancel.as_view(), name="cancel"),
    path("assessments/<uuid:assessment_id>/resume", assessments.Resume.as_view(), name="resume"),
    path("assessments/<uuid:assessment_id>/ranking", assessments.Ranking.as_view(), name="ranking"),
    path("assessments/<uuid:assessment_id>/comparisons", assessments.Comparisons.as_view(), name="comparisons"),
]
